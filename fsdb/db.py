"""Connections and transactions: one pool a store, one transaction a call unless the user opened a longer one."""

import atexit
import logging
import os
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from contextvars import ContextVar
from types import TracebackType
from typing import Any, TypeVar
from weakref import WeakSet

import psycopg
from psycopg.pq import TransactionStatus
from psycopg_pool import ConnectionPool, PoolClosed, PoolTimeout

from fsdb import locks, rights, search_path
from fsdb.config import CATALOG_SCHEMA, MINIMUM_SERVER
from fsdb.errors import CatalogMissing, ConnectionFailed, FsdbError
from fsdb.session import CONNECT_SECONDS, FORKED, NOT_PREPARED, Session, configure, connect
from fsdb.urls import shown, without_secrets

logger = logging.getLogger(__name__)

__all__ = ["CONNECT_SECONDS", "Database", "configure", "connect"]

Done = TypeVar("Done")
# Errors of a name that is not there.
NOT_THERE = (
    psycopg.errors.UndefinedTable,
    psycopg.errors.UndefinedColumn,
    psycopg.errors.UndefinedFunction,
    psycopg.errors.InvalidSchemaName,
)
# Timeouts that end a session; the first two are no OperationalError.
_ENDED = (psycopg.errors.IdleInTransactionSessionTimeout, psycopg.errors.TransactionTimeout)
_TIMEOUTS = {
    "25P03": "idle_in_transaction_session_timeout",
    "25P04": "transaction_timeout",
    "57P05": "idle_session_timeout",
}

_OF_CATALOG = re.compile(rf"\b{CATALOG_SCHEMA}\.|\"{CATALOG_SCHEMA}\"")


class Database:
    """A PostgreSQL database by URL. Connections are made when first needed and come from a pool.

    In a forked child the pool is another one: the parent's connections stay the parent's.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._pool = self._new_pool()
        self._is_open = False
        self._shared = False  # whether sessions were seen to be shared by a pooler: then none of them prepares anything
        self._current: ContextVar[Session | None] = ContextVar("fsdb_transaction", default=None)
        _databases.add(self)

    def open(self) -> None:
        """Makes the first connection and checks the server. Raises ConnectionFailed with the reason."""
        try:
            with connect(self.url, autocommit=True) as probe:
                version = probe.info.server_version
        except psycopg.Error as error:
            raise unreachable(self.url, error) from None  # libpq's own text may hold a part of the password
        if version < MINIMUM_SERVER:
            raise ConnectionFailed(
                f"The server at {shown(self.url)} is PostgreSQL {version // 10000}; fsdb needs 15 or newer. Upgrade it, or leave FSDB_URL unset to use the embedded PostgreSQL 18."
            )
        self._is_open = True
        self._pool.open()
        # Pools that are open when Python ends would wait for threads that do not run any more (3.13). What is registered
        # last runs first: before the embedded server stops.
        atexit.unregister(_close_all)
        atexit.register(_close_all)

    def close(self) -> None:
        """Gives all connections back to the server."""
        self._is_open = False
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

    def connection(self) -> AbstractContextManager[Session]:
        """A connection for a single statement, which is then its own transaction; inside `transaction()` that one's.

        Saves the two round trips of beginning and committing. Raises as `transaction` does.
        """
        return self._joined() if self.in_transaction else _Single(self)

    @contextmanager
    def _joined(self) -> Iterator[Session]:
        """The connection of the open transaction."""
        current = self._current.get()
        assert current is not None
        with self._inside(current):
            yield _own(current)

    @contextmanager
    def transaction(self, users: bool = False) -> Iterator[Session]:
        """A connection inside a transaction: the one that is open in this context, else a new one for this block.

        Inside an open transaction the block is a savepoint. A server that goes away raises ConnectionFailed; what
        was not committed is then not in the database. A right that the user lacks raises RightMissing, which names it.
        users: the block is the user's own, whose statements raise what psycopg raises.
        """
        current = self._current.get()
        if current is not None:
            path = search_path.of_user if users else search_path.pinned
            with self._inside(current, users), _own(current).transaction(), path(current):
                yield current
            return
        with self._told(users), ExitStack() as stack:
            connection = stack.enter_context(self._sound())
            token = self._current.set(connection)
            stack.callback(self._current.reset, token)
            stack.enter_context(_beginning(connection, users))
            try:
                yield connection
            finally:
                if connection.inherited:  # the child of a fork inside the block: to commit or roll back is the parent's
                    _of_parents.append(stack.pop_all())
                    self._current.reset(token)
            _own(connection)

    def changing(self, work: Callable[[Session], Done]) -> Done:
        """What `work` gives, done in a transaction in which no lock is waited for long: others never queue behind it.

        Where a lock is not to be had it is done again, until `$FSDB_LOCK_SECONDS` are over; inside `transaction()`, whose earlier
        statements cannot be done again, it is done once. Raises ChangeRefused then, and as `transaction` does.
        """
        if self.in_transaction:
            with self.transaction() as connection:
                return work(connection)
        for _ in locks.attempts():
            try:
                with self.transaction() as connection, locks.again():
                    locks.hurry(connection)
                    return work(connection)
            except locks.Again as again:
                refused = again.error
        raise locks.sentence(refused) from refused

    @contextmanager
    def _sound(self) -> Iterator[Session]:
        """A pooled connection that still answers: after a restart of the server the idle ones do not."""
        pool = self._ready()
        connection = self._marked(pool.getconn())
        try:
            connection.recognize()
        except psycopg.OperationalError:
            pool.putconn(connection)
            pool.check()
            connection = self._marked(pool.getconn())
        try:
            yield connection
        finally:
            self._shared = self._shared or connection.shared
            pool.putconn(connection)

    @contextmanager
    def _told(self, users: bool = False) -> Iterator[None]:
        """Says a lost server, a session that was another's and a missing right in the project's words; other errors pass."""
        try:
            yield
        except PoolTimeout as error:
            raise ConnectionFailed(
                f"No connection to {shown(self.url)} within {CONNECT_SECONDS} s: is the server up, and does it allow more connections?"
            ) from error
        except PoolClosed as error:  # meanwhile, by another thread
            raise self._closed() from error
        except NOT_PREPARED as error:
            raise self._anothers() from error
        except psycopg.errors.InsufficientPrivilege as error:
            if users:
                raise
            with self._ready().connection() as connection:
                raise rights.missing(connection, error) from error
        except locks.REFUSED as error:
            if users:
                raise
            raise locks.sentence(error) from error
        except psycopg.Error as error:
            lost = went_away(error)
            if lost:
                logger.warning("The server of %s went away, or ended the session (%s).", self.name, error.sqlstate)
                self._pool.check()
            said = explained(self.url, error)
            if said is None or (users and not lost):
                raise
            raise said from error

    @contextmanager
    def _inside(self, current: Session, users: bool = False) -> Iterator[None]:
        """As `_told`, of a part of an open transaction."""
        try:
            yield
        except NOT_PREPARED as error:
            raise self._anothers() from error
        except psycopg.errors.InsufficientPrivilege as error:
            if users:
                raise
            raise rights.missing(current, error) from error
        except locks.REFUSED as error:
            if users:
                raise
            raise locks.sentence(error) from error
        except psycopg.Error as error:
            lost = went_away(error)
            said = explained(self.url, error) if lost or isinstance(error, NOT_THERE) else None
            if said is None or (users and not lost):
                raise
            raise said from error

    def _anothers(self) -> ConnectionFailed:
        self._shared = True
        logger.warning("A pooler gives sessions of %s to others, too: nothing is prepared there any more.", self.name)
        return ConnectionFailed(
            f"A pooler in front of {shown(self.url)} gave this call another client's session: nothing was changed, and fsdb prepares no more statements there. Call again."
        )

    def check_open(self) -> None:
        """Raises ConnectionFailed where `close` was called, or `open` was not."""
        if not self._is_open:
            raise self._closed()

    def _closed(self) -> ConnectionFailed:
        return ConnectionFailed(
            f"This store on database {self.name} is closed, by close() or at the end of its with block: open another with fsdb.connect()."
        )

    def _ready(self) -> ConnectionPool[Session]:
        self.check_open()
        if self._pool.closed:  # in a forked child
            self._pool.open()
        return self._pool

    def _marked(self, connection: Session) -> Session:
        if self._shared and not connection.shared:
            connection.share()
        return connection

    def _new_pool(self) -> ConnectionPool[Session]:
        return ConnectionPool(
            self.url,
            connection_class=Session,
            min_size=0,
            max_size=8,
            open=False,
            timeout=CONNECT_SECONDS,
            kwargs={"autocommit": True, "application_name": "fsdb", "connect_timeout": CONNECT_SECONDS},
        )

    def _leave_to_parent(self) -> None:
        _of_parents.append(self._pool)
        self._pool = self._new_pool()


class _Single:
    """A pooled connection for a single statement. Thousands of vectors a second pass here: hence no generators, and nothing to commit is nothing done."""

    __slots__ = ("_connection", "_database", "_pool")

    def __init__(self, database: Database) -> None:
        self._database = database

    def __enter__(self) -> Session:
        database = self._database
        try:
            self._pool = database._ready()
            self._connection = database._marked(self._pool.getconn())
        except Exception as error:
            with database._told():
                raise error
        return self._connection

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        connection = self._connection
        if error is None and connection.pgconn.transaction_status == TransactionStatus.IDLE:
            self._pool.putconn(connection)
            return
        try:
            with self._database._told():
                try:
                    connection.__exit__(kind, error, trace)
                finally:
                    self._pool.putconn(connection)  # before it is told, which may take another one
                if error is not None:
                    raise error
        except BaseException as said:
            if said is not error:
                raise


@contextmanager
def _beginning(connection: Session, users: bool) -> Iterator[None]:
    """A new transaction, under fsdb's search path or the user's."""
    with ExitStack() as stack:
        connection.pins = not users
        try:
            stack.enter_context(connection.transaction())
        finally:
            connection.pins = True
        yield


def unreachable(url: str, error: psycopg.Error) -> ConnectionFailed:
    """What to say where no connection could be made."""
    # What libpq guesses is indented.
    lines = [line for line in str(error).strip().splitlines() if not line.startswith("\t")]
    said = without_secrets("; ".join(lines), url).rstrip(".")
    return ConnectionFailed(
        f"No PostgreSQL answers at {shown(url)}: {said}. Check FSDB_URL or the argument of connect()."
    )


def went_away(error: psycopg.Error) -> bool:
    """Whether the server or the connection to it is gone."""
    return isinstance(error, _ENDED) or (
        isinstance(error, psycopg.OperationalError)
        and (error.sqlstate is None or error.sqlstate.startswith(("08", "57P")))
    )


def reason(error: psycopg.Error) -> str:
    """What the server or libpq said, in one line: libpq adds lines of guesses."""
    return (error.diag.message_primary or str(error).strip().partition("\n")[0]).rstrip(". ")


def gone(url: str, error: psycopg.Error) -> ConnectionFailed:
    """What to say where the server is gone, or has ended the session."""
    if error.sqlstate in _TIMEOUTS:
        return ConnectionFailed(
            f"The server at {shown(url)} ended the session by its {_TIMEOUTS[error.sqlstate]}. What was not committed is not in the database: raise it for this user, and call again."
        )
    return ConnectionFailed(
        f"The server at {shown(url)} went away: {reason(error)}. What was not committed is not in the database; call again when the server is back."
    )


def explained(url: str, error: psycopg.Error) -> FsdbError | None:
    """What to say of a server that is gone or gave up, and of a catalog that lacks something; None of what is no fault of these."""
    if isinstance(error, NOT_THERE):
        said = error.diag.message_primary or str(error).strip()
        if not _OF_CATALOG.search(said):
            return None
        return CatalogMissing(
            f"The fsdb catalog lacks something that this fsdb needs ({said}): it was changed by hand or downgraded. Run fsdb doctor."
        )
    if went_away(error):
        return gone(url, error)
    return gave_up(url, error) if isinstance(error, psycopg.OperationalError) else None


def gave_up(url: str, error: psycopg.Error) -> ConnectionFailed:
    """What to say where a timeout, a lock or a shortage ended a statement."""
    return ConnectionFailed(
        f"The server at {shown(url)} gave up: {reason(error)}. Nothing was changed. Another session may hold what was "
        "needed, statement_timeout or lock_timeout may be short, or the server may be out of memory, disk or connections: call again."
    )


def _own(connection: Session) -> Session:
    """The connection of an open transaction. Raises ConnectionFailed where that is the parent process's."""
    if connection.inherited:
        raise ConnectionFailed(FORKED)
    return connection


_databases: WeakSet[Database] = WeakSet()
_of_parents: list[Any] = []  # what a forked child must neither use nor close, nor may Python's garbage collector


def _close_all() -> None:
    for database in list(_databases):
        database.close()


def _forked() -> None:
    for database in list(_databases):
        database._leave_to_parent()


if hasattr(os, "register_at_fork"):  # where there is no fork there is no such function
    os.register_at_fork(after_in_child=_forked)
