"""Which copies a join reads, taken so that no version is in neither the copy nor the tail."""

from typing import Any

from psycopg import Connection

from fsdb.asof import AsOf
from fsdb.columnar import read_copy
from fsdb.columnar.copies import Copy
from fsdb.engines.protocol import Absence
from fsdb.errors import CopyBroken
from fsdb.sql import query

FILE = "engines/spark"


def out_of_reach(connection: Connection[Any], description: AsOf) -> str | None:
    """Why some version cannot be read, in one sentence; None where all can."""
    for read in description.reads:
        try:
            copy = read_copy(connection, read.feature_set)
        except CopyBroken as broken:
            return Absence(str(broken))
        if copy is None:
            row = connection.execute(query(FILE, "reach"), {"feature_set": read.feature_set}).fetchone()
            if row is not None and row[0] is not None:
                return Absence(
                    f"Versions of {read.feature_set} before {row[0]} have left PostgreSQL for a columnar copy that is not there: restore its folder."
                )
    return None


def copies_of(connection: Connection[Any], description: AsOf) -> list[Copy | None]:
    """Each read's copy as it is now; None where its set was never synced. Raises CopyBroken."""
    return [read_copy(connection, read.feature_set) for read in description.reads]


def removals(connection: Connection[Any]) -> int:
    """A number that changes when versions leave history."""
    row = connection.execute(query(FILE, "removals")).fetchone()
    assert row is not None
    return int(row[0])
