"""Taking turns at a copy: sync, compaction and retention each have it alone."""

from typing import Any

from psycopg import Connection

from fsdb import locks


def take(connection: Connection[Any], feature_set: str) -> None:
    """Holds off every other work on a set's copy until the transaction ends."""
    locks.take_turn(connection, f"copy of {feature_set}")
