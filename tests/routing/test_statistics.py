"""What the router knows of a join before it is run, and how estimates follow from it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fsdb import columnar, history
from fsdb.calibration import versions
from fsdb.definitions import Feature, FeatureSet
from fsdb.engines import costs
from fsdb.engines.work import ReadWork, Work
from fsdb.training import build
from tests.conftest import TestDatabase

EMPTY = FeatureSet("empty", {"id": "bigint"}, [Feature("name", "text"), Feature("size", "smallint")])


def work(connection: psycopg.Connection, **asked: Any) -> Work:
    """The work of a training set, as the router saw it before the engine counted."""
    return build(connection, **{"timestamp": "at", "engine": "postgres", **asked}).routing.work


def test_an_empty_set(database: TestDatabase) -> None:
    with database.connect() as connection:
        with connection.transaction():
            history.create(connection, EMPTY)
        spine = pa.table({"id": [1, 2, 3], "at": [datetime(2020, 1, 1, tzinfo=UTC)] * 3})
        done = work(connection, spine=spine, features=["empty.name", "empty.size"])
    (read,) = done.reads
    assert (done.spine_rows, done.spine_columns, done.in_memory, done.features) == (3, 2, True, 2)
    assert (read.versions, read.tail, read.copy_rows, read.width) == (0, 0, 0, 32 + 2)
    assert read.bytes > 0  # the indexes' first pages


@pytest.mark.parametrize("rows", [1, 5_000])
def test_versions_are_counted_before_anybody_analyzed(connection: psycopg.Connection, rows: int) -> None:
    with connection.transaction():
        history.create(connection, EMPTY)
    connection.execute("ALTER TABLE fsdb_history.empty SET (autovacuum_enabled = false)")
    connection.execute(
        "INSERT INTO empty SELECT n, repeat('x', 100), 1, now() FROM generate_series(1, %s) AS n", [rows]
    )
    spine = "SELECT 1::bigint AS id, now() AS at"
    (read,) = work(connection, spine=spine, features=["empty.name"]).reads
    assert read.versions == rows  # as many as were drawn of the sequence
    assert read.width == 32
    connection.execute("ANALYZE fsdb_history.empty")
    connection.execute("UPDATE empty SET size = 2, event_time = now() + interval '1 second'")
    (read,) = work(connection, spine=spine, features=["empty.name"]).reads
    assert rows <= read.versions <= 2 * rows
    assert read.width == 101  # a short text's length takes a byte
    connection.execute("ANALYZE fsdb_history.empty")
    (read,) = work(connection, spine=spine, features=["empty.name"]).reads
    assert (read.versions, read.per_key) == (2 * rows, 2.0)


def test_versions_that_left_or_were_rolled_back_do_not_count(connection: psycopg.Connection) -> None:
    with connection.transaction():
        history.create(connection, EMPTY)
    with connection.transaction(force_rollback=True):
        connection.execute("INSERT INTO empty SELECT n, 'x', 1, now() FROM generate_series(1, 20000) AS n")
    connection.execute("INSERT INTO empty SELECT n, 'x', 1, now() FROM generate_series(1, 100) AS n")
    connection.execute("VACUUM (ANALYZE) fsdb_history.empty")
    (read,) = work(connection, spine="SELECT 1::bigint AS id, now() AS at", features=["empty.name"]).reads
    assert read.versions == 100


@pytest.fixture
def copied(database: TestDatabase, tmp_path: Path) -> Any:
    """A set of 20,000 versions, a second apart from 2020 on, in two syncs, and 500 of the tail."""
    with database.connect() as connection:
        versions.load(connection, "made", 10_000, features=2)
        warehouse = str(tmp_path / "warehouse")
        columnar.sync(database.url, warehouse=warehouse)
        _more(connection, 10_000, 20_000)
        columnar.sync(database.url, warehouse=warehouse)
        _more(connection, 20_000, 20_500)
        yield connection


def _more(connection: psycopg.Connection, start: int, stop: int) -> None:
    connection.execute("ALTER TABLE fsdb_history.made DISABLE TRIGGER USER")
    connection.execute(
        "INSERT INTO fsdb_history.made (id, f1, f2, event_time, recorded_at)"
        " SELECT n %% 500, 1, 2, t, t FROM generate_series(%s, %s - 1) AS n,"
        " LATERAL (SELECT timestamptz '2020-01-01 00:00+00' + n * interval '1 second' AS t) AS moment",
        [start, stop],
    )
    connection.execute("ALTER TABLE fsdb_history.made ENABLE TRIGGER USER")


def test_copy_tail_and_pruned_files(copied: psycopg.Connection) -> None:
    early = pa.table({"id": [1], "at": [versions.START + timedelta(seconds=9_000)]})
    (read,) = work(copied, spine=early, features=["made.f1"]).reads
    assert (read.copy_rows, read.tail) == (20_000, 500)
    assert (read.kept_rows, read.files_read, read.files_pruned) == (10_000, 1, 1)
    late = pa.table({"id": [1, 2], "at": [versions.START, versions.START + timedelta(days=9)]})
    (read,) = work(copied, spine=late, features=["made.f1"]).reads
    assert (read.kept_rows, read.files_read, read.files_pruned) == (20_000, 2, 0)
    copied.execute("UPDATE fsdb.feature_sets SET max_age = '1 hour'")
    query = f"SELECT 1::bigint AS id, '{versions.START + timedelta(seconds=19_000)}'::timestamptz AS at"
    (read,) = work(copied, spine=query, features=["made.f1"]).reads
    assert (read.files_read, read.files_pruned) == (1, 1)
    (read,) = work(copied, spine=f"{query} WHERE false", features=["made.f1"]).reads
    assert read.files_pruned == 0


def test_a_transaction_that_stays_open_makes_the_search_for_the_tail_longer(
    database: TestDatabase, connection: psycopg.Connection, tmp_path: Path
) -> None:
    with connection.transaction():
        history.create(connection, EMPTY)
    spine = "SELECT 1::bigint AS id, now() AS at"
    with database.connect() as other, other.transaction(force_rollback=True):
        other.execute("INSERT INTO empty VALUES (0, 'x', 1, now())")
        connection.execute("INSERT INTO empty SELECT n, 'x', 1, now() FROM generate_series(1, 100) AS n")
        columnar.sync(database.url, warehouse=str(tmp_path / "warehouse"))
        connection.execute("INSERT INTO empty SELECT n, 'x', 1, now() FROM generate_series(101, 110) AS n")
        (read,) = work(connection, spine=spine, features=["empty.name"]).reads
    assert (read.copy_rows, read.tail, read.skipped) == (100, 10, 101)
    columnar.sync(database.url)
    (read,) = work(connection, spine=spine, features=["empty.name"]).reads
    assert (read.copy_rows, read.tail, read.skipped) == (110, 0, 0)


def test_an_engine_s_own_counts_replace_the_statistics(copied: psycopg.Connection) -> None:
    early = pa.table({"id": [1], "at": [versions.START + timedelta(seconds=9_000)]})
    done = work(copied, spine=early, features=["made.f1"], engine="duckdb")
    assert (done.copy_rows, done.tail, done.files_read, done.files_pruned) == (20_000, 0, 1, 1)


SMALL = ReadWork("made", 1000, 10**6, 10, 80, 10.0, 100, 900, 10**5, 900, 1, 0)
READS = st.builds(
    lambda versions, tail, features, kept, window: replace(
        SMALL,
        versions=versions,
        bytes=versions * 150,
        tail=min(tail, versions),
        features=features,
        width=8 * features,
        kept_rows=kept,
        window=window,
    ),
    st.integers(0, 10**9),
    st.integers(0, 10**9),
    st.integers(1, 1000),
    st.integers(0, 10**9),
    st.none() | st.floats(0, 10**6),
)
WORKS = st.builds(Work, st.integers(0, 10**8), st.integers(1, 100), st.booleans(), st.just(2**27), st.tuples(READS))


@pytest.mark.parametrize("engine", sorted(costs.UNITS))
@settings(deadline=None)
@given(work=WORKS, more=st.integers(1, 10**6))
def test_more_to_do_never_costs_less(engine: str, work: Work, more: int) -> None:
    (read,) = work.reads
    larger = [
        replace(work, spine_rows=work.spine_rows + more),
        replace(work, reads=(*work.reads, read)),
        replace(work, reads=(replace(read, features=read.features + 1, width=read.width + 8),)),
        replace(work, reads=(replace(read, versions=read.versions + more, bytes=read.bytes + 150 * more),)),
        replace(work, reads=(replace(read, versions=read.versions + more, tail=read.tail + more),)),
        replace(work, reads=(replace(read, kept_rows=read.kept_rows + more),)),
        replace(work, reads=(replace(read, skipped=read.skipped + more),)),
        replace(work, reads=(replace(read, window=(read.window or 0) + more),)),
    ]
    cost = costs.estimate(engine, work, {})
    assert cost is not None
    assert cost > 0
    for one in larger:
        assert (costs.estimate(engine, one, {}) or 0) >= cost * (1 - 1e-12)


def test_a_few_rows_of_a_long_history_are_looked_up_and_many_of_a_copy_scanned() -> None:
    few = Work(100, 2, True, 2**27, (replace(SMALL, versions=10**7, bytes=2 * 10**9, kept_rows=10**7, tail=0),))
    many = replace(few, spine_rows=10**6)

    def cheapest(work: Work) -> str:
        return min(("postgres", "duckdb"), key=lambda engine: costs.estimate(engine, work, {}) or 0)

    assert (cheapest(few), cheapest(many)) == ("postgres", "duckdb")


def test_what_was_measured_counts() -> None:
    one = Work(1000, 2, True, 2**27, (SMALL,))
    built_in = costs.estimate("postgres", one, {})
    dearer = costs.estimate("postgres", one, {("postgres", "descent"): 1.0, ("duckdb", "start"): 1e6})
    assert dearer == pytest.approx((built_in or 0) + 1000 * (1 - 1.5e-6))
    assert costs.estimate("unheard of", one, {}) is None


def test_the_document_has_every_unit_with_its_constant() -> None:
    text = (Path(__file__).parents[2] / "docs" / "engines.md").read_text(encoding="utf-8")
    shown = [line for line in text.splitlines() if line.startswith("| `") and line.count("|") == 5]
    assert shown == [
        f"| `{engine}` | `{unit.name}` | {unit.seconds * 1e6:g} | {unit.meaning} |"
        for engine, units in costs.UNITS.items()
        for unit in units
    ]
    amounts = costs.AMOUNTS
    one = Work(1, 1, True, 1, (SMALL,))
    assert {engine: set(amounts[engine](one, True)) for engine in amounts} == {
        engine: {unit.name for unit in units} for engine, units in costs.UNITS.items()
    }
