"""Sequences of fsdb's own tables: behind their tables after a restore of rows alone, or where the rows came by logical replication."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from psycopg import Connection
from psycopg.sql import Identifier, Literal

from fsdb import locks
from fsdb.config import CATALOG_SCHEMA, HISTORY_SCHEMA
from fsdb.locks import Mode
from fsdb.sql import query

FILE = "catalog/sequences"


@dataclass(frozen=True)
class Sequence:
    """A sequence that is behind: the last number that it gave, and the highest one that its table has."""

    schema: str
    table: str
    column: str
    name: tuple[str, str]
    given: int
    highest: int

    def __str__(self) -> str:
        shown = self.table if self.schema == "public" else f"{self.schema}.{self.table}"
        return f"{shown}.{self.column} is at {self.highest:,} and its sequence at {self.given:,}"


def behind(connection: Connection[Any], tables: Collection[tuple[str, str]] | None = None) -> list[Sequence]:
    """The sequences that are behind their tables, of all of fsdb's or of the tables named by schema and name."""
    found = []
    rows = connection.execute(query(FILE, "owned"), {"schemas": [CATALOG_SCHEMA, HISTORY_SCHEMA]}).fetchall()
    for schema, table, column, *sequence in rows:
        if tables is not None and (schema, table) not in tables:
            continue
        parts = {
            "sequence": Identifier(*sequence),
            "column": Identifier(column),
            "table": Identifier(schema, table),
        }
        row = connection.execute(query(FILE, "behind", **parts)).fetchone()
        if row is not None:
            found.append(Sequence(schema, table, column, (sequence[0], sequence[1]), *row))
    return found


def advance(connection: Connection[Any], tables: Collection[tuple[str, str]] | None = None) -> list[Sequence]:
    """Sets sequences that are behind past what their tables have, and returns them. Writers of these tables wait meanwhile."""
    found = behind(connection, tables)
    locks.take(connection, {(one.schema, one.table): Mode.SHARE_ROW_EXCLUSIVE for one in found})
    for one in behind(connection, [(one.schema, one.table) for one in found]):
        sequence = Literal(Identifier(*one.name).as_string())
        parts = {"column": Identifier(one.column), "table": Identifier(one.schema, one.table)}
        connection.execute(query(FILE, "advance", sequence=sequence, **parts))
    return found
