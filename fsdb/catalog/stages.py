"""Stages of model versions: reading them from the catalog and writing them to it."""

from typing import Any

from psycopg import Connection

from fsdb import locks
from fsdb.config import CATALOG_SCHEMA
from fsdb.sql import query

FILE = "catalog/stages"


def lock(connection: Connection[Any]) -> None:
    """Makes this transaction the only one that changes stages until it ends."""
    locks.wait_turn(connection, (CATALOG_SCHEMA, "models"), "Stages")


def stages_of(connection: Connection[Any], model: str) -> dict[int, str]:
    """The stage of each version of a model, in order of version."""
    return dict(connection.execute(query(FILE, "stages_of"), {"model": model}).fetchall())


def list_stages(connection: Connection[Any], model: str) -> list[tuple[Any, ...]]:
    """Version, stage, since when and by whom, in order of version."""
    return connection.execute(query(FILE, "list_stages"), {"model": model}).fetchall()


def insert_event(connection: Connection[Any], model: str, version: int, stage: str) -> None:
    """Puts a version into a stage."""
    connection.execute(query(FILE, "insert_event"), {"model": model, "version": version, "stage": stage})
