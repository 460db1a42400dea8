"""Taking a watermark: what a sync is about to see, and up to where nothing can come after it any more."""

import time
from typing import Any

from psycopg import Connection
from psycopg.sql import Identifier

from fsdb.catalog.feature_sets import RegisteredSet
from fsdb.columnar.watermark import Watermark
from fsdb.config import HISTORY_SCHEMA
from fsdb.sql import query

FILE = "columnar/sync"
PATIENCE = 1.0  # seconds to wait for open transactions
_INTERVAL = 0.01


def decided(connection: Connection[Any], registered: RegisteredSet, patience: float | None = None) -> int | None:
    """A version_id up to which every version is committed or never will be; None where a transaction stays open longer.

    Versions get their number from nextval in the INSERT that writes them, and that INSERT holds a RowExclusiveLock on the history
    table before it runs; the transaction keeps the lock until it ends, or until it takes the INSERT back by a savepoint. So each
    transaction that drew a number up to the position read here has ended, or is among the holders asked for after
    that, whether or not it had an xid yet. One whose lock is gone has left the list of running transactions before: a
    snapshot taken later sees what it committed. The order of xids does not matter, and none is asked for. pg_locks misses
    no lock: what moves from a backend's own list to the shared one is looked for in that order.
    """
    position = _position(connection, registered)
    open_then = _writers(connection, registered)
    deadline = time.monotonic() + (PATIENCE if patience is None else patience)
    while open_then:
        if time.monotonic() >= deadline:
            return None
        time.sleep(_INTERVAL)
        open_then &= _writers(connection, registered)
    return position


def seen(
    connection: Connection[Any], registered: RegisteredSet, before: Watermark | None, floor: int | None
) -> Watermark:
    """The watermark of what a REPEATABLE READ transaction, whose first query this is, sees of a set's history.

    floor: of `decided`, called before the transaction began; without it the one before stays.
    """
    row = connection.execute(query(FILE, "seen"), {"feature_set": registered.name}).fetchone()
    assert row is not None
    snapshot, restored, high = row
    known = restored if before is None else max(before.floor, restored)
    return Watermark(snapshot, high, restored, known if floor is None else max(floor, known))


def table_text(registered: RegisteredSet) -> str:
    """The history table's name as PostgreSQL reads it from a text."""
    return Identifier(HISTORY_SCHEMA, registered.history_table).as_string()


def _position(connection: Connection[Any], registered: RegisteredSet) -> int:
    row = connection.execute(query(FILE, "position"), {"history_table": registered.history_table}).fetchone()
    assert row is not None
    return int(row[0])


def _writers(connection: Connection[Any], registered: RegisteredSet) -> set[tuple[str, int | None]]:
    rows = connection.execute(query(FILE, "writers"), {"history": table_text(registered)}).fetchall()
    return {(transaction, pid) for transaction, pid in rows}
