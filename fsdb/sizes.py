"""How many rows tables have: counted where that takes no time, else as the planner estimates."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import Connection
from psycopg.sql import Identifier, Literal

from fsdb.access import foreign_code
from fsdb.config import HISTORY_SCHEMA
from fsdb.sql import joined, query

FILE = "status/status"
_AT_ONCE = 100  # tables that are counted by one statement


@dataclass(frozen=True)
class Size:
    """Of a table. rows: None where it is gone, is not counted or was never looked at. estimated: by the planner."""

    rows: int | None = None
    estimated: bool = False
    readable: bool = True


def read_sizes(
    connection: Connection[Any],
    tables: Sequence[tuple[str, str]],
    strangers: bool = False,
    of_others: Collection[tuple[str, str]] = (),
) -> dict[tuple[str, str], Size]:
    """The sizes of tables, each given by schema and name.

    strangers: whether there may be code of others, which counting would run: tables with such are estimated. of_others: applications' tables,
    which are not counted where the user may not read them; of any other table that is an error.
    """
    names = {table: Identifier(*table).as_string(connection) for table in tables}
    given = {"schemas": [schema for schema, _ in names], "tables": [table for _, table in names]}
    sizes = dict.fromkeys(names, Size())
    counted: list[tuple[str, str]] = []
    for schema, table, estimate, large, empty, readable in connection.execute(query(FILE, "sizes"), given).fetchall():
        if not readable and (schema, table) in of_others:
            sizes[schema, table] = Size(readable=False)
        elif empty and readable:
            sizes[schema, table] = Size(0)
        elif large or (
            strangers and schema != HISTORY_SCHEMA and foreign_code.reads_foreign(connection, schema, table)
        ):
            sizes[schema, table] = Size(estimate, True) if estimate is not None else Size()
        else:
            counted.append((schema, table))
    for start in range(0, len(counted), _AT_ONCE):
        part = counted[start : start + _AT_ONCE]
        each = [query(FILE, "count", table=Literal(names[one]), relation=Identifier(*one)) for one in part]
        rows = connection.execute(joined(each, "\nUNION ALL\n"), prepare=False).fetchall()
        of = dict(rows)
        sizes |= {one: Size(of[names[one]]) for one in part}
    return sizes
