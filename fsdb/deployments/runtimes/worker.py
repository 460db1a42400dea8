"""The runtime worker."""

from typing import Any

from psycopg import Connection

from fsdb.catalog.models import ModelVersion
from fsdb.models import Program


def refusal(_connection: Connection[Any], _version: ModelVersion, _program: Program) -> str | None:
    """Why a version cannot have this runtime, None where it can."""
    return "it is not built yet."


def check(_connection: Connection[Any], _version: ModelVersion, _program: Program) -> None:
    """Holds the model as the worker runs it against the version's checks."""
