"""Whose search path a statement runs under: fsdb's own, or that of the user who has the session.

An operator, a function or a type without a schema is whatever the path finds first. varchar, smallint and date have no operators of
all their own, so one that somebody made in `public` fits them better than PostgreSQL's: fsdb's own statements must not find it. So each
transaction of fsdb's begins under a path that has PostgreSQL's own schema alone, in the same message as BEGIN. What users wrote, their
queries and what their triggers do, runs under the path that their session had.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any
from weakref import WeakKeyDictionary

from psycopg import Connection
from psycopg.pq import TransactionStatus

from fsdb.sql import query

PINNED = "pg_catalog, pg_temp"
PIN = b"SET LOCAL search_path = pg_catalog, pg_temp"
FILE = "session/session"

# Connections whose path is pinned now, each with its user's.
_users: WeakKeyDictionary[Connection[Any], str] = WeakKeyDictionary()


def begun(connection: Connection[Any], users: str | None) -> None:
    """Takes note of a transaction that has just begun: pinned, with what path its user has, or (None) not."""
    if users is None:
        _users.pop(connection, None)
    else:
        _users[connection] = users


@contextmanager
def pinned(connection: Connection[Any]) -> Iterator[None]:
    """The block's statements are fsdb's: of an open transaction that runs under a user's path. Outside of one each statement is anyway."""
    if connection in _users or connection.info.transaction_status != TransactionStatus.INTRANS:
        yield
        return
    row = connection.execute(query(FILE, "pin"), {"path": PINNED}).fetchone()
    assert row is not None
    _users[connection] = row[0]
    try:
        yield
    finally:
        former = _users.pop(connection, None) or row[0]
        _set(connection, former)


@contextmanager
def of_user(connection: Connection[Any]) -> Iterator[None]:
    """The block's statements are the user's own, or fire what the user wrote: they run under the path that the session had."""
    former = _users.pop(connection, None)
    if former is None:
        yield
        return
    try:
        if former != PINNED:
            _set(connection, former)
        yield
    finally:
        _users[connection] = former
        if former != PINNED:
            _set(connection, PINNED)


def as_user(connection: Connection[Any], work: Callable[..., Any]) -> Callable[..., Any]:
    """`work`, done as the block of `of_user`."""

    @wraps(work)
    def done(*arguments: Any, **named: Any) -> Any:
        with of_user(connection):
            return work(*arguments, **named)

    return done


def _set(connection: Connection[Any], path: str) -> None:
    """Sets the path for the rest of the transaction. One that has failed gets it back with the savepoint that it returns to."""
    if connection.info.transaction_status == TransactionStatus.INTRANS:
        connection.execute(query(FILE, "set_path"), {"path": path})
