"""Statements that come thousands of times a second: each is prepared once in a session, and then bound, sent and loaded without a cursor.

A cursor works out anew at every execution what to bind a value as, what the statement is called and how to load each column. That
takes longer than the server needs for a row.
"""

from collections.abc import Generator, Sequence
from secrets import token_hex
from typing import Any

import psycopg
from psycopg import Connection, generators, pq
from psycopg.adapt import PyFormat, Transformer

MOST = 100  # statements of a session: as many as psycopg keeps


class _Statement:
    """A statement of a session: its name there, and what binds its values and loads its columns."""

    __slots__ = ("columns", "loading", "name")

    def __init__(self, name: bytes, connection: Connection[Any]) -> None:
        self.name = name
        self.renew(connection)

    def renew(self, connection: Connection[Any]) -> None:
        """Binds and loads by the settings that the session has now."""
        self.loading = Transformer(connection)
        self.columns = -1  # how many it has loaders for


class Prepared:
    """The statements that are kept in one session, by their texts."""

    def __init__(self, connection: Connection[Any]) -> None:
        self._connection = connection
        self._made: dict[bytes, _Statement] = {}
        self._made_under: tuple[bytes | None, bytes | None] | None = None
        self._prefix = f"fsdb_hot_{token_hex(8)}_"
        self._number = 0

    def forget(self) -> None:
        """Takes note that the server has none of them any more."""
        self._made.clear()

    def row(self, statement: bytes, values: Sequence[Any]) -> tuple[Any, ...]:
        """The one row that a statement gives for the values of `$1`…, read in binary.

        The last row stays in memory until the next one. Raises psycopg's errors as a cursor does, also InvalidSqlStatementName where
        the session lost the statement.
        """
        connection = self._connection
        with connection.lock:
            row: tuple[Any, ...] = connection.wait(self._row(statement, values))
            return row

    def _row(self, text: bytes, values: Sequence[Any]) -> Generator[Any, Any, tuple[Any, ...]]:
        pgconn = self._connection.pgconn
        settings = (pgconn.parameter_status(b"client_encoding"), pgconn.parameter_status(b"TimeZone"))
        if settings != self._made_under:  # what texts and moments are bound and loaded by
            for one in self._made.values():
                one.renew(self._connection)
            self._made_under = settings
        statement = self._made.get(text)
        if statement is None:
            statement = yield from self._prepare(text)
        loading = statement.loading
        # As text a value is of whatever type the statement takes it for.
        given = loading.dump_sequence(values, [PyFormat.TEXT] * len(values))
        pgconn.send_query_prepared(statement.name, given, result_format=pq.Format.BINARY)
        result = (yield from generators.execute(pgconn))[-1]
        if result.status != pq.ExecStatus.TUPLES_OK:
            raise psycopg.errors.error_from_result(result, encoding=loading.encoding)
        known, statement.columns = statement.columns, -1
        loading.set_pgresult(result, set_loaders=known != result.nfields)
        statement.columns = result.nfields
        return loading.load_row(0, tuple)

    def _prepare(self, text: bytes) -> Generator[Any, Any, _Statement]:
        pgconn = self._connection.pgconn
        if len(self._made) >= MOST:
            oldest = self._made.pop(next(iter(self._made)))
            pgconn.send_query(b"DEALLOCATE " + oldest.name)
            yield from generators.execute(pgconn)
        self._number += 1
        statement = _Statement(f"{self._prefix}{self._number}".encode(), self._connection)
        pgconn.send_prepare(statement.name, text)
        result = (yield from generators.execute(pgconn))[-1]
        if result.status != pq.ExecStatus.COMMAND_OK:
            raise psycopg.errors.error_from_result(result, encoding=statement.loading.encoding)
        self._made[text] = statement
        return statement
