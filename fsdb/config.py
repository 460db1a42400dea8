"""Settings: where the database is, where the embedded one keeps its data, and where columnar copies go."""

import os
from pathlib import Path

import platformdirs

URL_VARIABLE = "FSDB_URL"
DATA_VARIABLE = "FSDB_DATA"
WAREHOUSE_VARIABLE = "FSDB_WAREHOUSE"
MEMORY_VARIABLE = "FSDB_MEMORY"

CATALOG_SCHEMA = "fsdb"
HISTORY_SCHEMA = "fsdb_history"
TRAINING_SCHEMA = "fsdb_training"
MODEL_SCHEMA = "fsdb_models"
ICEBERG_SCHEMA = "fsdb_iceberg"

MINIMUM_SERVER = 150000  # server_version_num of PostgreSQL 15: MERGE, and security_invoker views


def configured_url() -> str | None:
    """The URL of `$FSDB_URL`, or None when the embedded server is meant."""
    return os.environ.get(URL_VARIABLE) or None


def data_folder() -> Path:
    """Where the embedded PostgreSQL lives: `$FSDB_DATA`, else the user's data folder of this platform."""
    chosen = os.environ.get(DATA_VARIABLE)
    return Path(chosen).expanduser() if chosen else Path(platformdirs.user_data_dir("fsdb")) / "postgresql"


def configured_warehouse() -> str | None:
    """Where `$FSDB_WAREHOUSE` puts columnar copies: a folder or an fsspec URL such as s3://bucket/path; None where it is unset."""
    return os.environ.get(WAREHOUSE_VARIABLE) or None


def warehouse(given: str | None = None) -> str:
    """Where new columnar copies go: as given, else `$FSDB_WAREHOUSE`, else a folder in the user's data folder of this platform."""
    chosen = given or configured_warehouse()
    if chosen is None:
        return str(Path(platformdirs.user_data_dir("fsdb")) / "warehouse")
    return chosen.rstrip("/") if "://" in chosen else str(Path(chosen).expanduser().absolute())


def memory_limit() -> str:
    """How much memory a join on this machine may take before it goes on on disk: `$FSDB_MEMORY`, such as 4GB, else 1GB."""
    return os.environ.get(MEMORY_VARIABLE) or "1GB"
