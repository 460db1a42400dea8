"""Times without a zone: which moment is taken, the same from frames, files and queries, whatever the zone is called."""

import itertools
import random
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import psycopg
import pyarrow as pa
import pytest
from psycopg.sql import Literal

from fsdb import history
from fsdb.catalog.feature_sets import get_set
from fsdb.definitions import Feature, FeatureSet
from fsdb.errors import FsdbError, InvalidData, UnknownName
from fsdb.exchange.timezones import local_moments, local_time, zone_of
from fsdb.ingest import ingest
from fsdb.training import build

EAST = timezone(timedelta(hours=2))
NOON = datetime(2024, 7, 1, 12)
TWICE, NEVER = datetime(2024, 10, 27, 2, 30), datetime(2024, 3, 31, 2, 30)  # in Berlin


@pytest.mark.parametrize(
    ("given", "hours"),
    [
        ("+02:00", 2),
        ("+0200", 2),
        ("+2", 2),
        ("-05", -5),
        ("UTC+2", 2),
        ("utc+02:00", 2),
        ("GMT-3", -3),
        ("GMT+5:30", 5.5),
        ("UTC", 0),
        ("Z", 0),
        ("GMT", 0),
        ("Europe/Berlin", 2),
        ("europe/berlin", 2),
        ("Etc/GMT+2", -2),
        ("EST", -5),
        (EAST, 2),
        (str(EAST), 2),
        (UTC, 0),
        (ZoneInfo("Asia/Kathmandu"), 5.75),
        ("EST5EDT", -4),
    ],
)
def test_a_zone_has_the_sign_that_it_is_written_with(given: Any, hours: float) -> None:
    zone = zone_of(given)
    assert zone is not None
    wanted = NOON - timedelta(hours=hours)
    assert local_moments(pa.chunked_array([[NOON]]), zone, "x").to_pylist() == [wanted.replace(tzinfo=UTC)]


@pytest.mark.parametrize(
    "given",
    ["Nowhere+2", "Mars/Olympus", "", "CET", "EST5", "localtime", "../UTC", "+25:00", "UTC+2:75", "<+02>-2", 2, "2"],
)
def test_other_names_are_refused(given: Any) -> None:
    with pytest.raises(UnknownName, match=r"time ?zone"):
        zone_of(given)


ZONES = [
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Africa/Monrovia",
    "America/Anchorage",
]


@pytest.mark.parametrize("name", ZONES)
def test_local_times_are_read_as_python_reads_them_here_and_in_the_database(
    connection: psycopg.Connection, name: str
) -> None:
    known, dice = ZoneInfo(name), random.Random(name)
    times = [datetime(1890, 1, 1) + timedelta(seconds=dice.randrange(150 * 365 * 86400)) for _ in range(1000)]
    # Every change of clocks of some years, to the second.
    hours = [
        datetime(year, 1, 1, tzinfo=UTC) + timedelta(hours=n) for year in (1918, 1972, 2011, 2024) for n in range(8784)
    ]
    changes = [
        b for a, b in itertools.pairwise(hours) if a.astimezone(known).utcoffset() != b.astimezone(known).utcoffset()
    ]
    assert changes
    for change in changes:
        local = change.astimezone(known).replace(tzinfo=None)
        times += [local + timedelta(minutes=minutes, seconds=s) for minutes in range(-180, 181, 15) for s in (-1, 0, 1)]
    zone = zone_of(name)
    assert zone is not None
    wanted = [(time.replace(tzinfo=known)).astimezone(UTC) for time in times]
    assert local_moments(pa.chunked_array([pa.array(times, pa.timestamp("us"))]), zone, "x").to_pylist() == wanted
    text = psycopg.sql.SQL("SELECT {} FROM unnest({}::timestamp[]) AS given (t)")
    found = connection.execute(text.format(local_time(psycopg.sql.Identifier("given", "t"), zone), Literal(times)))
    assert [(moment.astimezone(UTC),) for (moment,) in found] == [(moment,) for moment in wanted]


@pytest.fixture
def pump(connection: psycopg.Connection) -> psycopg.Connection:
    """A feature that says which hour of some days it is, in UTC."""
    with connection.transaction():
        history.create(connection, FeatureSet("pump", {"pump": "integer"}, (Feature("hour", "text"),)))
    hours = [
        day.replace(tzinfo=UTC) + timedelta(hours=h)
        for day in (datetime(2024, 3, 31), datetime(2024, 7, 1), datetime(2024, 10, 27))
        for h in range(24)
    ]
    with connection.transaction():
        frame = pd.DataFrame({"pump": 1, "hour": [f"{h:%m-%d %H}" for h in hours], "event_time": hours})
        ingest(connection, _set(connection), frame)
    return connection


def _set(connection: psycopg.Connection) -> Any:
    return get_set(connection, "pump")


@pytest.mark.parametrize("engine", ["postgres", "duckdb"])
@pytest.mark.parametrize("zone", ["+02:00", "UTC+2", EAST, "Europe/Berlin", "-04:30"])
def test_frames_files_and_queries_are_read_at_the_same_moment(
    pump: psycopg.Connection, tmp_path: Path, zone: Any, engine: str
) -> None:
    times = [NOON, TWICE, NEVER, datetime(2024, 10, 27, 3, 30)]
    rules = zone_of(zone).rules  # type: ignore[union-attr]
    wanted = [f"{time.replace(tzinfo=rules).astimezone(UTC):%m-%d %H}" for time in times]
    frame = pd.DataFrame({"pump": 1, "at": times})
    frame.to_csv(tmp_path / "spine.csv", index=False)
    frame.to_parquet(tmp_path / "spine.parquet")
    rows = ", ".join(f"(1, timestamp '{time}')" for time in times)
    spines = [
        frame,
        frame.astype({"at": object}),
        pa.Table.from_pandas(frame),
        tmp_path / "spine.csv",
        tmp_path / "spine.parquet",
    ]
    for spine in [*spines, f"SELECT * FROM (VALUES {rows}) AS s (pump, at)"]:  # noqa: S608
        found = build(pump, spine=spine, features=["pump.hour"], timestamp="at", timezone=zone, engine=engine)
        assert found.to_arrow()["hour"].to_pylist() == wanted, spine


def test_ingest_reads_them_alike(pump: psycopg.Connection) -> None:
    for number, data in enumerate(
        [
            pd.DataFrame({"pump": [2], "hour": ["x"], "event_time": [TWICE]}),
            "SELECT 3 AS pump, 'x' AS hour, timestamp '2024-10-27 02:30' AS event_time",
            pd.DataFrame({"pump": [4], "hour": ["x"], "event_time": pd.Series([TWICE.replace(fold=1)], dtype=object)}),
        ]
    ):
        ingest(pump, _set(pump), data, timezone="Europe/Berlin")
        row = pump.execute("SELECT event_time FROM pump WHERE pump = %s", [number + 2]).fetchone()
        assert row is not None
        assert row[0] == datetime(2024, 10, 27, 1 if number == 2 else 0, 30, tzinfo=UTC)


def test_times_of_which_some_have_a_zone(pump: psycopg.Connection) -> None:
    aware = NOON.replace(tzinfo=EAST)
    for times in ([aware, NOON], [NOON, aware]):
        spine = pd.DataFrame({"pump": 1, "at": pd.Series(times, dtype=object)})
        with pytest.raises(
            InvalidData, match=f"in row {times.index(NOON)}, which is naive where others have a time zone"
        ):
            build(pump, spine=spine, features=["pump.hour"], timestamp="at")
        found = build(pump, spine=spine, features=["pump.hour"], timestamp="at", timezone="Asia/Kathmandu")
        wanted = {aware: "07-01 10", NOON: "07-01 06"}
        assert found.to_arrow()["hour"].to_pylist() == [wanted[time] for time in times]


@pytest.mark.parametrize("kind", ["datetime64[ns, UTC]", object])
def test_nanoseconds_are_refused_wherever_they_are(pump: psycopg.Connection, kind: Any) -> None:
    moments = pd.Series([pd.Timestamp(NOON, tz="UTC"), pd.Timestamp("2024-02-01 00:00:00.000000999", tz="UTC")]).astype(
        kind
    )
    for call in (
        lambda: build(pump, spine=pd.DataFrame({"pump": 1, "at": moments}), features=["pump.hour"], timestamp="at"),
        lambda: ingest(pump, _set(pump), pd.DataFrame({"pump": 1, "hour": "x", "event_time": moments})),
    ):
        with pytest.raises(FsdbError, match=r"nanoseconds.*in row 1"):
            call()
