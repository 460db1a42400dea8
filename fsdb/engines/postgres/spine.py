"""A spine as a relation of the database, for the time of one join."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from psycopg import Connection
from psycopg.sql import SQL, Composable, Identifier

from fsdb.asof import AsOf, Column
from fsdb.exchange import frames
from fsdb.sql import query

FILE = "engines/postgres"
_STAGED = "_fsdb_spine_rows"
_ORDINAL = "ordinal"


@contextmanager
def in_database(
    connection: Connection[Any], description: AsOf
) -> Iterator[tuple[Composable, Identifier, Mapping[str, str]]]:
    """The relation with the spine's keys and moments, its column that numbers the rows, and what it calls the spine's columns.

    Of a spine in memory only these columns go to the database, under names of our own.
    """
    spine = description.spine
    if spine.relation is not None:
        yield (
            SQL(".").join(map(Identifier, spine.relation)),
            Identifier(spine.ordinal),
            {c.name: c.name for c in spine.columns},
        )
        return
    assert spine.rows is not None
    needed = {spine.timestamp, *(key.spine_column for read in description.reads for key in read.keys)}
    columns = [column for column in spine.columns if column.name in needed]
    names = {column.name: f"s{number}" for number, column in enumerate(columns)}
    rows = spine.rows.select(list(names)).rename_columns(list(names.values()))
    columns = [Column(names[column.name], column.type) for column in columns]
    with frames.staged(connection, rows.schema, rows.to_batches(), columns) as staged:
        parts = {"table": Identifier(_STAGED), "ordinal": Identifier(_ORDINAL), "rows": staged}
        connection.execute(query(FILE, "stage_spine", **parts))
    yield SQL("pg_temp.{}").format(Identifier(_STAGED)), Identifier(_ORDINAL), names
    connection.execute(query(FILE, "drop_spine", table=Identifier(_STAGED)))
