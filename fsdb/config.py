"""Settings: where the database is, and where the embedded one keeps its data."""

import os
from pathlib import Path

import platformdirs

URL_VARIABLE = "FSDB_URL"
DATA_VARIABLE = "FSDB_DATA"

CATALOG_SCHEMA = "fsdb"
HISTORY_SCHEMA = "fsdb_history"
TRAINING_SCHEMA = "fsdb_training"
MODEL_SCHEMA = "fsdb_models"

MINIMUM_SERVER = 150000  # server_version_num of PostgreSQL 15: MERGE, and security_invoker views


def configured_url() -> str | None:
    """The URL of `$FSDB_URL`, or None when the embedded server is meant."""
    return os.environ.get(URL_VARIABLE) or None


def data_folder() -> Path:
    """Where the embedded PostgreSQL lives: `$FSDB_DATA`, else the user's data folder of this platform."""
    chosen = os.environ.get(DATA_VARIABLE)
    return Path(chosen).expanduser() if chosen else Path(platformdirs.user_data_dir("fsdb")) / "postgresql"
