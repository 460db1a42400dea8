"""A connection of psycopg's for what looks at the catalog or migrates it, with errors in the project's words."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from fsdb import db, rights


@contextmanager
def opened(url: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection in a transaction. Raises ConnectionFailed where no server answers, or one that gives up, RightMissing without the rights."""
    with told(url), made(url) as connection:
        yield connection


@contextmanager
def told(url: str) -> Iterator[None]:
    """Says what goes wrong inside in the project's words; also where SQLAlchemy wraps it, which keeps the driver's error as `orig`."""
    try:
        yield
    except Exception as error:
        cause = getattr(error, "orig", error)
        if isinstance(cause, psycopg.errors.InsufficientPrivilege):
            raise rights.explained(url, cause) from error
        said = db.explained(url, cause) if isinstance(cause, psycopg.Error) else None
        if said is None:
            raise
        raise said from error


def made(url: str) -> psycopg.Connection[Any]:
    """A connection, for its caller to close. Raises ConnectionFailed."""
    try:
        return db.connect(url)
    except psycopg.Error as error:
        raise db.unreachable(url, error) from None
