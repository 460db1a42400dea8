"""The slots of a schedule: each ends at one of its times, and begins at the one before."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice

from fsdb.catalog.schedules import RegisteredSchedule
from fsdb.definitions import Schedule
from fsdb.definitions.cron import last_time, times_after, zone_named

COMING = 1000  # slots that are worked out ahead, for who calls fsdb.run_due() in SQL
_FIRST = datetime(1, 1, 2, tzinfo=UTC)
_LEAST = timedelta(microseconds=1)
# How long a slot that failed waits: half a minute, then four times as long each time.
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=30), timedelta(hours=6)
FACTOR = 4


@dataclass(frozen=True)
class Slot:
    """What one run of a schedule is for: what lies in (since, until]. `since` is earlier by the lookback."""

    since: datetime
    until: datetime


def ends(schedule: Schedule, after: datetime) -> Iterator[datetime]:
    """The ends of the slots later than a moment, in order."""
    return times_after(schedule.cron, zone_named(schedule.timezone, schedule.name), after)


def last_end(schedule: Schedule, at: datetime) -> datetime | None:
    """The end of the last slot up to and including a moment; None where there was none."""
    return last_time(schedule.cron, zone_named(schedule.timezone, schedule.name), at)


def slot_ending(schedule: Schedule, until: datetime) -> Slot:
    """The slot of that end."""
    began = last_end(schedule, until - _LEAST) or _FIRST
    lookback = schedule.lookback or timedelta()
    assert isinstance(lookback, timedelta)
    return Slot(began - lookback if began - _FIRST > lookback else _FIRST, until)


def coming(schedule: Schedule, after: datetime) -> tuple[datetime | None, list[datetime]]:
    """When the next slot begins (None: there was no time before it), and the ends of the next ones, as many as are kept."""
    found = list(islice(ends(schedule, after), COMING))
    return last_end(schedule, found[0] - _LEAST) if found else None, found


def due(registered: RegisteredSchedule, now: datetime) -> datetime | None:
    """The end of the slot that is next, where it has come; of a schedule that does not catch up, that of the last one."""
    first = next(ends(registered.definition, registered.done_until), None)
    if first is None or first > now:
        return None
    return first if registered.definition.catch_up else last_end(registered.definition, now)


def held_by(
    registered: RegisteredSchedule, until: datetime, others: Mapping[str, RegisteredSchedule]
) -> tuple[str, ...]:
    """Which of the schedules that a slot waits for have slots up to its end that are not done. One that is paused is not waited for."""
    waited = [others[name] for name in registered.waits_for if name in others and others[name].paused_at is None]
    return tuple(
        one.name for one in waited if (end := next(ends(one.definition, one.done_until), None)) and end <= until
    )


def next_try(schedule: Schedule, attempt: int, now: datetime) -> datetime:
    """When a slot is tried again that has failed so often in a row: ever later, but not after the schedule's next time."""
    following = next(ends(schedule, now), now + LONGEST_WAIT)
    if attempt > schedule.retries:
        return following
    wait: timedelta = FIRST_WAIT * int(FACTOR ** min(attempt - 1, 10))
    return min(now + min(wait, LONGEST_WAIT), following)
