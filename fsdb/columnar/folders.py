"""This database's own folder in any warehouse, beside those of others: only what is in it may be written to and cleaned up."""

from typing import Any

from psycopg import Connection

from fsdb import locks
from fsdb.columnar.copies import Copy
from fsdb.columnar.reading import broken
from fsdb.sql import query

FILE = "columnar/copies"


def own_folder(connection: Connection[Any], other_than: str | None = None) -> str:
    """The name of this database's folder; a new one where it has none, or has only the one that it is to leave."""
    with connection.transaction():
        locks.take_turn(connection, "warehouse")  # sessions look one after the other, and make one
        found = known_folder(connection)
        if found is not None and found != other_than:
            return found
        row = connection.execute(query(FILE, "new_warehouse")).fetchone()
        assert row is not None
        return str(row[0])


def known_folder(connection: Connection[Any]) -> str | None:
    """The name of this database's folder; None where it has not worked on copies yet."""
    row = connection.execute(query(FILE, "own_warehouse")).fetchone()
    return None if row is None else str(row[0])


def is_in(location: str, owner: str) -> bool:
    """Whether a file or a table's folder is in the folder of that name."""
    return f"/{owner}/" in location


def parent(location: str) -> str:
    """The folder that holds the table at this location: warehouse/owner."""
    return location.rstrip("/").rpartition("/")[0]


def elsewhere(connection: Connection[Any], copy: Copy) -> str | None:
    """The path of a file of the copy that another database may clean up, because it is in that one's folder; None where none is.

    Raises CopyBroken where the folder cannot be looked at.
    """
    from fsdb.columnar.claims import taken_over  # loads Iceberg's library

    owner = known_folder(connection)
    for file in copy.files:
        if owner is None or not is_in(file.path, owner):
            return file.path
    for folder, path in {f.path.partition(f"/{owner}/")[0] + f"/{owner}": f.path for f in copy.files}.items():
        try:
            if taken_over(connection, folder):
                return path
        except OSError as error:
            raise broken(copy.feature_set, folder, f"cannot be reached ({error})") from error
    return None
