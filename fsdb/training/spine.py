"""Spines in the database: checked, their rows numbered in order, together with the snapshot they were read at."""

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import psycopg
import pyarrow as pa
from psycopg import Connection
from psycopg.sql import Composable, Identifier

from fsdb.asof import Column, Snapshot, Spine, snapshots
from fsdb.asof.description import plain_type
from fsdb.errors import InvalidData, InvalidDefinition
from fsdb.exchange.queries import first_line
from fsdb.exchange.timezones import Zone, local_time
from fsdb.search_path import of_user
from fsdb.sql import joined, query
from fsdb.training.spine_table import names_in_table, rows_in_table
from fsdb.types import type_sql

FILE = "training/spine"
TABLE = "_fsdb_spine"
INSTANT, LOCAL = "timestamp with time zone", "timestamp without time zone"


def check_timestamp(columns: Sequence[Column], timestamp: str, zone: Zone | None) -> None:
    """Raises InvalidDefinition where the spine has no such column, InvalidData where it is no moment in time."""
    types = {column.name: plain_type(column.type) for column in columns}
    if timestamp not in types:
        raise InvalidDefinition(
            f"The spine has no column {timestamp!r}, which you named as its timestamp (it has {', '.join(types)})."
        )
    kind = types[timestamp]
    if kind == LOCAL and zone is None:
        raise InvalidData(
            f"The spine's timestamp {timestamp!r} is naive: give its time zone with timezone='UTC' or timezone='America/New_York', or AT TIME ZONE in the query."
        )
    if kind == "date":
        raise InvalidData(
            f"The spine's timestamp {timestamp!r} is a date and not a moment: say which moment of the day you mean, such as ({timestamp} + interval '1 day') AT TIME ZONE 'UTC' for its end."
        )
    if kind not in (INSTANT, LOCAL):
        raise InvalidData(f"The spine's timestamp {timestamp!r} is of type {types[timestamp]}: give a timestamptz.")


def take(
    connection: Connection[Any],
    spine: Composable,
    columns: Sequence[Column],
    timestamp: str,
    zone: Zone | None,
    as_read: Sequence[Column] | None = None,
    users: bool = True,
) -> tuple[Spine, Snapshot]:
    """Puts the query's rows, in their order, into a temporary table of this transaction; also gives the snapshot that the query saw.

    as_read: the columns in the types that keys are read in, where these are others. users: whether the query is a user's. A naive
    timestamp column becomes a timestamptz of `zone`. Raises InvalidData for rows without a finite moment, with their count.
    """
    check_timestamp(columns, timestamp, zone)
    kept = [Column(c.name, INSTANT) if c.name == timestamp else c for c in as_read or columns]
    names = names_in_table(kept)
    ordinal = free_name(list(names.values()))
    declared = [query(FILE, "column", name=Identifier(names[c.name]), type=type_sql(c.type)) for c in kept]
    expressions: list[Composable] = [
        local_time(Identifier("spine", c.name), zone)
        if c.name == timestamp and plain_type(c.type) == LOCAL and zone is not None
        else Identifier("spine", c.name)
        if c.type == k.type or k.name == timestamp
        else query(FILE, "as_uuid", value=Identifier("spine", c.name))
        for c, k in zip(columns, kept, strict=True)
    ]
    table = Identifier(TABLE)
    connection.execute(query(FILE, "create", table=table, ordinal=Identifier(ordinal), columns=joined(declared)))
    try:
        with of_user(connection) if users else nullcontext():
            filled = connection.execute(query(FILE, "fill", table=table, expressions=joined(expressions), spine=spine))
    except psycopg.DataError as error:
        raise InvalidData(f"The spine query fails on its rows: {first_line(error)}.") from error
    row_count, snapshot, own = _one(filled)
    missing, infinite = _one(
        connection.execute(query(FILE, "unusable_times", timestamp=Identifier(names[timestamp]), table=table))
    )
    check_moments(timestamp, row_count, missing, infinite)
    spine_taken = rows_in_table(connection, Spine(tuple(kept), timestamp, row_count, ("pg_temp", TABLE), ordinal))
    return spine_taken, snapshots.at(connection, snapshot, own)


def take_rows(rows: pa.Table, columns: Sequence[Column], timestamp: str) -> Spine:
    """A spine of rows in memory, of the types of `columns`, which each engine takes from there. Raises as `take` does."""
    check_timestamp(columns, timestamp, None)
    missing = rows.column(timestamp).null_count
    check_moments(timestamp, rows.num_rows, missing, 0)
    return Spine(tuple(columns), timestamp, rows.num_rows, rows=rows)


def check_moments(timestamp: str, row_count: int, missing: int, infinite: int) -> None:
    """Raises InvalidData where rows have no moment, or an infinite one."""
    if missing or infinite:
        what = f"{missing:,} NULL" if missing else f"{infinite:,} infinite"
        raise InvalidData(
            f"The spine's timestamp {timestamp!r} holds {what} {'time' if (missing or infinite) == 1 else 'times'} in {row_count:,} rows: leave such rows out, or give them a moment."
        )


def free_name(taken: Sequence[str]) -> str:
    """A name for the column that numbers the rows, which no other column has."""
    name = "ordinal"
    while name in taken:
        name += "_"
    return name


def _one(cursor: psycopg.Cursor[Any]) -> tuple[Any, ...]:
    row = cursor.fetchone()
    assert row is not None
    return tuple(row)
