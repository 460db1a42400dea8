"""Connections and transactions: one pool a store, one transaction a call unless the user opened a longer one."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import psycopg
from psycopg import Connection
from psycopg.types.json import JsonbDumper
from psycopg_pool import ConnectionPool, PoolTimeout

from fsdb.config import MINIMUM_SERVER
from fsdb.errors import ConnectionFailed

CONNECT_SECONDS = 10


class Database:
    """A PostgreSQL database by URL. Connections are made when first needed and come from a pool."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._pool = ConnectionPool(
            url,
            min_size=0,
            max_size=8,
            open=False,
            timeout=CONNECT_SECONDS,
            configure=configure,
            kwargs={"autocommit": True, "application_name": "fsdb", "connect_timeout": CONNECT_SECONDS},
        )
        self._current: ContextVar[Connection[Any] | None] = ContextVar("fsdb_transaction", default=None)

    def open(self) -> None:
        """Makes the first connection and checks the server. Raises ConnectionFailed with the reason."""
        try:
            with psycopg.connect(self.url, autocommit=True, connect_timeout=CONNECT_SECONDS) as probe:
                version = probe.info.server_version
        except psycopg.Error as error:
            raise ConnectionFailed(
                f"No PostgreSQL answers at {_shown(self.url)}: {str(error).strip()}. Check FSDB_URL or the argument of connect()."
            ) from error
        if version < MINIMUM_SERVER:
            raise ConnectionFailed(
                f"The server at {_shown(self.url)} is PostgreSQL {version // 10000}; fsdb needs 15 or newer. Upgrade it, or leave FSDB_URL unset to use the embedded PostgreSQL 18."
            )
        self._pool.open()

    def close(self) -> None:
        """Gives all connections back to the server."""
        self._pool.close()

    @property
    def in_transaction(self) -> bool:
        """Whether the caller is inside `transaction()`."""
        return self._current.get() is not None

    @property
    def name(self) -> str:
        """The database's name."""
        parts = psycopg.conninfo.conninfo_to_dict(self.url)
        return str(parts.get("dbname") or parts.get("user") or "the default database")

    @contextmanager
    def connection(self) -> Iterator[Connection[Any]]:
        """A connection for a single statement, which is then its own transaction; inside `transaction()` that one's.

        Saves the two round trips of beginning and committing. Raises ConnectionFailed as `transaction` does.
        """
        current = self._current.get()
        if current is not None:
            yield current
            return
        with self._told(), self._pool.connection() as connection:
            yield connection

    @contextmanager
    def transaction(self) -> Iterator[Connection[Any]]:
        """A connection inside a transaction: the one that is open in this context, else a new one for this block.

        Inside an open transaction the block is a savepoint. A server that goes away raises ConnectionFailed; what
        was not committed is then not in the database.
        """
        current = self._current.get()
        if current is not None:
            with current.transaction():
                yield current
            return
        with self._told(), self._sound() as connection:
            token = self._current.set(connection)
            try:
                with connection.transaction():
                    yield connection
            finally:
                self._current.reset(token)

    @contextmanager
    def _sound(self) -> Iterator[Connection[Any]]:
        """A pooled connection that still answers: after a restart of the server the idle ones do not."""
        connection = self._pool.getconn()
        try:
            ConnectionPool.check_connection(connection)
        except psycopg.OperationalError:
            self._pool.putconn(connection)
            self._pool.check()
            connection = self._pool.getconn()
        try:
            yield connection
        finally:
            self._pool.putconn(connection)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Says a lost server in the project's words; other errors pass."""
        try:
            yield
        except PoolTimeout as error:
            raise ConnectionFailed(
                f"No connection to {_shown(self.url)} within {CONNECT_SECONDS} s: is the server up, and does it allow more connections?"
            ) from error
        except psycopg.OperationalError as error:
            if error.sqlstate is not None and not error.sqlstate.startswith(("08", "57P")):
                raise
            self._pool.check()
            raise ConnectionFailed(
                f"The server at {_shown(self.url)} went away: {str(error).strip()}. What was not committed is not in the database; call again when the server is back."
            ) from error


def configure(connection: Connection[Any]) -> None:
    """What every fsdb connection has: dicts bind as jsonb."""
    connection.adapters.register_dumper(dict, JsonbDumper)


def _shown(url: str) -> str:
    """The URL without its password."""
    return psycopg.conninfo.make_conninfo(
        "", **{k: v for k, v in psycopg.conninfo.conninfo_to_dict(url).items() if k != "password"}
    )
