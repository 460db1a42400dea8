"""The runtime onnx."""

from typing import Any

from psycopg import Connection
from psycopg.sql import Composed

from fsdb.catalog.models import ModelVersion
from fsdb.models import Program


def refusal(_connection: Connection[Any], _version: ModelVersion, _program: Program) -> str | None:
    """Why a version cannot have this runtime, None where it can."""
    return "it is not built yet."


def statements(_connection: Connection[Any], _program: Program, _name: str) -> list[Composed]:
    """What creates the scoring function."""
    return []
