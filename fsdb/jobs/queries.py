"""The query of a batch job: looked at whole before anything of it runs, and run with the rights of the role that owns the set's table.

That role is taken on to make things alone. The query itself runs in a function of that role's with its owner's rights, in which PostgreSQL
lets nobody become another role: so nothing that the query calls gets the rights of the session, which may be a superuser's.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import psycopg
from psycopg import Connection
from psycopg.sql import SQL, Composed, Identifier, Literal

from fsdb.asof import Column
from fsdb.catalog.feature_sets import RegisteredSet
from fsdb.errors import ChangeRefused, InvalidData, InvalidDefinition, RightMissing, UnknownName
from fsdb.exchange.queries import first_line
from fsdb.ingest.matching import match
from fsdb.jobs.parameters import SINCE, UNTIL, filled
from fsdb.jobs.slots import Slot
from fsdb.listing import listed
from fsdb.search_path import of_user
from fsdb.sql import joined, query
from fsdb.types import type_sql

FILE = "jobs/query"
VIEW, FUNCTION = Identifier("_fsdb_batch"), Identifier("_fsdb_batch")
_SHOWN = "pg_temp._fsdb_batch"
EVENT_TIME, INSTANT = "event_time", "timestamp with time zone"
_MOMENT = SQL("'2000-01-01 00:00:00+00'::pg_catalog.timestamptz")
_CLOCK_WORD = re.compile(r"'\s*(now|today|tomorrow|yesterday)\s*'", re.IGNORECASE)


def users_path(connection: Connection[Any]) -> str:
    """The search path of whoever has the session, under which the query means what its author sees."""
    with of_user(connection):
        row = connection.execute(query(FILE, "path")).fetchone()
    assert row is not None
    return str(row[0])


def settings_for(connection: Connection[Any], text: str) -> str:
    """The query as fsdb.run_due() runs it, which has no parameters to give."""
    moments = {name: query(FILE, "setting", name=Literal(f"fsdb.{name}")) for name in (SINCE, UNTIL)}
    return filled(_statement(text), moments).as_string(connection)


def check(connection: Connection[Any], registered: RegisteredSet, text: str, path: str, zone: str) -> tuple[str, ...]:
    """Looks at a query without running it; gives the feature sets that it reads.

    Raises InvalidDefinition where it is not one SELECT that gives the set's columns and depends on nothing but what it reads, ChangeRefused
    where code of others would run with the owner's rights, RightMissing where this session, or the owner, lacks one.
    """
    with connection.transaction(), _looked_at(connection, registered, text, path, zone):
        return tuple(name for (name,) in connection.execute(query(FILE, "reads"), {"view": _SHOWN}).fetchall())


@contextmanager
def rows(
    connection: Connection[Any], registered: RegisteredSet, text: str, path: str, zone: str, slot: Slot
) -> Iterator[str]:
    """The query of a slot's rows, for the block. Raises as `check` does."""
    with _looked_at(connection, registered, text, path, zone) as columns:
        pass
    with _as_owner(connection, registered, path, zone):
        body = filled(_statement(text), {SINCE: SQL("$1"), UNTIL: SQL("$2")}).as_string(connection)
        # Under names that nothing in the query can mean.
        named = [
            SQL("{} {}").format(Identifier(f"_fsdb_{n}"), type_sql(column.type)) for n, column in enumerate(columns)
        ]
        connection.execute(query(FILE, "function", function=FUNCTION, columns=joined(named), body=Literal(body)))
        connection.execute(query(FILE, "grant", function=FUNCTION))
    taken = [
        SQL("given.{} AS {}").format(Identifier(f"_fsdb_{n}"), Identifier(column.name))
        for n, column in enumerate(columns)
    ]
    if EVENT_TIME not in [column.name for column in columns]:
        taken.append(SQL("{} AS {}").format(_moment(slot.until), Identifier(EVENT_TIME)))
    yield query(
        FILE, "rows", columns=joined(taken), function=FUNCTION, since=_moment(slot.since), until=_moment(slot.until)
    ).as_string(connection)
    with _as_owner(connection, registered, path, zone):
        connection.execute(query(FILE, "drop_function", function=FUNCTION))


@contextmanager
def _as_owner(connection: Connection[Any], registered: RegisteredSet, path: str, zone: str) -> Iterator[str]:
    """The block's statements are the table's owner's, under the query's search path and time zone. Where it fails, they go with the savepoint around it."""
    values = {"schema": registered.live_schema, "table": registered.live_table}
    row = connection.execute(query(FILE, "owner"), values).fetchone()
    if row is None:
        raise ChangeRefused(f"The live table of {registered.name} is gone: run fsdb upgrade, which makes it again.")
    role, may, before = row
    if not may:
        raise RightMissing(
            f"The query of {registered.name} runs as role {role}, which owns the set's table, and user {connection.info.user} may not act as it: "
            f"run GRANT {Identifier(role).as_string(connection)} TO {Identifier(connection.info.user).as_string(connection)}, or connect as that role."
        )
    own_path = connection.execute(query(FILE, "path")).fetchone()
    own_zone = connection.execute(query(FILE, "zone")).fetchone()
    assert own_path is not None
    assert own_zone is not None
    connection.execute(query(FILE, "act"), {"role": role})
    connection.execute(query(FILE, "set_path"), {"path": path})
    try:
        with connection.transaction():
            connection.execute(query(FILE, "set_zone"), {"zone": zone})
    except psycopg.DataError as error:
        raise InvalidDefinition(f"The server does not know the time zone {zone!r} of {registered.name}.") from error
    yield role
    connection.execute(query(FILE, "set_zone"), {"zone": own_zone[0]})
    connection.execute(query(FILE, "set_path"), {"path": own_path[0]})
    connection.execute(query(FILE, "act"), {"role": before})


@contextmanager
def _looked_at(
    connection: Connection[Any], registered: RegisteredSet, text: str, path: str, zone: str
) -> Iterator[Sequence[Column]]:
    """Makes a view of the query, for the block, and holds it against all that a query of a batch job must be; the columns that it gives."""
    with _as_owner(connection, registered, path, zone) as role:
        _view(connection, registered.name, text, role)
    columns = _checked(connection, registered, text, role)
    # Planned and begun as that role, once it is known whose code that runs.
    with _as_owner(connection, registered, path, zone):
        try:
            with connection.transaction():
                connection.execute(query(FILE, "probe", view=VIEW))
        except psycopg.errors.InsufficientPrivilege as error:
            raise _lacking(registered.name, role, error) from error
        except (psycopg.ProgrammingError, psycopg.DataError) as error:
            raise InvalidDefinition(f"The query of {registered.name} does not run: {first_line(error)}.") from error
    yield columns
    with _as_owner(connection, registered, path, zone):
        connection.execute(query(FILE, "drop_view", view=VIEW))


def _view(connection: Connection[Any], name: str, text: str, role: str) -> None:
    given = filled(_statement(text), {SINCE: _MOMENT, UNTIL: _MOMENT})
    try:
        # Results in binary make this the extended protocol, which takes one statement and no more.
        connection.cursor(binary=True).execute(query(FILE, "view", view=VIEW, given=given))
    except psycopg.errors.InsufficientPrivilege as error:
        raise _lacking(name, role, error) from error
    except psycopg.errors.FeatureNotSupported as error:
        raise InvalidDefinition(f"The query of {name} may only read: {first_line(error)}.") from error
    except (psycopg.ProgrammingError, psycopg.DataError) as error:
        raise InvalidDefinition(
            f"The query of {name} is not one SELECT that PostgreSQL understands: {first_line(error)}."
        ) from error


def _checked(connection: Connection[Any], registered: RegisteredSet, text: str, role: str) -> Sequence[Column]:
    """Asks PostgreSQL's catalog about the view, under fsdb's own search path."""
    name, view = registered.name, {"view": _SHOWN}
    _refuse_unsteady(connection, name, text)
    found = connection.execute(query(FILE, "foreign"), {**view, "role": role}).fetchone()
    if found is not None:
        what, relation, function, owner = found
        calls = f", which calls {function}" if function is not None else ""
        where = "the query" if relation.endswith("_fsdb_batch") else relation
        raise ChangeRefused(
            f"The query of {name} would run code of role {owner} with the rights of {role}: {what} of {where}{calls}. Take that code away, or grant {role} to {owner}."
        )
    columns = [Column(*row) for row in connection.execute(query(FILE, "columns"), view).fetchall()]
    _refuse_unfit(registered, columns)
    return columns


def _refuse_unsteady(connection: Connection[Any], name: str, text: str) -> None:
    found = connection.execute(query(FILE, "unsteady"), {"view": _SHOWN}).fetchone()
    if found is None and (word := _CLOCK_WORD.search(text)):
        # As a time PostgreSQL has put the moment in its place; as a text it stands there still.
        shown = connection.execute(query(FILE, "shown"), {"view": _SHOWN}).fetchone()
        if shown is not None and word[0].lower() not in shown[0].lower():
            found = True, word[0]
    if found is None:
        return
    clock, what = found
    if clock:
        raise InvalidDefinition(
            f"The query of {name} asks the clock by {what}, so a run that comes late would give other rows: write :until, the end of the run's slot."
        )
    raise InvalidDefinition(
        f"The query of {name} calls {what}, which is volatile: it may change something, or give other rows each time. Leave it out, or mark it STABLE if it only reads."
    )


def _refuse_unfit(registered: RegisteredSet, columns: Sequence[Column]) -> None:
    names = [column.name for column in columns]
    lacking = [one for one in (*registered.keys, *(f.name for f in registered.features)) if one not in names]
    if lacking:
        raise InvalidDefinition(
            f"The query of {registered.name} gives no {listed([repr(one) for one in lacking])}: it gives {listed([repr(one) for one in names])}. It must give each key and feature, and may give event_time."
        )
    for column in columns:
        if column.name == EVENT_TIME and column.type != INSTANT:
            raise InvalidDefinition(
                f"The query of {registered.name} gives event_time as {column.type}: make it a timestamptz, as by AT TIME ZONE 'UTC'."
            )
    try:
        match(registered, columns, None, None)
    except (InvalidData, UnknownName) as error:
        raise InvalidDefinition(f"The query of {registered.name} does not fit. {error}") from error


def _lacking(name: str, role: str, error: psycopg.Error) -> RightMissing:
    said = error.diag.message_primary or first_line(error)
    return RightMissing(
        f"The query of {name} runs as role {role}, which owns the set's table and lacks a right: {said}. Grant it to {role}."
    )


def _statement(text: str) -> str:
    return text.strip().rstrip(";").rstrip()


def _moment(moment: datetime) -> Composed:
    return SQL("{}::pg_catalog.timestamptz").format(Literal(moment.isoformat()))
