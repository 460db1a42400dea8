"""Runs: one slot of one schedule each.

A batch run is one transaction: it holds the schedule's row, and its rows, the schedule's next slot and the record of the run are there
together or not at all. Whoever else would run the schedule passes it over meanwhile; a run that is killed leaves nothing, and the slot is
free at once. Sync and retain commit as they go and take turns by themselves, so their record follows in a transaction of its own.
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice, takewhile
from typing import Any

import psycopg
from psycopg import Connection

from fsdb import clock, columnar, db, retention
from fsdb.catalog.schedules import (
    RegisteredSchedule,
    Run,
    get_schedule,
    list_schedules,
    lock_schedule,
    record_run,
    write_done,
    write_failed,
)
from fsdb.definitions.schedules import BATCH, RETAIN, SYNC
from fsdb.errors import ChangeRefused, ConnectionFailed, FsdbError, InvalidData, RightMissing
from fsdb.exchange.queries import first_line
from fsdb.jobs.batch import fill
from fsdb.jobs.slots import Slot, coming, due, ends, held_by, last_end, next_try, slot_ending
from fsdb.sql import query

logger = logging.getLogger(__name__)

FILE = "jobs/schedules"
MOST_SLOTS = 20_000  # at once by hand: as many transactions
Transaction = Callable[[], AbstractContextManager[Connection[Any]]]


@dataclass(frozen=True)
class Place:
    """Where runs take place: what begins a transaction, the database's URL, and where new columnar copies go."""

    transaction: Transaction
    url: str
    warehouse: str | None = None


def due_now(connection: Connection[Any]) -> list[str]:
    """The schedules that may have something to run."""
    values = {"now": clock.now(connection)}
    return [name for (name,) in connection.execute(query(FILE, "due"), values).fetchall()]


def run_due(place: Place, name: str) -> Run | None:
    """Runs the slot of a schedule that is next; None where none has come, it waits for another schedule, or another session has it."""
    with place.transaction() as connection:
        found = lock_schedule(connection, name)
        now = clock.now(connection)
        until = None if found is None else due(found, now)
        if found is None or until is None or found.paused_at is not None:
            return None
        if found.next_try is not None and found.next_try > now:
            return None
        if held_by(found, until, list_schedules(connection, found.waits_for)):
            return None
        if found.definition.job == BATCH:
            return _batch(connection, found, until, moves_on=True)
    return _own_way(place, found, until, moves_on=True)


def run(place: Place, name: str) -> Iterator[Run]:
    """Runs what a schedule has to run now, whether it is paused or waits, or its last slot again where nothing is due. It ends with a run that fails."""
    with place.transaction() as connection:
        found = get_schedule(connection, name)
        now = clock.now(connection)
    moves_on = due(found, now) is not None
    if not moves_on:
        until = last_end(found.definition, now) if found.definition.job == BATCH else now
        yield _by_hand(place, found.name, until or now, False)
        return
    while (until := due(found, now)) is not None:
        done = _by_hand(place, found.name, until, True)
        yield done
        if done.outcome == "failed":
            return
        with place.transaction() as connection:
            found = get_schedule(connection, name)


def run_past(place: Place, name: str, since: datetime, until: datetime) -> Iterator[Run]:
    """Runs the slots of a batch schedule that end in (since, until], in order, each in a transaction. The schedule itself stays where it stands.

    Raises ChangeRefused where that is nothing, or in the future. It ends with a run that fails.
    """
    with place.transaction() as connection:
        found = get_schedule(connection, name)
        now = clock.now(connection)
    if found.definition.job != BATCH:
        raise ChangeRefused(f"Schedule {name} has no past to run: only batch sets are of a time.")
    if until > now:
        raise ChangeRefused(f"Slots of {name} up to {until} have not come yet: it is {now}.")
    past = list(islice(takewhile(lambda end: end <= until, ends(found.definition, since)), MOST_SLOTS + 1))
    if not past:
        raise ChangeRefused(f"Schedule {name} has no slot that ends after {since} and up to {until}.")
    if len(past) > MOST_SLOTS:
        raise ChangeRefused(
            f"Schedule {name} has more than {MOST_SLOTS:,} slots from {since} to {until}: run them in parts."
        )
    for end in past:
        done = _by_hand(place, found.name, end, False)
        yield done
        if done.outcome == "failed":
            return


def _by_hand(place: Place, name: str, until: datetime, moves_on: bool) -> Run:
    with place.transaction() as connection:
        found = lock_schedule(connection, name)
        if found is None:
            get_schedule(connection, name)
            raise ChangeRefused(f"Schedule {name} runs right now in another session: wait for it.")
        if found.definition.job == BATCH:
            return _batch(connection, found, until, moves_on, by_hand=True)
    return _own_way(place, found, until, moves_on, by_hand=True)


def _batch(
    connection: Connection[Any], found: RegisteredSchedule, until: datetime, moves_on: bool, by_hand: bool = False
) -> Run:
    """One slot of a batch schedule, whose row this transaction has."""
    slot = slot_ending(found.definition, until)
    began, started_at = time.perf_counter(), clock.now(connection)
    rows = changed = error = None
    # Where the server's system cannot tell, it is no error of the run.
    with suppress(psycopg.DataError, psycopg.NotSupportedError), connection.transaction():
        connection.execute(query(FILE, "watchful"))
    try:
        with connection.transaction():
            rows, changed = fill(connection, found, slot)
    except (FsdbError, psycopg.Error) as failure:
        error = _sentence(connection, failure)
    seconds = timedelta(seconds=time.perf_counter() - began)
    return _recorded(connection, found, slot, (rows, changed, error), started_at, seconds, moves_on, by_hand)


def _own_way(place: Place, found: RegisteredSchedule, until: datetime, moves_on: bool, by_hand: bool = False) -> Run:
    """A job that commits by itself, and is harmless twice."""
    began = time.perf_counter()
    with place.transaction() as connection:
        started_at = clock.now(connection)
    rows = error = None
    try:
        rows = _WORK[found.definition.job](place, list(found.definition.sets) or None)
    except FsdbError as failure:
        error = str(failure)
    seconds = timedelta(seconds=time.perf_counter() - began)
    with place.transaction() as connection:
        connection.execute(query(FILE, "hold_after_run"), {"name": found.name})
        slot = Slot(until, until)
        return _recorded(connection, found, slot, (rows, None, error), started_at, seconds, moves_on, by_hand)


def _sync(place: Place, sets: list[str] | None) -> int:
    done = columnar.sync(place.url, sets, warehouse=place.warehouse)
    return sum(one.versions for one in done.sets)


def _retain(place: Place, sets: list[str] | None) -> int:
    with db.connect(place.url, "fsdb retain", autocommit=True) as connection:
        return sum(one.removed for one in retention.retain(connection, sets).sets)


# Settling is one more line here, once there are tiles.
_WORK: dict[str, Callable[[Place, list[str] | None], int]] = {SYNC: _sync, RETAIN: _retain}


def _recorded(
    connection: Connection[Any],
    found: RegisteredSchedule,
    slot: Slot,
    result: tuple[int | None, int | None, str | None],
    started_at: datetime,
    duration: timedelta,
    moves_on: bool,
    by_hand: bool,
) -> Run:
    """Writes the run down, and moves the schedule on, or leaves it where it is until it is tried again."""
    rows, changed, error = result
    attempt = found.attempt + 1 if moves_on else 1
    again = None
    if error is None and moves_on:
        write_done(connection, found.name, slot.until, coming(found.definition, slot.until)[1])
    elif moves_on and not by_hand:
        again = next_try(found.definition, attempt, clock.now(connection))
        write_failed(connection, found.name, attempt, again)
    done = Run(
        found.name,
        found.definition.job,
        slot.since if found.definition.job == BATCH else None,
        slot.until,
        "done" if error is None else "failed",
        rows,
        changed,
        error,
        attempt,
        again,
        started_at,
        duration,
    )
    record_run(connection, done)
    # Its error may quote what the database said of a row.
    logger.info(
        "Ran %s up to %s: %s, %s rows, %.3f s.",
        *(done.schedule, done.until, done.outcome, done.rows, duration.total_seconds()),
    )
    return done


def _sentence(connection: Connection[Any], error: FsdbError | psycopg.Error) -> str:
    """Why a run failed, in a sentence; raises the error itself where the session or the server ended, which is no fault of the run."""
    if connection.closed or (isinstance(error, psycopg.Error) and db.went_away(error)):
        raise error
    if isinstance(error, ConnectionFailed) and not isinstance(error, RightMissing):
        raise error
    if isinstance(error, InvalidData) and isinstance(error.__cause__, psycopg.Error):
        said = error.__cause__.diag.message_primary or first_line(error.__cause__)
        return f"The query failed, or gave what does not fit: {said}."
    if isinstance(error, FsdbError):
        return str(error)
    return f"The run failed: {first_line(error)}."
