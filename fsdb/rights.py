"""Says a missing right as PostgreSQL does not: whose, which right, on what, and the statement that grants it."""

import re
from typing import Any

import psycopg
from psycopg import Connection
from psycopg.conninfo import make_conninfo
from psycopg.errors import InsufficientPrivilege
from psycopg.pq import TransactionStatus
from psycopg.rows import tuple_row

from fsdb.errors import RightMissing
from fsdb.session import connect
from fsdb.sql import query

# Of messages in English; in other languages the object is the one whose name the message holds.
_DENIED = re.compile(r"permission denied for (\w+(?: table| view| object| wrapper)?) (.+)")
_RELATIONS = ("table", "view", "materialized view", "foreign table", "relation")
_OWN = "fsdb"  # begins what fsdb's own triggers and functions say


def missing(connection: Connection[Any], error: InsufficientPrivilege) -> RightMissing:
    """What the error means for the user of a connection. Where its transaction has failed, another connection is asked."""
    message = error.diag.message_primary or str(error).strip()
    user = connection.info.user
    try:
        if connection.info.transaction_status in (TransactionStatus.IDLE, TransactionStatus.INTRANS):
            found = _found(connection, message)
        else:
            with connect(_url(connection), autocommit=True) as other:
                found = _found(other, message)
    except psycopg.Error:
        found = None
    return RightMissing(_plain(user, message, error) if found is None else _sentence(*found))


def explained(url: str, error: InsufficientPrivilege) -> RightMissing:
    """What the error means for the user of a URL, whose own connection is not there to be asked any more."""
    try:
        with connect(url, autocommit=True) as connection:
            return missing(connection, error)
    except psycopg.Error:
        return RightMissing(_plain("", error.diag.message_primary or str(error).strip(), error))


def _url(connection: Connection[Any]) -> str:
    return make_conninfo(connection.info.dsn, password=connection.info.password or None)


def _found(connection: Connection[Any], message: str) -> tuple[Any, ...] | None:
    denied = _DENIED.fullmatch(message)
    kind, name = (denied[1], denied[2]) if denied else ("", "")
    values = {"message": message, "kind": "table" if kind in _RELATIONS else kind, "name": name}
    if message.startswith(_OWN):
        return None
    with connection.transaction(), connection.cursor(row_factory=tuple_row) as cursor:
        return cursor.execute(query("session/rights", "lacking"), values, prepare=False).fetchone()


def _sentence(kind: str, shown: str, right: str, owner: str, user: str, grantee: str) -> str:
    on = f"{kind} {shown}"
    return f"User {user} lacks {right} on {kind.lower()} {shown}: let {owner} run GRANT {right} ON {on} TO {grantee}."


def _plain(user: str, message: str, error: InsufficientPrivilege) -> str:
    hint = error.diag.message_hint
    if message.startswith(_OWN):
        return f"{message}{'' if message.endswith('.') else '.'}{f' {hint}' if hint else ''}"
    who = f"User {user}" if user else "The database user"
    return f"{who} lacks a right: {message}. Let the owner grant it, or connect as a role that has it."
