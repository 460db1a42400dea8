"""The moments of cron expressions, held against a scan over each minute in plain Python."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from fsdb.definitions.cron import checked_cron, last_time, times_after, zone_named
from fsdb.errors import InvalidDefinition

NAMES = {name: number for number, name in enumerate(["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"])}


def members(field: str, least: int, most: int) -> set[int]:
    """The numbers of a field of plain numbers, names, ranges, lists and steps."""
    found: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        if span == "*":
            low, high = least, most
        else:
            ends = [NAMES.get(one, -1) if one in NAMES else int(one) for one in span.split("-")]
            low, high = ends[0], ends[-1]
            high = most if step and len(ends) == 1 else high
        found |= set(range(low, high + 1, int(step or 1)))
    return found


def scanned(cron: str, zone: str, begin: datetime, end: datetime) -> list[datetime]:
    """Every minute in (begin, end] at which the expression fires.

    With set minutes and hours it fires once a wall time: at the first minute at which the clock shows it, or is past it for the first time that day.
    """
    minutes, hours, days, months, weekdays = cron.split()
    in_minutes, in_hours = members(minutes, 0, 59), members(hours, 0, 23)
    in_days, in_months = members(days, 1, 31), members(months, 1, 12)
    in_weekdays = {day % 7 for day in members(weekdays, 0, 7)}
    both = days.startswith("*") or weekdays.startswith("*")

    def is_day(moment: datetime) -> bool:
        day, weekday = moment.day in in_days, moment.isoweekday() % 7 in in_weekdays
        return moment.month in in_months and (day and weekday if both else day or weekday)

    once = not minutes.startswith("*") and not hours.startswith("*")
    fired: list[datetime] = []
    wanted: set[datetime] = set()
    moment = (begin - timedelta(days=2)).astimezone(UTC).replace(second=0, microsecond=0)
    # Wall times, without their zone: those that are still to come on the way.
    wall = moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    stop = end.astimezone(ZoneInfo(zone)).replace(tzinfo=None) + timedelta(days=1)
    if once:
        at = wall
        while at <= stop:
            if is_day(at) and at.hour in in_hours and at.minute in in_minutes:
                wanted.add(at)
            at += timedelta(minutes=1)
    while moment <= end:
        shown = moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
        if once:
            passed = {one for one in wanted if one <= shown}
            wanted -= passed
            fires = bool(passed)
        else:
            fires = is_day(shown) and shown.hour in in_hours and shown.minute in in_minutes
        if fires and begin < moment <= end:
            fired.append(moment)
        moment += timedelta(minutes=1)
    return fired


@pytest.mark.parametrize(
    ("cron", "zone", "begin", "days"),
    [
        ("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00", 3),
        ("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00", 3),
        ("0 2,3 * * *", "Europe/Berlin", "2026-03-28T12:00", 3),
        ("*/20 2 * * *", "Europe/Berlin", "2026-10-24T12:00", 3),
        ("15 * * * *", "Europe/Berlin", "2026-10-24T20:00", 1),
        ("15 * * * *", "America/New_York", "2026-03-08T00:00", 1),
        ("5,35 0-4 * * *", "Australia/Lord_Howe", "2026-04-03T12:00", 3),
        ("5,35 0-4 * * *", "Australia/Lord_Howe", "2026-10-02T12:00", 3),
        ("0 0 * * *", "America/Sao_Paulo", "2018-11-02T12:00", 3),
        ("0 12 29 2 *", "UTC", "2027-02-20T00:00", 12),
        ("0 12 29 2 *", "UTC", "2028-02-20T00:00", 12),
        ("0 6 13 * FRI", "UTC", "2026-02-08T00:00", 8),
        ("30 8-18/5 * * MON-FRI", "Asia/Kolkata", "2026-05-01T00:00", 4),
        ("0 3 1,15 * *", "Pacific/Apia", "2011-12-28T00:00", 5),
        ("0 3 * * *", "Pacific/Apia", "2011-12-28T00:00", 4),
    ],
)
def test_times_are_those_of_a_scan_over_each_minute(cron: str, zone: str, begin: str, days: int) -> None:
    start = datetime.fromisoformat(begin).replace(tzinfo=UTC)
    end = start + timedelta(days=days)
    expected = scanned(cron, zone, start, end)
    found = []
    for moment in times_after(checked_cron(cron, "x"), zone_named(zone, "x"), start):
        if moment > end:
            break
        found.append(moment)
    assert found == expected
    # From wherever one asks, the next is the next and the last the last.
    for number, moment in enumerate(expected):
        assert last_time(cron, zone_named(zone, "x"), moment) == moment
        if number:
            assert last_time(cron, zone_named(zone, "x"), moment - timedelta(microseconds=1)) == expected[number - 1]
            assert next(times_after(cron, zone_named(zone, "x"), expected[number - 1])) == moment


def test_a_time_that_clocks_show_twice_comes_once_and_one_that_they_leave_out_comes_after_it() -> None:
    berlin = zone_named("Europe/Berlin", "x")
    autumn = times_after("30 2 * * *", berlin, datetime(2026, 10, 24, 12, tzinfo=UTC))
    assert [next(autumn), next(autumn)] == [
        datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
        datetime(2026, 10, 26, 1, 30, tzinfo=UTC),
    ]
    spring = times_after("30 2 * * *", berlin, datetime(2026, 3, 28, 12, tzinfo=UTC))
    assert next(spring) == datetime(2026, 3, 29, 1, 0, tzinfo=UTC)


@pytest.mark.parametrize("cron", ["0 0 31 2 *", "0 0 30 2 *", "0 0 31 4,6,9,11 *", "5 5 30-31 2 *"])
def test_a_schedule_that_never_fires_is_refused(cron: str) -> None:
    with pytest.raises(InvalidDefinition, match=r"of nightly never fires: no month that it names has such a day\."):
        checked_cron(cron, "nightly")


@pytest.mark.parametrize(
    "cron",
    [
        "",
        "@daily",
        "0 3 * *",
        "0 0 3 * * *",
        "60 * * * *",
        "0 24 * * *",
        "0 0 0 * *",
        "x * * * *",
        "*/0 * * * *",
        "5-1 * * * *",
        "1- * * * *",
    ],
)
def test_what_is_no_cron_expression_is_refused(cron: str) -> None:
    with pytest.raises(InvalidDefinition, match=r"of nightly (is no cron expression|has [0-9] fields)"):
        checked_cron(cron, "nightly")


@pytest.mark.parametrize("zone", ["", "Mars/Olympus", "../UTC", "/etc/localtime", "America", "+02:00"])
def test_an_unknown_zone_is_refused(zone: str) -> None:
    with pytest.raises(InvalidDefinition, match=r"The time zone .* of nightly is not known"):
        zone_named(zone, "nightly")


def test_rare_schedules_are_found() -> None:
    assert last_time("0 0 29 2 *", UTC, datetime(2027, 3, 1, tzinfo=UTC)) == datetime(2024, 2, 29, tzinfo=UTC)
    assert next(times_after("0 0 * 2 MON#5", UTC, datetime(2026, 1, 1, tzinfo=UTC))) == datetime(
        2044, 2, 29, tzinfo=UTC
    )
    assert list(times_after("0 0 * * *", UTC, datetime(9999, 12, 30, tzinfo=UTC))) == []
