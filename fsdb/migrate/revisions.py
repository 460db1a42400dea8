"""Which revisions of the catalog this fsdb knows, and which one a database has: what every command asks first.

It needs the names of the migrations and no Alembic, which takes longer to load than the question takes.
"""

from functools import cache
from typing import Any

from psycopg import Connection

from fsdb.access import foreign_code
from fsdb.errors import CatalogMissing
from fsdb.migrate import builds
from fsdb.sql import data_folder, query

FILE = "migrate/catalog"


def read_revision(connection: Connection[Any]) -> str | None:
    """The catalog's revision as a connection sees it. Raises ChangeRefused where others could have made what would be read."""
    foreign_code.check_schemas(connection)
    there = connection.execute(query(FILE, "has_catalog")).fetchone()
    if there is None or not there[0]:
        return None
    row = connection.execute(query(FILE, "revision")).fetchone()
    return None if row is None else str(row[0])


def head_revision() -> str:
    """The revision that this version of fsdb works with."""
    return list(migrations())[-1]


def is_older(revision: str | None) -> bool:
    """Whether this fsdb would take a catalog further; True of none, False of one that a newer fsdb made."""
    return revision is None or (revision in migrations() and revision != head_revision())


def check(connection: Connection[Any]) -> None:
    """Raises CatalogMissing with what to do unless this fsdb works with the database's catalog.

    That is the one that it makes, or one to which a newer fsdb only added.
    """
    current = read_revision(connection)
    check_made(connection, current)
    if current in migrations() or current is None:
        check_revision(current)


def check_newest(connection: Connection[Any]) -> None:
    """Raises CatalogMissing where a newer fsdb made the catalog, even one that only added to it."""
    check_known(read_revision(connection))


def check_build(connection: Connection[Any], current: str) -> None:
    """Raises CatalogMissing where another build of fsdb made the catalog at revision `current`."""
    last = current if current in migrations() else head_revision()
    builds.check(connection, {name: file for name, file in migrations().items() if name <= last}, current)


def check_revision(current: str | None) -> None:
    """Raises CatalogMissing with what to do unless `current` is the revision that this fsdb works with."""
    if current is None:
        raise CatalogMissing("This database has no fsdb catalog: create it with fsdb init.")
    check_known(current)
    if current != head_revision():
        raise CatalogMissing(
            f"The fsdb catalog is at revision {current} and this fsdb works with {head_revision()}: run fsdb upgrade."
        )


def check_made(connection: Connection[Any], current: str | None) -> None:
    """Raises CatalogMissing where another build made what is there, or a newer fsdb one with which this one does not work."""
    if current is None:
        return
    if current not in migrations() and not builds.only_added(connection, migrations()):
        check_known(current)
    check_build(connection, current)


def check_known(current: str | None) -> None:
    """Raises CatalogMissing where a newer fsdb made the catalog."""
    if current is not None and current not in migrations():
        raise CatalogMissing(
            f"The fsdb catalog is at revision {current}, which this fsdb does not know (its newest is {head_revision()}): "
            "a newer fsdb upgraded it. Install that version."
        )


@cache
def migrations() -> dict[str, str]:
    """The migrations that this fsdb brings along, in their order: each revision with the name of its file, which begins with it."""
    files = sorted(file.stem for file in (data_folder("migrations") / "versions").glob("[0-9]*.py"))
    return {name.partition("_")[0]: name for name in files}
