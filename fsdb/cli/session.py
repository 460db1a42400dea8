"""The database that a command works on."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from psycopg import Connection

from fsdb import embedded
from fsdb.db import Database
from fsdb.search_path import pinned
from fsdb.store import Store, connect

UrlOption = Annotated[
    str | None,
    typer.Option(
        "--url", help="URL of the database; else $FSDB_URL, else the embedded PostgreSQL.", show_default=False
    ),
]


@contextmanager
def opened(url: str | None) -> Iterator[Store]:
    """A store on the database, closed when the command ends."""
    with connect(url) as store:
        yield store


@contextmanager
def own_transaction(store: Store) -> Iterator[Connection[Any]]:
    """A transaction of the command's own statements, under fsdb's search path."""
    with store.transaction() as connection, pinned(connection):
        yield connection


def reached(url: str | None) -> Database:
    """The database at the URL, else of `$FSDB_URL`, else the embedded one, started if need be; without asking for a catalog.

    Raises ConnectionFailed where no server answers, or one that is too old.
    """
    database = Database(embedded.resolved(url))
    database.open()
    database.close()
    return database
