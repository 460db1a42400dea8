"""The database that a command works on."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from psycopg import Connection

from fsdb import embedded, store
from fsdb.db import Database
from fsdb.search_path import pinned
from fsdb.store import Store

UrlOption = Annotated[
    str | None,
    typer.Option(
        "--url", help="URL of the database. Without it, $FSDB_URL, or else the embedded PostgreSQL.", show_default=False
    ),
]


@contextmanager
def opened(url: str | None, make: bool = False) -> Iterator[Store]:
    """A store on the database, closed when the command ends. make: whether a catalog is made where there is none.

    Raises CatalogMissing where there is none otherwise.
    """
    with store.opened(url, make=make) as opened_store:
        yield opened_store


@contextmanager
def own_transaction(opened_store: Store) -> Iterator[Connection[Any]]:
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
