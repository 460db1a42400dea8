"""The runtime sql: a PL/pgSQL function, on any PostgreSQL."""

from typing import Any

from psycopg import Connection
from psycopg.sql import Composed

from fsdb.catalog.models import ModelVersion
from fsdb.config import MODEL_SCHEMA
from fsdb.errors import UnsupportedModel
from fsdb.models import Program, compile_functions


def refusal(_connection: Connection[Any], version: ModelVersion, program: Program) -> str | None:
    """Why a version cannot have this runtime, None where it can."""
    try:
        compile_functions(program, MODEL_SCHEMA, version.model)
    except UnsupportedModel as refused:
        return str(refused)
    return None


def statements(_connection: Connection[Any], program: Program, name: str) -> list[Composed]:
    """What creates the scoring function `name`."""
    return compile_functions(program, MODEL_SCHEMA, name)
