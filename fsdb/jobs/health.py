"""What is wrong with schedules: those that fail, that nobody runs, that cannot run or will come to an end."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from psycopg import Connection

from fsdb import clock
from fsdb.catalog.feature_sets import list_sets
from fsdb.catalog.schedules import RegisteredSchedule, last_error, list_schedules
from fsdb.errors import FsdbError
from fsdb.jobs.queries import check
from fsdb.jobs.slots import due, ends, held_by

LATE = timedelta(minutes=15)


@dataclass(frozen=True)
class ScheduleProblem:
    """A schedule, what is wrong with it, and what to do."""

    schedule: str
    found: str
    advice: str
    wrong: bool = True


def problems(connection: Connection[Any]) -> tuple[int, list[ScheduleProblem]]:
    """How many schedules there are, and what is wrong with some."""
    registered, now = list_schedules(connection), clock.now(connection)
    found: list[ScheduleProblem] = []
    for one in registered.values():
        try:
            found += _problems(connection, one, registered, now)
        except FsdbError as error:
            found.append(ScheduleProblem(one.name, str(error).rstrip("."), "Change its definition, or what it reads."))
    return len(registered), found


def _problems(
    connection: Connection[Any], one: RegisteredSchedule, others: dict[str, RegisteredSchedule], now: datetime
) -> Iterator[ScheduleProblem]:
    name = one.name
    if next(ends(one.definition, now), None) is None:
        yield ScheduleProblem(name, "has no time to come", "Give it another cron expression, or drop it.")
        return
    if one.definition.query is not None:
        check(
            connection,
            list_sets(connection, [name])[name],
            one.definition.query,
            one.search_path,
            one.definition.timezone,
        )
    if one.paused_at is not None:
        yield ScheduleProblem(name, f"is paused since {one.paused_at}", f"fsdb resume {name}", wrong=False)
        return
    if one.attempt:
        why = last_error(connection, name) or "fsdb.runs says why"
        yield ScheduleProblem(
            name, f"has failed {one.attempt} times in a row: {why}", f"Mend that, then fsdb run {name}."
        )
        return
    until = due(one, now)
    waits = () if until is None else held_by(one, until, others)
    if until is not None and waits:
        yield ScheduleProblem(name, f"waits for {', '.join(waits)}", f"fsdb run {waits[0]}, or pause it.", wrong=False)
    elif (first := next(ends(one.definition, one.done_until), now)) < now - LATE:
        yield ScheduleProblem(
            name,
            f"was due at {first}",
            "Nobody runs schedules: start fsdb worker, or CALL fsdb.run_due() from pg_cron.",
        )
