"""Lists of what is registered, a table a kind."""

from typing import Any

from psycopg import Connection

from fsdb import clock
from fsdb.catalog.schedules import schedules_table
from fsdb.errors import UnknownName
from fsdb.sql import query
from fsdb.table import Table

FILE = "catalog/lists"
TITLES = {
    "feature_sets": "Feature sets",
    "expressions": "Expressions",
    "training_views": "Training views",
    "training_sets": "Training sets",
    "models": "Models",
    "deployments": "Deployments",
    "schedules": "Schedules",
}


def listing(connection: Connection[Any], kind: str) -> Table:
    """All of a kind, one row each: one of TITLES. Raises UnknownName for another word."""
    if kind not in TITLES:
        raise UnknownName(f"There is no list of {kind!r}: name one of {', '.join(TITLES)}.")
    if kind == "schedules":  # which are of a moment, and in part for some readers alone
        return schedules_table(connection, clock.now(connection))
    cursor = connection.execute(query(FILE, kind))
    assert cursor.description is not None
    return Table.of([column.name for column in cursor.description], cursor.fetchall(), TITLES[kind])
