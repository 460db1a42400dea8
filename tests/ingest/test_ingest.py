"""Ingest against a plain model that takes the rows one by one; every kind of data; what is refused, and that it loses nothing."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from threading import Barrier, Thread
from typing import Any
from uuid import UUID

import pandas as pd
import polars as pl
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from fsdb import history
from fsdb.catalog.feature_sets import RegisteredSet
from fsdb.definitions import Feature, FeatureSet
from fsdb.errors import InvalidData, UnknownName
from fsdb.ingest import IngestResult, ingest
from tests.conftest import TestDatabase

T0 = datetime(2013, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
READINGS = FeatureSet(
    "readings",
    keys={"sensor": "text", "channel": "integer"},
    features=[Feature("value", "double precision"), Feature("unit", "text")],
)


@pytest.fixture
def readings(connection: psycopg.Connection) -> RegisteredSet:
    with connection.transaction():
        return history.create(connection, READINGS)


def frame(*rows: tuple[str, int, float | None, str | None, datetime]) -> pd.DataFrame:
    columns = ["sensor", "channel", "value", "unit", "event_time"]
    made = pd.DataFrame(list(rows), columns=columns).astype({"value": "float64", "channel": "int64"})
    return made.assign(event_time=pd.to_datetime(made["event_time"], utc=True))


def live(connection: psycopg.Connection) -> list[tuple[Any, ...]]:
    return connection.execute("SELECT sensor, channel, value, unit, event_time FROM readings ORDER BY 1, 2").fetchall()


def versions(connection: psycopg.Connection) -> list[tuple[Any, ...]]:
    return connection.execute(
        "SELECT sensor, channel, value, unit, event_time, deleted FROM readings_history ORDER BY version_id"
    ).fetchall()


def test_new_changed_late_and_known_rows_are_counted(connection: psycopg.Connection, readings: RegisteredSet) -> None:
    first = frame(("a", 1, 1.0, "°F", T0 + HOUR), ("a", 2, 2.0, None, T0 + HOUR))
    assert ingest(connection, readings, first) == IngestResult(2, 0, 0, 0)
    second = frame(
        ("a", 1, 5.0, "°F", T0),  # late
        ("a", 1, 1.0, "°F", T0 + HOUR),  # known
        ("a", 2, 3.0, None, T0 + 3 * HOUR),  # newer
        ("a", 2, 2.5, None, T0 + 2 * HOUR),  # newer, and older than the row before
        ("b", 1, None, "", T0),  # new
    )
    assert ingest(connection, readings, second) == IngestResult(1, 2, 1, 1)
    assert live(connection) == [
        ("a", 1, 1.0, "°F", T0 + HOUR),
        ("a", 2, 3.0, None, T0 + 3 * HOUR),
        ("b", 1, None, "", T0),
    ]
    assert len(versions(connection)) == 6


def test_the_same_data_twice_changes_nothing(connection: psycopg.Connection, readings: RegisteredSet) -> None:
    data = frame(*(("s", n % 3, float(n), None, T0 + n * HOUR) for n in range(20)))
    shuffled = data.sample(frac=1, random_state=3)
    assert ingest(connection, readings, data) == IngestResult(3, 17, 0, 0)
    before = versions(connection)
    assert ingest(connection, readings, shuffled) == IngestResult(0, 0, 0, 20)
    assert versions(connection) == before


def test_a_value_that_returns_within_its_moment_is_a_version_too(
    connection: psycopg.Connection, readings: RegisteredSet
) -> None:
    there_and_back = frame(("a", 1, 1.0, None, T0), ("a", 1, 2.0, None, T0), ("a", 1, 1.0, None, T0))
    assert ingest(connection, readings, there_and_back) == IngestResult(1, 2, 0, 0)
    assert ingest(connection, readings, there_and_back[1:]) == IngestResult(0, 2, 0, 0)
    assert [row[2] for row in versions(connection)] == [1.0, 2.0, 1.0, 2.0, 1.0]
    assert live(connection) == [("a", 1, 1.0, None, T0)]


ROWS = st.lists(
    st.tuples(
        st.sampled_from(["a", "b"]),
        st.integers(0, 1),
        st.one_of(st.none(), st.sampled_from([0.0, -0.0, 1.5])),
        st.sampled_from([None, "", "x"]),
        st.integers(0, 4),
    ),
    max_size=8,
)
STEPS = st.lists(st.one_of(ROWS, st.tuples(st.sampled_from(["a", "b"]), st.integers(0, 1))), min_size=1, max_size=4)


class Model:
    """History as ingesting row by row would make it, and deletes as tombstones at a given hour."""

    def __init__(self) -> None:
        self.history: list[tuple[tuple[str, int], int, tuple[Any, ...] | None]] = []

    def winner(self, key: tuple[str, int], at: int | None = None) -> tuple[int, tuple[Any, ...] | None] | None:
        found = None
        for k, t, image in self.history:
            if k == key and (at is None or t == at) and (found is None or t >= found[0]):
                found = (t, image)
        return found

    def ingest(self, rows: list[tuple[Any, ...]]) -> IngestResult:
        counts: Counter[str] = Counter()
        for sensor, channel, value, unit, t in sorted(rows, key=lambda row: row[-1]):
            key, image = (sensor, channel), (repr(value), unit)
            same, newest = self.winner(key, t), self.winner(key)
            if same is not None and same[1] == image:
                counts["unchanged"] += 1
                continue
            late = newest is not None and t < newest[0]
            here = newest is not None and newest[1] is not None
            counts["late" if late else "updated" if here else "inserted"] += 1
            self.history.append((key, t, image))
        return IngestResult(counts["inserted"], counts["updated"], counts["late"], counts["unchanged"])

    def live(self) -> dict[tuple[str, int], tuple[Any, ...]]:
        keys = {key for key, _, _ in self.history}
        newest = {key: self.winner(key) for key in keys}
        return {
            key: (*found[1], found[0]) for key, found in newest.items() if found is not None and found[1] is not None
        }


@pytest.fixture
def emptied(connection: psycopg.Connection, readings: RegisteredSet) -> tuple[psycopg.Connection, RegisteredSet]:
    return connection, readings


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
@example(steps=[[("a", 0, None, None, 0), ("a", 0, None, "", 0), ("a", 0, None, None, 0)], [("a", 0, None, None, 0)]])
def test_ingest_is_taking_the_rows_one_by_one(
    emptied: tuple[psycopg.Connection, RegisteredSet], steps: list[Any]
) -> None:
    connection, registered = emptied
    model = Model()
    with connection.transaction(force_rollback=True):
        for step in steps:
            if isinstance(step, tuple):
                newest = model.winner(step)
                if newest is None or newest[1] is None:
                    continue
                at = newest[0] + 2
                key = {"sensor": step[0], "channel": step[1]}
                history.delete_as_of(connection, registered, [key], T0 + at * HOUR)
                model.history.append((step, at, None))
                continue
            data = frame(*((s, c, v, u, T0 + t * HOUR) for s, c, v, u, t in step))
            expected = model.ingest(step)
            assert ingest(connection, registered, data) == expected
        found = [
            ((s, c), round((t - T0) / HOUR), None if deleted else (repr(v), u))
            for s, c, v, u, t, deleted in versions(connection)
        ]
        order = lambda row: (row[0], row[1])  # noqa: E731
        # Of one key and moment, versions stand in the same order; that of different moments does not matter.
        assert sorted(found, key=order) == sorted(model.history, key=order)
        assert {(s, c): (repr(v), u, round((t - T0) / HOUR)) for s, c, v, u, t in live(connection)} == model.live()


def sources(tmp_path: Path) -> Iterator[tuple[str, Any]]:
    table = pa.table(
        {
            "sensor": ["a", "b"],
            "channel": pa.array([1, 2], pa.int16()),
            "value": pa.array([1.5, None], pa.float32()),
            "unit": pa.array(["°F", None]).dictionary_encode(),
            "event_time": pa.array([T0, T0 + HOUR], pa.timestamp("ns", "America/New_York")),
        }
    )
    path = tmp_path / "readings.parquet"
    pq.write_table(table, path)
    yield "arrow", table
    yield "reader", pa.RecordBatchReader.from_batches(table.schema, table.to_batches(max_chunksize=1))
    yield "pandas", table.to_pandas()
    yield "polars", pl.from_arrow(table)
    yield "path", path
    yield "text path", str(path)
    yield (
        "query",
        "SELECT 'a' AS sensor, 1 AS channel, 1.5 AS value, '°F' AS unit, timestamptz '2013-01-01 00:00+00' AS event_time "
        "UNION ALL SELECT 'b', 2, NULL, NULL, '2013-01-01 01:00+00';",
    )


@pytest.mark.parametrize("kind", ["arrow", "reader", "pandas", "polars", "path", "text path", "query"])
def test_every_kind_of_data_gives_the_same_rows(
    kind: str, connection: psycopg.Connection, readings: RegisteredSet, tmp_path: Path
) -> None:
    data = dict(sources(tmp_path))[kind]
    assert ingest(connection, readings, data) == IngestResult(2, 0, 0, 0)
    assert live(connection) == [("a", 1, 1.5, "°F", T0), ("b", 2, None, None, T0 + HOUR)]


def test_every_type_arrives_unchanged(connection: psycopg.Connection) -> None:
    kinds = ["smallint", "integer", "bigint", "real", "double precision", "numeric", "numeric(10,2)", "boolean", "text"]
    kinds += ["character varying(5)", "date", "timestamp with time zone", "uuid", "real[]", "jsonb"]
    everything = FeatureSet("every", keys={"id": "uuid"}, features=[Feature(f"f{n}", k) for n, k in enumerate(kinds)])
    with connection.transaction():
        registered = history.create(connection, everything)
    key = UUID("12345678-1234-5678-1234-567812345678")
    values = [1, 2, 2**62, 0.5, 0.1, Decimal("3.140"), Decimal("7.25"), True, 'a,"b"\n\\N{}', "", date(1969, 7, 20)]
    values += [datetime(1900, 1, 1, 0, 0, 0, 1, tzinfo=UTC), key, [1.0, 2.5], {"a": [1, None], "b": "x"}]
    data = pd.DataFrame({"id": [str(key)], **{f"f{n}": [value] for n, value in enumerate(values)}, "at": [T0]})
    data = data.assign(f12=str(key))
    assert ingest(connection, registered, data, event_time="at") == IngestResult(1, 0, 0, 0)
    names = ", ".join(f"f{n}" for n in range(len(kinds)))
    assert connection.execute(f"SELECT {names} FROM every").fetchone() == tuple(values)  # noqa: S608
    assert connection.execute(f"SELECT {names} FROM every_history").fetchone() == tuple(values)  # noqa: S608
    assert ingest(connection, registered, data, event_time="at") == IngestResult(0, 0, 0, 1)


def test_dicts_of_different_keys_stay_what_they_are(connection: psycopg.Connection) -> None:
    with connection.transaction():
        registered = history.create(
            connection, FeatureSet("docs", keys={"id": "integer"}, features=[Feature("body", "jsonb")])
        )
    ingest(connection, registered, pd.DataFrame({"id": [1, 2, 3], "body": [{"a": 1}, {"b": [2]}, None]}))
    assert connection.execute("SELECT body FROM docs ORDER BY id").fetchall() == [({"a": 1},), ({"b": [2]},), (None,)]


def test_nan_is_a_value_in_arrow_and_missing_in_pandas(connection: psycopg.Connection, readings: RegisteredSet) -> None:
    data = frame(("a", 1, float("nan"), None, T0))
    ingest(connection, readings, data)
    assert connection.execute("SELECT value FROM readings").fetchone() == (None,)
    arrow = pa.table({"sensor": ["a"], "channel": [2], "value": [float("nan")], "event_time": [T0]})
    ingest(connection, readings, arrow)
    assert connection.execute("SELECT value = 'NaN' FROM readings WHERE channel = 2").fetchone() == (True,)


def test_features_that_the_data_lacks_stay_what_they_were(
    connection: psycopg.Connection, readings: RegisteredSet
) -> None:
    ingest(connection, readings, frame(("a", 1, 1.0, "old", T0), ("a", 1, 2.0, "new", T0 + 4 * HOUR)))
    values = pd.DataFrame({"sensor": "a", "channel": 1, "value": [9.0, 8.0], "event_time": [T0 + HOUR, T0 + 5 * HOUR]})
    assert ingest(connection, readings, values) == IngestResult(0, 1, 1, 0)
    assert live(connection) == [("a", 1, 8.0, "new", T0 + 5 * HOUR)]
    assert [row[2:4] for row in sorted(versions(connection), key=lambda row: row[4])] == [
        (1.0, "old"),
        (9.0, "old"),
        (2.0, "new"),
        (8.0, "new"),
    ]


def test_without_event_time_the_clock_counts(connection: psycopg.Connection, readings: RegisteredSet) -> None:
    before = datetime.now(UTC)
    data = frame(("a", 1, 1.0, "x", T0)).drop(columns="event_time")
    assert ingest(connection, readings, data) == IngestResult(1, 0, 0, 0)
    assert ingest(connection, readings, data) == IngestResult(0, 0, 0, 1)
    assert ingest(connection, readings, data.assign(value=2.0)) == IngestResult(0, 1, 0, 0)
    times = [row[4] for row in versions(connection)]
    assert before <= times[0] < times[1] <= datetime.now(UTC)


def test_a_tracked_table_keeps_its_other_columns(connection: psycopg.Connection) -> None:
    connection.execute('CREATE TABLE "Stock; --" (id integer PRIMARY KEY, "ün""it" text, note text DEFAULT \'kept\')')
    with connection.transaction():
        definition = history.tracked_definition(connection, "Stock; --", name="stock", features=['ün"it'])
        registered = history.create(connection, definition)
    assert ingest(connection, registered, pd.DataFrame({"id": [1], 'ün"it': ["a"]})) == IngestResult(1, 0, 0, 0)
    assert ingest(connection, registered, pd.DataFrame({"id": [1], 'ün"it': ["b"]})) == IngestResult(0, 1, 0, 0)
    assert connection.execute('SELECT * FROM "Stock; --"').fetchall() == [(1, "b", "kept")]
    with pytest.raises(InvalidData, match="tracks a table without an event time, so the clock counts"):
        ingest(connection, registered, pd.DataFrame({"id": [1], 'ün"it': ["c"], "at": [T0]}), event_time="at")


GOOD = {"sensor": ["a"], "channel": [1], "value": [1.0], "event_time": [T0]}


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        (GOOD | {"color": ["red"]}, UnknownName, "has no 'color'"),
        ({k: v for k, v in GOOD.items() if k != "channel"}, InvalidData, "no column for the key 'channel'"),
        ({k: v for k, v in GOOD.items() if k != "value"}, InvalidData, "has no feature of readings"),
        (GOOD | {"channel": ["one"]}, InvalidData, "Column 'channel' of the data is of type text"),
        (GOOD | {"channel": [1.5]}, InvalidData, "holds 1.5 in row 0, which is not a whole number"),
        (GOOD | {"channel": [2**40]}, InvalidData, "out of range"),
        (GOOD | {"channel": pd.array([None], "Int64")}, InvalidData, "1 of 1 rows have no value for the key"),
        (GOOD | {"event_time": [datetime(2013, 1, 1)]}, InvalidData, "naive: give their time zone"),
        (GOOD | {"event_time": pd.to_datetime([None], utc=True)}, InvalidData, "1 of 1 rows have no event time"),
        (GOOD | {"event_time": ["2013-01-01"]}, InvalidData, "'event_time' of the data is of type text"),
        (GOOD | {"value": [True]}, InvalidData, "'value' of the data is of type boolean"),
        (GOOD | {"unit": [1]}, InvalidData, "'unit' of the data is of type bigint"),
    ],
)
def test_bad_data_gets_one_sentence_and_leaves_nothing(
    data: dict[str, Any], error: type[Exception], message: str, connection: psycopg.Connection, readings: RegisteredSet
) -> None:
    ingest(connection, readings, frame(("z", 9, 1.0, None, T0)))
    rows = pd.concat([frame(("a", 5, 1.0, None, T0)), pd.DataFrame(data)]) if error is None else pd.DataFrame(data)
    with pytest.raises(error, match=message) as caught:
        ingest(connection, readings, rows)
    assert "\n" not in str(caught.value)
    assert [row[:2] for row in live(connection)] == [("z", 9)]
    assert len(versions(connection)) == 1
    assert connection.execute("SELECT count(*) FROM pg_class WHERE relnamespace = pg_my_temp_schema()").fetchone() == (
        0,
    )


def test_other_refusals(connection: psycopg.Connection, readings: RegisteredSet, tmp_path: Path) -> None:
    twice = frame(("a", 1, 1.0, None, T0), ("a", 1, 2.0, None, T0)).drop(columns="event_time")
    with pytest.raises(InvalidData, match="1 rows repeat an entity"):
        ingest(connection, readings, twice)
    with pytest.raises(UnknownName, match="no column 'when'"):
        ingest(connection, readings, frame(("a", 1, 1.0, None, T0)), event_time="when")
    with pytest.raises(UnknownName, match="There is no time zone 'Mars/Olympus'"):
        ingest(connection, readings, pd.DataFrame(GOOD | {"event_time": [datetime(2013, 1, 1)]}), None, "Mars/Olympus")
    with pytest.raises(InvalidData, match="there are none"):
        ingest(connection, readings, tmp_path / "absent.parquet")
    with pytest.raises(InvalidData, match="A dict cannot be the data"):
        ingest(connection, readings, {"sensor": ["a"]})
    assert versions(connection) == []


def test_rows_too_wide_for_a_page_say_how_to_split(connection: psycopg.Connection) -> None:
    names = [f"f{n}" for n in range(1500)]
    wide = FeatureSet("wide", keys={"id": "integer"}, features=[Feature(name, "double precision") for name in names])
    with connection.transaction():
        registered = history.create(connection, wide)
    assert ingest(connection, registered, pd.DataFrame({"id": [1], "f0": [0.5]})) == IngestResult(1, 0, 0, 0)
    full = pd.DataFrame({"id": [2], **{name: [0.5] for name in names}})
    with pytest.raises(InvalidData, match=r"row is too big.* Split the set into sets with the same keys"):
        ingest(connection, registered, full)
    assert connection.execute("SELECT id FROM wide").fetchall() == [(1,)]


def test_naive_times_with_a_named_zone(connection: psycopg.Connection, readings: RegisteredSet) -> None:
    data = pd.DataFrame(GOOD | {"event_time": [datetime(2013, 7, 1, 8, 0)]})
    ingest(connection, readings, data, timezone="America/New_York")
    assert live(connection)[0][4] == datetime(2013, 7, 1, 12, 0, tzinfo=UTC)


def test_sessions_that_ingest_the_same_entities_at_once(database: TestDatabase, connection: psycopg.Connection) -> None:
    with connection.transaction():
        registered = history.create(connection, READINGS)
    start = Barrier(4)
    failed: list[BaseException] = []

    def work(session: int) -> None:
        try:
            with database.connect() as own:
                for turn in range(5):
                    rows = [
                        (
                            f"s{n % 7}",
                            0,
                            float(session * 1000 + turn * 100 + n),
                            None,
                            T0 + ((n * 5 + turn) % 11) * HOUR,
                        )
                        for n in range(40)
                    ]
                    start.wait(timeout=60)
                    with own.transaction():
                        ingest(own, registered, frame(*rows))
        except BaseException as error:
            failed.append(error)
            start.abort()

    threads = [Thread(target=work, args=(session,)) for session in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    assert failed == []
    newest = connection.execute(
        "SELECT DISTINCT ON (sensor, channel) sensor, channel, value, unit, event_time FROM readings_history "
        "ORDER BY sensor, channel, event_time DESC, version_id DESC"
    ).fetchall()
    assert newest == live(connection)  # live = history as of infinity
    assert len(newest) == 7
    order = connection.execute(
        "SELECT sensor, xid, min(version_id), max(version_id) FROM readings_history GROUP BY sensor, xid ORDER BY sensor, 3"
    ).fetchall()
    for former, latter in pairwise(order):
        # The numbers of two transactions do not mix within a key: each drew them after it had the key's lock.
        assert former[0] != latter[0] or former[3] < latter[2]
