"""The record of operations: who did what, when and to what, in the operation's own transaction."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.rows import tuple_row
from psycopg.types.json import Jsonb

from fsdb.errors import InvalidData
from fsdb.sql import query
from fsdb.table import Table

FILE = "access/audit"
MOST = 1000  # lines that are shown where nobody says how many
MOST_NAMES = 200  # of a list in a line's details


def record(connection: Connection[Any], operation: str, object: str, details: Mapping[str, Any] | None = None) -> None:
    """Adds a line to fsdb.audit in the connection's transaction, so that it is there if and only if the operation is.

    Who and when the database knows itself. details: names and counts that JSON can hold; no values of rows, no secrets. Raises
    psycopg's InsufficientPrivilege where the role may change nothing in fsdb.
    """
    values = {"operation": operation, "object": object, "details": Jsonb(dict(details or {}))}
    connection.execute(query(FILE, "record"), values)


def is_kept(connection: Connection[Any]) -> bool:
    """Whether the catalog's revision has the record at all: a migration of the catalog may come from or go to one that has not."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        return cursor.execute(query(FILE, "recorded")).fetchone() == (True,)


def entries(
    connection: Connection[Any],
    object: str | None = None,
    operation: str | None = None,
    since: datetime | None = None,
    most: int = MOST,
) -> Table:
    """What was recorded, newest first, a row each: at, by, role, application, operation, object, details.

    Raises InvalidData for a `since` without a time zone, RightMissing without SELECT on fsdb.audit.
    """
    if since is not None and since.utcoffset() is None:
        raise InvalidData(f"since={since} has no time zone: give a datetime that has one.")
    if not 0 <= most < 2**63:
        raise InvalidData(f"most={most} is not a number of lines: give 0 or more.")
    values = {"object": object, "operation": operation, "since": since, "most": most}
    with connection.cursor(row_factory=tuple_row) as cursor:
        rows = cursor.execute(query(FILE, "entries"), values).fetchall()
    columns = ("at", "by", "role", "application", "operation", "object", "details")
    return Table.of(columns, rows, "Audit")


def named(names: list[str]) -> list[str]:
    """Names for a line's details: the first of them, and how many more there are."""
    return names if len(names) <= MOST_NAMES else [*names[:MOST_NAMES], f"and {len(names) - MOST_NAMES} more"]
