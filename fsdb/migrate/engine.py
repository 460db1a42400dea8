"""Alembic's way to the database: one SQLAlchemy connection over psycopg, in a transaction that holds the lock of migrations."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from fsdb import db, locks
from fsdb.config import CATALOG_SCHEMA
from fsdb.errors import ConnectionFailed
from fsdb.migrate.connecting import made, told
from fsdb.sql import query

# Held while the catalog or definitions change, so that two processes that start at once do not both create them.
CATALOG_LOCK = 0x66736462

PROJECT_VERSION_TABLE = "project_version"  # in schema fsdb: the revision of the users' own migrations


@contextmanager
def connected(url: str) -> Iterator[sa.Connection]:
    """A connection in a transaction. Raises ConnectionFailed where no server answers, or one that gives up, RightMissing without the rights."""
    # creator: libpq takes URLs of every form, SQLAlchemy's own parser does not.
    engine = sa.create_engine("postgresql+psycopg://", creator=lambda: made(url), poolclass=NullPool)
    with told(url), engine.begin() as connection:
        yield connection


@contextmanager
def locked(url: str) -> Iterator[sa.Connection]:
    """A connection in a transaction that no other migration runs beside."""
    with connected(url) as connection:
        hold(driver(connection))
        yield connection


def hold(connection: psycopg.Connection[Any]) -> None:
    """Waits until no other change of catalog or definitions is under way, and keeps others waiting until the transaction ends."""
    row = connection.execute(query("migrate/catalog", "turns"), {"schema": CATALOG_SCHEMA}).fetchone()
    if row is None:
        locks.wait_to_create(connection, CATALOG_LOCK, "A change of the catalog")
    elif row[0]:  # who may change nothing keeps nobody waiting
        locks.take_turn(connection, "definitions")


def driver(connection: sa.Connection) -> psycopg.Connection[Any]:
    """The psycopg connection under an SQLAlchemy one. Raises ConnectionFailed where another driver is in use."""
    found = connection.connection.driver_connection
    if not isinstance(found, psycopg.Connection):
        raise ConnectionFailed(
            f"Feature sets are migrated over psycopg 3, and this connection uses {connection.dialect.driver}: write its URL as postgresql+psycopg://…"
        )
    db.configure(found)
    return found
