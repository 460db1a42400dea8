"""The moments that a cron expression names in a time zone: pure arithmetic, with the zone's days on which clocks change.

An expression with set minutes and hours fires once for each wall time that it names: a time that clocks leave out comes at the first
moment after it, one that comes twice counts the first time. With `*` for the minutes or hours it fires in each minute that fits, as clocks show it.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache

from fsdb.errors import InvalidDefinition

_ANCHOR = datetime(2000, 1, 1, tzinfo=UTC)
# How far back the last time is looked for: those of frequent schedules are found in the first of them.
_BACK = tuple(timedelta(days=days) for days in (0.1, 1.5, 8, 33, 370, 3_000, 14_700))
_FIRST = datetime(1, 1, 5, tzinfo=UTC)
LAST_YEAR = 9990  # beyond it days cannot be counted on


def checked_cron(text: str, owner: str) -> str:
    """The expression with single spaces. Raises InvalidDefinition where it has another form, or names no time at all."""
    from cronsim import CronSimError

    fields = text.split()
    if len(fields) != 5:
        raise InvalidDefinition(
            f"The schedule {text!r} of {owner} has {len(fields)} fields: write minute, hour, day of month, month and day of week, such as '0 3 * * *' for three o'clock each day."
        )
    cron = " ".join(fields)
    try:
        first = next(times_after(cron, UTC, _ANCHOR), None)
    except (CronSimError, ValueError, IndexError, AssertionError) as error:
        said = f" ({error})" if str(error) else ""
        # An expression of which only the days are wrong is well-formed, and names a day that no month has.
        if str(error) != "Bad day-of-month" or not _is_day(fields[2]):
            raise InvalidDefinition(
                f"The schedule {text!r} of {owner} is no cron expression{said}: write numbers, *, ranges, lists or steps, such as '*/15 8-18 * * MON-FRI'."
            ) from error
        first = None
    if first is None:
        raise InvalidDefinition(f"The schedule {text!r} of {owner} never fires: no month that it names has such a day.")
    return cron


def zone_named(name: str, owner: str) -> tzinfo:
    """The time zone of that name. Raises InvalidDefinition where there is none."""
    try:
        return _zone(name)
    except (OSError, ValueError, KeyError) as error:
        raise InvalidDefinition(
            f"The time zone {name!r} of {owner} is not known: write a name such as 'UTC' or 'Europe/Berlin'."
        ) from error


def times_after(cron: str, zone: tzinfo, after: datetime) -> Iterator[datetime]:
    """The moments later than `after`, in order and each once, in UTC; they end with the years."""
    from cronsim import CronSim

    if after.year >= LAST_YEAR:
        return
    last = after = max(after.astimezone(UTC) if after.year > 1 else _FIRST, _FIRST)
    # An hour earlier: of a time that comes twice, the clock shows less the second time.
    for found in CronSim(cron, (after - timedelta(hours=3)).astimezone(zone)):
        moment = found.astimezone(UTC)
        if moment.year >= LAST_YEAR:
            return
        if moment > last:
            last = moment
            yield moment


def last_time(cron: str, zone: tzinfo, at: datetime) -> datetime | None:
    """The latest of the moments up to and including `at`, in UTC; None where there was none within forty years."""
    for back in _BACK:
        latest = None
        for moment in times_after(cron, zone, at - back if at - _FIRST > back else _FIRST):
            if moment > at:
                break
            latest = moment
        if latest is not None:
            return latest
    return None


@lru_cache(maxsize=64)
def _zone(name: str) -> tzinfo:
    from zoneinfo import ZoneInfo

    return UTC if name == "UTC" else ZoneInfo(name)


def _is_day(field: str) -> bool:
    return all(part.isdigit() and 1 <= int(part) <= 31 for part in field.replace("-", ",").split(","))
