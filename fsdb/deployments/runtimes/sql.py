"""The runtime sql: a PL/pgSQL function, on any PostgreSQL."""

from functools import lru_cache
from typing import Any

from psycopg import Connection
from psycopg.sql import Composed

from fsdb.catalog.models import ModelVersion
from fsdb.config import MODEL_SCHEMA
from fsdb.deployments.objects import scorer_name
from fsdb.errors import UnsupportedModel
from fsdb.models import Program, compile_functions


def refusal(_connection: Connection[Any], version: ModelVersion, program: Program) -> str | None:
    """Why a version cannot have this runtime, None where it can."""
    try:
        _compiled(program, scorer_name(version.model, version.version))
    except UnsupportedModel as refused:
        return str(refused)
    return None


def statements(_connection: Connection[Any], program: Program, name: str) -> list[Composed]:
    """What creates the scoring function `name`."""
    return list(_compiled(program, name))


@lru_cache(maxsize=1)
def _compiled(program: Program, name: str) -> tuple[Composed, ...]:
    """Compiling hundreds of trees takes most of a second, and a deployment asks whether it can be done before it does it."""
    return tuple(compile_functions(program, MODEL_SCHEMA, name))
