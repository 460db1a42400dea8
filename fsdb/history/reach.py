"""How far back PostgreSQL alone answers for a set of which versions have left for the columnar copy, and what that refuses.

Retention removes versions that no read as of the reach or later needs. What reads history in several statements at moments
of its own holds retention off meanwhile (`hold`); a single statement needs nothing, because versions and reach change
in one transaction. Vectors and scoring read as of now, later than any reach: the versions that hold then always stay.
"""

from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.sql import Composable, Composed, Literal

from fsdb import locks
from fsdb.catalog.feature_sets import RegisteredSet
from fsdb.errors import RetentionRefused
from fsdb.sql import query

FILE = "history/reach"


def hold(connection: Connection[Any]) -> None:
    """Keeps every version where it is until the caller's transaction, or its savepoint's rollback, ends.

    To be called before the snapshot is taken that is read at.
    """
    locks.hold_reading(connection)


def reach_of(connection: Connection[Any], registered: RegisteredSet) -> datetime | None:
    """The set's reach as it stays until the caller's transaction ends; None where history has every version."""
    if not registered.limited:
        return None
    hold(connection)
    row = connection.execute(query(FILE, "reach"), {"name": registered.name}).fetchone()
    return None if row is None else row[0]


def refuse_before(connection: Connection[Any], registered: RegisteredSet, earliest: datetime | None, what: str) -> None:
    """Raises RetentionRefused where `what`, which needs history from the moment `earliest` on, begins before the set's reach."""
    reach = reach_of(connection, registered)
    if reach is not None and earliest is not None and earliest < reach:
        raise RetentionRefused(
            f"{what} at {earliest}, and versions of {registered.name} before {reach} have left PostgreSQL for its columnar copy: only that moment and later ones can be given."
        )


def bounded(feature_set: str, at: Composable) -> Composed:
    """A moment as SQL that fails where it lies before the set's reach.

    It belongs where versions of a key are compared with the moment: a key of which versions have left always has one
    that stayed, so the comparison is made whenever something could be missing.
    """
    return query(FILE, "bounded", at=at, name=Literal(feature_set))
