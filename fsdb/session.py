"""Every connection that fsdb makes: it knows whether the server's session is its own, and which process opened it.

A pooler in transaction mode gives each transaction any of its sessions, which others have used. What is prepared in one is
not there in the next, and under psycopg's names (_pg3_0, …) there is another client's statement. So names here are unique: a
wrong session knows no such statement, which is an error instead of an answer. A session that is seen to be shared prepares nothing.

A forked child has the parent's sockets. Whoever writes into one mixes up two conversations, so there a connection refuses.

Each transaction, also that of a single statement, begins under fsdb's own search path; see fsdb/search_path.py.
"""

import os
from contextlib import nullcontext
from secrets import token_hex
from typing import Any, Self

import psycopg
from psycopg import Connection, generators, pq
from psycopg._preparing import PrepareManager
from psycopg.types.json import JsonbDumper

from fsdb import search_path
from fsdb.errors import ConnectionFailed
from fsdb.prepared import Prepared
from fsdb.sql import query

CONNECT_SECONDS = 10
# What a session that lost its statements, or has another's, answers.
NOT_PREPARED = (psycopg.errors.InvalidSqlStatementName, psycopg.errors.DuplicatePreparedStatement)
FORKED = "This process was forked inside a transaction of its parent, which alone can go on with it: open transaction() after the fork."


def connect(url: str, application: str = "fsdb", autocommit: bool = False) -> "Session":
    """A new connection, for what needs one beside the pool. Raises psycopg's errors where there is no server."""
    return Session.connect(url, autocommit=autocommit, application_name=application, connect_timeout=CONNECT_SECONDS)


def configure(connection: Connection[Any]) -> None:
    """What fsdb expects of every connection, also of one that the user made: dicts bind as jsonb."""
    connection.adapters.register_dumper(dict, JsonbDumper)


class Session(Connection[Any]):
    """A psycopg connection. Timeouts for idle sessions and transactions, of a role or a database, do not count in it, unless a pooler shares it.

    shared: whether the session was seen to be another's at times, so that nothing is kept in it.
    hot: the statements that come thousands of times a second.
    pins: whether transactions that begin from here on are fsdb's, under its search path, or the user's.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.shared = False
        self.pins = True
        self._users_path = ""
        self._process = os.getpid()
        self.hot = Prepared(self)
        self._prepared = _OwnNames(self.hot)
        self.cursor_factory = _Cursor
        configure(self)

    @classmethod
    def connect(cls, *arguments: Any, **options: Any) -> Self:
        session = super().connect(*arguments, **options)
        try:
            autocommit, session.autocommit = session.autocommit, True
            session._users_path = session.recognize()
            if not session.shared:
                session.execute(query("session/session", "patient"), prepare=False)
            session.autocommit = autocommit
        except BaseException:
            session.close()
            raise
        return session

    @property
    def inherited(self) -> bool:
        """Whether this process is a forked child of the one that opened the connection."""
        return os.getpid() != self._process

    def recognize(self) -> str:
        """Asks which server process answers; another one than at the start, or than a pooler said, makes the session shared.

        Returns the search path that the session has outside of fsdb's transactions.
        """
        row = psycopg.Cursor(self).execute(query("session/session", "backend"), prepare=False).fetchone()
        assert row is not None
        self.answered_by(row[0])
        return str(row[1])

    def answered_by(self, backend: int) -> None:
        """Takes note of the server process that answered."""
        if backend != self.pgconn.backend_pid:
            self.share()

    def lost(self) -> bool:
        """Whether a statement that the server does not know is lost from the session that it was prepared in: a DEALLOCATE of the user's did that."""
        self.hot.forget()
        self.recognize()
        return not self.shared

    def share(self) -> None:
        """Prepares nothing from here on."""
        self.shared = True
        self.prepare_threshold = None

    def wait(self, *arguments: Any, **options: Any) -> Any:
        """All that psycopg says to the server passes here."""
        if self.inherited:
            raise ConnectionFailed(FORKED)
        return super().wait(*arguments, **options)

    def _exec_command(self, command: Any, result_format: pq.Format = pq.Format.TEXT) -> Any:
        """psycopg's own commands, of which BEGIN is sent together with the search path, in one message."""
        if not isinstance(command, bytes) or not command.startswith(b"BEGIN"):
            return (yield from super()._exec_command(command, result_format))
        if not self.pins:
            begun = yield from super()._exec_command(command, result_format)
            search_path.begun(self, None)
            return begun
        self._check_connection_ok()
        self.pgconn.send_query(command + b"; " + search_path.PIN)
        results = yield from generators.execute(self.pgconn)
        for result in results:
            if result.status == pq.ExecStatus.FATAL_ERROR:
                raise psycopg.errors.error_from_result(result, encoding=self.pgconn._encoding)
        search_path.begun(self, self._users_path)
        return results[-1]

    def close(self) -> None:
        """Closes the connection; in a forked child it stays the parent's."""
        self.hot.forget()
        if not self.inherited:
            super().close()


class _Cursor(psycopg.Cursor[Any]):
    """A statement alone is a transaction as well, which begins under fsdb's search path. psycopg's own class executes what cannot be in one."""

    def execute(self, *arguments: Any, **options: Any) -> Any:
        connection = self.connection
        assert isinstance(connection, Session)
        idle = connection.pgconn.transaction_status == pq.TransactionStatus.IDLE
        with connection.transaction() if connection.pins and connection.autocommit and idle else nullcontext():
            return super().execute(*arguments, **options)


class _OwnNames(PrepareManager):
    """Prepared statements under names that no other connection has."""

    def __init__(self, hot: Prepared) -> None:
        super().__init__()
        self._prefix = f"fsdb_{token_hex(8)}".encode()
        self._hot = hot

    def clear(self) -> bool:
        """psycopg lets go of all statements of the session in the server, hence of the hot ones, too."""
        cleared = super().clear()
        if cleared:
            self._hot.forget()
        return cleared

    def get(self, *arguments: Any, **options: Any) -> Any:
        prepare, name = super().get(*arguments, **options)
        return prepare, self._prefix + name if name.startswith(b"_pg3_") else name
