"""Settings: where the database is, where the embedded one keeps its data, and where columnar copies go."""

import os
from pathlib import Path

import platformdirs

from fsdb.errors import InvalidDefinition
from fsdb.masking import has_secret

URL_VARIABLE = "FSDB_URL"
DATA_VARIABLE = "FSDB_DATA"
WAREHOUSE_VARIABLE = "FSDB_WAREHOUSE"
MEMORY_VARIABLE = "FSDB_MEMORY"
LOCK_VARIABLE = "FSDB_LOCK_SECONDS"
OWNER_VARIABLE = "FSDB_OWNER"

CATALOG_SCHEMA = "fsdb"
HISTORY_SCHEMA = "fsdb_history"
TRAINING_SCHEMA = "fsdb_training"
MODEL_SCHEMA = "fsdb_models"
ICEBERG_SCHEMA = "fsdb_iceberg"

MINIMUM_SERVER = 150000  # server_version_num of PostgreSQL 15: MERGE, and security_invoker views


def configured_url() -> str | None:
    """The URL of `$FSDB_URL`, or None when the embedded server is meant."""
    return os.environ.get(URL_VARIABLE) or None


def catalog_owner() -> str | None:
    """The role to which a catalog may belong: `$FSDB_OWNER`, or None where it is unset and the database itself says it."""
    return os.environ.get(OWNER_VARIABLE) or None


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
    if has_secret(chosen):
        # The folder's name goes into the catalog, into files and into messages.
        raise InvalidDefinition(
            "The warehouse's URL holds a password or key: leave that out, and give it to fsspec in the environment or its configuration files."
        )
    return chosen.rstrip("/") if "://" in chosen else str(Path(chosen).expanduser().absolute())


def memory_limit() -> str:
    """How much memory a join on this machine may take before it goes on on disk: `$FSDB_MEMORY`, such as 4GB, else 1GB."""
    return os.environ.get(MEMORY_VARIABLE) or "1GB"


def lock_seconds() -> float:
    """How long an operation tries to have the locks that it needs: `$FSDB_LOCK_SECONDS`, else 30. Raises InvalidDefinition for anything but a number."""
    given = os.environ.get(LOCK_VARIABLE) or "30"
    try:
        seconds = float(given)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= 86_400:
        raise InvalidDefinition(
            f"{LOCK_VARIABLE}={given!r} is not a number of seconds from 0 to 86400: set it to one, such as 30."
        )
    return seconds
