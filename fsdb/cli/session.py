"""The database that a command works on."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer
from psycopg import Connection

from fsdb import embedded
from fsdb.db import Database
from fsdb.migrate.opening import ready
from fsdb.search_path import pinned

if TYPE_CHECKING:
    from fsdb.store import Store

UrlOption = Annotated[
    str | None,
    typer.Option(
        "--url", help="URL of the database. Without it, $FSDB_URL, or else the embedded PostgreSQL.", show_default=False
    ),
]


@contextmanager
def opened(url: str | None, make: bool = False) -> Iterator["Store"]:
    """A store on the database, closed when the command ends. make: whether a catalog is made where there is none.

    Raises CatalogMissing where there is none otherwise.
    """
    from fsdb import store  # with every part of fsdb, which a command that only looks does not wait for

    with store.opened(url, make=make) as opened_store:
        yield opened_store


@contextmanager
def looked(url: str | None) -> Iterator[Connection[Any]]:
    """A transaction of the command's own statements, where it needs the catalog and no store. Raises CatalogMissing where there is no catalog."""
    database = ready(url, make=False)
    try:
        with database.transaction() as connection:
            yield connection
    finally:
        database.close()


@contextmanager
def own_transaction(opened_store: "Store") -> Iterator[Connection[Any]]:
    """A transaction of the command's own statements, under fsdb's search path."""
    with opened_store.transaction() as connection, pinned(connection):
        yield connection


def reached(url: str | None, make: bool = True, create: bool = False) -> Database:
    """The database at the URL, else of `$FSDB_URL`, else the embedded one, started if need be; without asking for a catalog.

    make: whether the embedded server's data is made where there is none; create: whether a database of that server that it does not have is.
    Raises ConnectionFailed where no server answers, or one that is too old.
    """
    database = Database(embedded.resolved(url, make, create))
    database.open()
    database.close()
    return database
