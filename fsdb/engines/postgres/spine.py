"""A spine as a relation of the database, for the time of one join."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from psycopg import Connection
from psycopg.sql import SQL, Composable, Identifier

from fsdb.asof import AsOf
from fsdb.exchange import frames
from fsdb.sql import query

FILE = "engines/postgres"
_STAGED = "_fsdb_spine_rows"
_ORDINAL = "ordinal"


@contextmanager
def in_database(connection: Connection[Any], description: AsOf) -> Iterator[tuple[Composable, Identifier]]:
    """The relation with the spine's keys and moments, and its column that numbers the rows.

    Of a spine in memory only these columns go to the database.
    """
    spine = description.spine
    if spine.relation is not None:
        yield SQL(".").join(map(Identifier, spine.relation)), Identifier(spine.ordinal)
        return
    assert spine.rows is not None
    needed = {spine.timestamp, *(key.spine_column for read in description.reads for key in read.keys)}
    columns = [column for column in spine.columns if column.name in needed]
    rows = spine.rows.select([column.name for column in columns])
    ordinal = _ORDINAL
    while ordinal in needed:
        ordinal += "_"
    with frames.staged(connection, rows.schema, rows.to_batches(), columns) as staged:
        parts = {"table": Identifier(_STAGED), "ordinal": Identifier(ordinal), "rows": staged}
        connection.execute(query(FILE, "stage_spine", **parts))
    yield SQL("pg_temp.{}").format(Identifier(_STAGED)), Identifier(ordinal)
    connection.execute(query(FILE, "drop_spine", table=Identifier(_STAGED)))
