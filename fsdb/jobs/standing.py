"""Pausing schedules, and letting them run again."""

from typing import Any

from psycopg import Connection

from fsdb.catalog.schedules import get_schedule, write_paused
from fsdb.jobs import clock
from fsdb.jobs.registering import hold


def pause(connection: Connection[Any], name: str) -> None:
    """Keeps a schedule from running; those that wait for it do so no more. Raises UnknownName, ChangeRefused while it runs."""
    found = get_schedule(connection, name)
    hold(connection, found.name)
    if found.paused_at is None:
        write_paused(connection, found.name, True, clock.now(connection))


def resume(connection: Connection[Any], name: str) -> None:
    """Lets a paused schedule run again, where it stands. Raises UnknownName, ChangeRefused while it runs."""
    found = get_schedule(connection, name)
    hold(connection, found.name)
    write_paused(connection, found.name, False, clock.now(connection))
