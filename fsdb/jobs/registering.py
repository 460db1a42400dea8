"""Schedules into the catalog and out of it."""

from collections.abc import Collection
from typing import Any

import psycopg
from psycopg import Connection

from fsdb import clock
from fsdb.catalog.feature_sets import get_set, list_sets
from fsdb.catalog.schedules import delete_schedule, list_schedules, put_schedule, write_coming
from fsdb.definitions import Schedule
from fsdb.definitions.circles import circle
from fsdb.errors import ChangeRefused, InvalidDefinition
from fsdb.jobs.queries import check, settings_for, users_path
from fsdb.jobs.slots import coming, last_end
from fsdb.sql import query

FILE = "jobs/schedules"


def register(connection: Connection[Any], definition: Schedule) -> None:
    """Registers a schedule, or changes one in place: it goes on where it stands.

    Raises InvalidDefinition where its query, or what it names, is not as it must be; ChangeRefused where code of others would run with the
    rights of the query's role, and while the schedule runs; RightMissing.
    """
    hold(connection, definition.name)
    others = list_schedules(connection)
    before = others.get(definition.name)
    for name in definition.after:
        if name not in others:
            raise InvalidDefinition(
                f"Schedule {definition.name} comes after {name!r}, and there is no such schedule: define it, or leave it out of after=."
            )
    for name in definition.sets:
        get_set(connection, name)
    path = users_path(connection)
    reads = () if definition.query is None else _checked(connection, definition, definition.query, path)
    waits = {name: one.waits_for for name, one in others.items()}
    waits[definition.name] = tuple(sorted({*definition.after, *reads} - {definition.name}))
    found = circle(waits, definition.name)
    if found is not None:
        raise InvalidDefinition(
            f"Schedule {definition.name} would wait for itself: {' waits for '.join(found)}. Take one of them out."
        )
    now = clock.now(connection)
    done_until = before.done_until if before is not None else last_end(definition, now) or now
    statement = None if definition.query is None else settings_for(connection, definition.query)
    put_schedule(connection, definition, statement, path, reads, done_until)
    write_coming(connection, definition.name, *coming(definition, done_until))


def check_again(connection: Connection[Any], names: Collection[str]) -> None:
    """Looks at the queries that fill some feature sets again, whose features have changed. Raises as `register` does."""
    for one in list_schedules(connection, list(names)).values() if names else ():
        if one.definition.query is not None:
            registered = list_sets(connection, [one.name])[one.name]
            check(connection, registered, one.definition.query, one.search_path, one.definition.timezone)


def drop(connection: Connection[Any], name: str) -> None:
    """Removes a schedule; the set that it fills stays as it is. Raises ChangeRefused while it runs, or another comes after it."""
    hold(connection, name)
    followers = [one for (one,) in connection.execute(query(FILE, "followers"), {"name": name}).fetchall()]
    if followers:
        raise ChangeRefused(f"Schedule {name} stays: {', '.join(followers)} comes after it. Change that first.")
    delete_schedule(connection, name)


def hold(connection: Connection[Any], name: str) -> None:
    """Keeps a schedule from running until the transaction ends. Raises ChangeRefused where a run, or another change, has it."""
    try:
        with connection.transaction():
            connection.execute(query(FILE, "hold"), {"name": name})
    except psycopg.errors.LockNotAvailable as error:
        raise ChangeRefused(
            f"Schedule {name} runs right now, or somebody changes it: wait for that, or end its session, which leaves nothing behind."
        ) from error


def _checked(connection: Connection[Any], definition: Schedule, text: str, path: str) -> tuple[str, ...]:
    registered = list_sets(connection, [definition.name]).get(definition.name)
    if registered is None:
        raise InvalidDefinition(
            f"Batch schedule {definition.name} fills the feature set of that name, which there is not: define it as a BatchSet, or the FeatureSet first."
        )
    if registered.tracked:
        raise InvalidDefinition(
            f"Feature set {definition.name} tracks a table, which its application fills: a batch set has a table of its own."
        )
    if registered.event_time_rule is not None:
        raise InvalidDefinition(
            f"Feature set {definition.name} has event_time={registered.event_time_rule!r}, and a batch set's values hold from their slot on: leave that out."
        )
    return check(connection, registered, text, path, definition.timezone)
