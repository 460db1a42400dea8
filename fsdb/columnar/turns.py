"""Taking turns at a copy: sync, compaction and retention each have it alone."""

from typing import Any

from psycopg import Connection

from fsdb import locks
from fsdb.config import CATALOG_SCHEMA
from fsdb.sql import query


def take(connection: Connection[Any], feature_set: str) -> None:
    """Holds off every other work on a set's copy until the transaction ends. Raises ChangeRefused where somebody else is in the way."""
    row = connection.execute(query("columnar/sync", "copy_key"), {"feature_set": feature_set}).fetchone()
    assert row is not None
    what = f"Work on the columnar copy of {feature_set}"
    locks.wait_advisory(connection, row[0], what, (CATALOG_SCHEMA, "copies"))
