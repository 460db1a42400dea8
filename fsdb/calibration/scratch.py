"""A database on the same server to measure in, which is gone afterwards, with its copies."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import uuid4

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.sql import Identifier

from fsdb import db
from fsdb.errors import FsdbError
from fsdb.migrate import catalog
from fsdb.sql import query

FILE = "calibration/scratch"


@dataclass(frozen=True)
class Scratch:
    """The database's URL, and the folder for its columnar copies."""

    url: str = field(repr=False)
    warehouse: str


@contextmanager
def scratch(url: str) -> Iterator[Scratch]:
    """A new database with the fsdb catalog beside the one at `url`. Raises FsdbError without the right to create one."""
    name = f"fsdb_calibration_{uuid4().hex[:8]}"
    with (
        tempfile.TemporaryDirectory(prefix="fsdb-calibration-", ignore_cleanup_errors=True) as warehouse,
        db.connect(url, autocommit=True) as admin,
    ):
        try:
            psycopg.Cursor(admin).execute(query(FILE, "create", database=Identifier(name)))  # no transaction makes one
        except psycopg.errors.InsufficientPrivilege as error:
            raise FsdbError(
                f"User {admin.info.user} may not create the database that fsdb calibrate measures in: run it as a user with CREATEDB. Until then the built-in costs count."
            ) from error
        try:
            made = make_conninfo(url, dbname=name)
            catalog.upgrade(made)
            yield Scratch(made, warehouse)
        finally:
            psycopg.Cursor(admin).execute(query(FILE, "drop", database=Identifier(name)))
