"""Pausing schedules, letting them run again, and working out their next slots."""

from typing import Any

from psycopg import Connection

from fsdb import clock
from fsdb.catalog.schedules import get_schedule, list_schedules, write_coming, write_paused
from fsdb.jobs.registering import FILE, hold
from fsdb.jobs.slots import COMING, coming
from fsdb.sql import query


def pause(connection: Connection[Any], name: str) -> None:
    """Keeps a schedule from running; those that wait for it do so no more. Raises UnknownName, ChangeRefused while it runs."""
    found = get_schedule(connection, name)
    hold(connection, found.name)
    if found.paused_at is None:
        write_paused(connection, found.name, True, clock.now(connection))


def look_ahead(connection: Connection[Any]) -> None:
    """Works out further slots of schedules that have few left: where SQL alone runs them, each time that fsdb comes by."""
    with connection.transaction():
        names = [name for (name,) in connection.execute(query(FILE, "near_the_end"), {"most": COMING}).fetchall()]
        for found in list_schedules(connection, names).values():
            began, ahead = coming(found.definition, found.done_until)
            if len(ahead) > len(found.coming):
                write_coming(connection, found.name, began, ahead)


def resume(connection: Connection[Any], name: str) -> None:
    """Lets a paused schedule run again, where it stands. Raises UnknownName, ChangeRefused while it runs."""
    found = get_schedule(connection, name)
    hold(connection, found.name)
    write_paused(connection, found.name, False, clock.now(connection))
