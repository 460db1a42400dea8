"""The database that a command works on."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from psycopg.conninfo import conninfo_to_dict

from fsdb import config, embedded
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


def database_url(url: str | None) -> str:
    """The URL itself, else of `$FSDB_URL`, else of the embedded server, started if need be."""
    return url or config.configured_url() or embedded.start(config.data_folder())


def database_name(url: str) -> str:
    """How messages name the database: never with its password."""
    parts = conninfo_to_dict(url)
    return f"{parts.get('dbname') or parts.get('user') or 'the default database'}"
