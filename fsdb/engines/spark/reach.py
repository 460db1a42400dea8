"""Which copies a join reads, taken so that no version is in neither the copy nor the tail."""

from typing import Any

from psycopg import Connection
from psycopg.sql import Identifier

from fsdb.asof import AsOf
from fsdb.columnar import read_copy
from fsdb.columnar.copies import Copy
from fsdb.config import HISTORY_SCHEMA
from fsdb.engines.protocol import Absence
from fsdb.errors import CopyBroken
from fsdb.sql import query

FILE = "engines/spark"


def refusal(connection: Connection[Any], description: AsOf) -> str | None:
    """Why some set cannot be read exactly, in one sentence; None where all can."""
    for read in description.reads:
        if read.windows is not None:
            return f"{read.feature_set} is computed from events, over windows: PostgreSQL and DuckDB compute these."
        history = Identifier(HISTORY_SCHEMA, read.history_table).as_string(connection)
        keys = {"history": history, "keys": [key.column for key in read.keys]}
        loose = connection.execute(query(FILE, "loose_collations"), keys).fetchone()
        if loose is not None:
            return f"Key {loose[0]!r} of {read.feature_set} has a nondeterministic collation, which PostgreSQL alone can compare."
        try:
            read_copy(connection, read.feature_set)
        except CopyBroken as broken:
            return Absence(str(broken))
    return None


def copies_of(connection: Connection[Any], description: AsOf) -> list[Copy | None]:
    """Each read's copy as it is now; None where its set was never synced. Raises CopyBroken."""
    return [read_copy(connection, read.feature_set) for read in description.reads]


def removals(connection: Connection[Any]) -> int:
    """A number that changes when versions leave history."""
    row = connection.execute(query(FILE, "removals")).fetchone()
    assert row is not None
    return int(row[0])
