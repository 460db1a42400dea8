"""Users' own queries: their text as a part of ours, and what columns they give."""

from contextlib import nullcontext
from typing import Any

import psycopg
from psycopg import Connection
from psycopg.sql import SQL, Composable

from fsdb.asof import Column
from fsdb.errors import InvalidDefinition
from fsdb.search_path import of_user
from fsdb.sql import query


def query_text(text: str) -> Composable:
    """A user's query as a part of ours: without the semicolon at its end."""
    return SQL("{}").format(SQL(text.strip().rstrip(";")))


def describe(connection: Connection[Any], given: Composable, what: str, users: bool = True) -> tuple[Column, ...]:
    """The columns of a query. Raises InvalidDefinition where it does not run, or has two columns of one name.

    what: how errors call it, such as "spine". users: whether a user wrote it, who means by a name what the session's search path finds.
    """
    try:
        # Results in binary make this the extended protocol, which takes one statement and no more.
        with of_user(connection) if users else nullcontext():
            cursor = connection.cursor(binary=True).execute(query("exchange/queries", "describe", given=given))
    except psycopg.errors.InsufficientPrivilege:
        raise  # named by who holds the connection
    except (psycopg.ProgrammingError, psycopg.DataError) as error:
        raise InvalidDefinition(f"The {what} query does not run: {first_line(error)}.") from error
    result = cursor.pgresult
    names = [column.name for column in cursor.description or ()]
    assert result is not None
    twice = [name for number, name in enumerate(names) if name in names[:number]]
    if twice:
        raise InvalidDefinition(f"The {what} has two columns named {twice[0]!r}: name one of them otherwise with AS.")
    numbers = range(result.nfields)
    types = connection.execute(
        query("exchange/queries", "type_names"),
        {"oids": [result.ftype(n) for n in numbers], "modifiers": [result.fmod(n) for n in numbers]},
    )
    return tuple(Column(name, kind) for name, (kind,) in zip(names, types, strict=True))


def first_line(error: psycopg.Error) -> str:
    """What a database error says, in one line."""
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__
