"""What row security hides from the session's user: of which feature sets it does not see all versions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import Connection
from psycopg.rows import tuple_row

from fsdb.errors import RightMissing
from fsdb.listing import listed
from fsdb.sql import query

FILE = "access/rows"


@dataclass(frozen=True)
class Hiding:
    """The feature sets of which row security hides versions from a user."""

    user: str
    sets: tuple[str, ...]

    def __str__(self) -> str:
        return f"row security hides versions of {listed(self.sets)} from {self.user}"


def hiding(connection: Connection[Any], sets: Sequence[str]) -> Hiding | None:
    """Of which of some feature sets the user does not see all versions; None where it sees them all."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        rows = cursor.execute(query(FILE, "hiding"), {"sets": list(sets)}).fetchall()
    return Hiding(rows[0][1], tuple(name for name, _ in rows)) if rows else None


def copy_refusal(connection: Connection[Any], sets: Sequence[str]) -> str | None:
    """Why the user may read no columnar copy of some sets, in one sentence; None where it may: a copy holds every version."""
    hidden = hiding(connection, sets)
    return None if hidden is None else f"{hidden}, and columnar copies hold them all: PostgreSQL alone can answer."


def require_all(connection: Connection[Any], sets: Sequence[str], what: str) -> None:
    """Raises RightMissing where row security hides versions of one of the sets from the user, which `what` needs them all for."""
    hidden = hiding(connection, sets)
    if hidden is not None:
        raise RightMissing(
            f"{what} needs every version, and {hidden}: use a role that no such policy binds, such as the tables' owner or one with BYPASSRLS."
        )
