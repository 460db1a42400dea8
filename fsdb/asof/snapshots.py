"""Taking snapshots: what a reader sees of history at this moment, also in a database that a dump was restored into."""

from typing import Any

import psycopg
from psycopg import Connection

from fsdb import locks
from fsdb.asof.description import Snapshot
from fsdb.config import HISTORY_SCHEMA
from fsdb.errors import CatalogMissing
from fsdb.locks import Mode
from fsdb.sql import query

FILE = "asof/snapshots"


def adopt(connection: Connection[Any]) -> None:
    """Makes a database that a dump was restored into its server's own; does nothing anywhere else.

    The xids of restored versions are another server's, or may be: a clone has the system identifier of the server that it was made
    from, and counts on its own. So restored versions are known by their version ids from here on. Waits for
    transactions that write versions, and holds them off until the caller's ends. Raises CatalogMissing without the rights, ChangeRefused
    where one of them stays open.
    """
    row = connection.execute(query(FILE, "same_server")).fetchone()
    assert row is not None
    if row[0]:
        return
    try:
        with connection.transaction():
            tables = [table for (table,) in connection.execute(query(FILE, "history_tables")).fetchall()]
            locks.take(connection, {(HISTORY_SCHEMA, table): Mode.SHARE for table in tables})
            connection.execute(query(FILE, "adopt_versions"))
            connection.execute(query(FILE, "adopt_server"))
            connection.execute(query(FILE, "mark_server"))
    except psycopg.errors.InsufficientPrivilege as error:
        raise CatalogMissing(
            "This database was restored from a dump and is not in use here yet: let the owner of the fsdb catalog connect once, with fsdb status."
        ) from error


def now(connection: Connection[Any]) -> Snapshot:
    """The snapshot of a statement that runs now, in a database that `adopt` has seen.

    Who reads at it with further statements calls fsdb.history.reach.hold before.
    """
    row = connection.execute(query(FILE, "now")).fetchone()
    assert row is not None
    return at(connection, row[0], row[1])


def at(connection: Connection[Any], text: str, own: int | None) -> Snapshot:
    """The snapshot of a statement that ran before: its pg_snapshot and own xid, and the positions of now."""
    positions = connection.execute(query(FILE, "positions")).fetchall()
    return Snapshot(
        text,
        own,
        {name: high for name, high, _ in positions},
        {name: low for name, _, low in positions if low},
        fresh=True,
    )
