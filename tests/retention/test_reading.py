"""After retention: what reads before the reach still finds everything, or says that it cannot; nothing is silently missing."""

import warnings
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pyarrow as pa
import pytest

import fsdb
from fsdb import history
from fsdb.columnar import sync
from fsdb.definitions import Feature, FeatureSet, TrainingView
from fsdb.engines import router
from fsdb.errors import EngineUnavailable, LateValues, RetentionRefused
from fsdb.history.reach import hold
from fsdb.ingest import backfill, ingest
from fsdb.migrate.changes import NarrowFeature
from fsdb.migrate.perform import perform
from fsdb.migrate.plan import apply, plan
from fsdb.retention import as_of
from fsdb.training import build, get_view, load, register_view, save, verify, view_status
from fsdb.vectors import feature_vector
from tests.conftest import TestDatabase
from tests.history.kept import assert_live_is_newest
from tests.retention.past import Past, ago
from tests.training.oracle import History, expected

FEATURES = ["weather.a", "weather.b"]


@pytest.fixture
def past(database: TestDatabase, connection: psycopg.Connection) -> Past:
    """Three keys, deletes, late values and ties around the cutoff; nothing left yet."""
    found = Past(database, connection)
    found.put((k, n + k / 10, f"{n}", ago(12 - n)) for n in range(12) for k in (1, 2))
    found.put([(3, 0, "first", ago(20)), (3, 1, "same moment", ago(20)), (3, 2, "again", ago(20))])
    for moment in (ago(10.5), ago(7.5), ago(2.5)):
        with connection.transaction():
            history.delete_as_of(connection, found.registered, [{"k": 2}], moment)
    found.put([(1, -1, "late", ago(9.5)), (1, -2, "late", ago(4.5))])
    return found


def moments() -> list[datetime]:
    """Times before, at and after all that happened."""
    return [ago(n / 4) for n in range(90, -1, -3)]


def spine_of(times: Sequence[datetime]) -> pa.Table:
    """Each key, one unknown and one NULL, at each moment."""
    rows = [(k, at) for at in times for k in (1, 2, 3, 4, None)]
    return pa.table(
        {
            "k": pa.array([k for k, _ in rows], pa.int64()),
            "at": pa.array([at for _, at in rows], pa.timestamp("us", "UTC")),
        }
    )


def wanted(past: Past, spine: pa.Table, known: str | datetime = "now") -> list[dict[str, Any]]:
    """The spine with its features, by brute force."""
    every = History(("k",), {"a": "a", "b": "b"}, list(past.every.values()))
    return expected(spine.to_pylist(), "at", [every], known)


def built(past: Past, spine: Any, engine: str, known: str | datetime = "now") -> list[dict[str, Any]]:
    """The same from an engine."""
    made = build(past.connection, spine=spine, features=FEATURES, timestamp="at", known=known, engine=engine)
    rows: list[dict[str, Any]] = made.to_arrow().to_pylist()
    return rows


@pytest.mark.parametrize("tail", [False, True])
@pytest.mark.parametrize("engine", ["duckdb", "auto"])
def test_training_sets_are_the_same_over_the_copy(past: Past, engine: str, tail: bool) -> None:
    early = datetime.now(UTC) - timedelta(seconds=1)
    assert past.retain().removed > 10
    if tail:
        past.put([(1, 5, "tail", ago(11.1)), (3, 6, "tail", ago(5.5)), (2, 7, "tail", ago(0.1))])
        past.remember()
    spine = spine_of(moments())
    for known in ("now", "then", early, datetime.now(UTC)):
        assert built(past, spine, engine, known) == wanted(past, spine, known)


def test_postgres_answers_from_the_reach_on(past: Past) -> None:
    past.retain()
    reach = past.registered.reach
    assert reach is not None
    spine = spine_of([reach, *(at for at in moments() if at > reach)])
    assert built(past, spine, "postgres") == wanted(past, spine)
    for known in ("then", datetime.now(UTC)):
        with pytest.raises(EngineUnavailable, match="what was known at the time"):
            built(past, spine, "postgres", known)
    for rows in (spine_of([reach - timedelta(microseconds=1)]), spine_of([datetime(1, 1, 1, tzinfo=UTC), reach])):
        with pytest.raises(EngineUnavailable, match=r"Versions of weather before .* spine begins before that"):
            built(past, rows, "postgres")
    query = "SELECT k, at FROM (VALUES (1, %s::timestamptz)) AS v (k, at)"
    for at, fits in ((reach, True), (reach - timedelta(microseconds=1), False)):
        text = query.replace("%s", f"'{at.isoformat()}'")
        if fits:
            assert built(past, text, "postgres") == wanted(past, spine_of([reach]).slice(0, 1))
        else:
            with pytest.raises(EngineUnavailable, match="spine begins"):
                built(past, text, "postgres")
    empty = spine_of([])
    assert built(past, empty, "postgres") == []


def test_without_another_engine_it_is_refused(past: Past, monkeypatch: pytest.MonkeyPatch) -> None:
    past.retain()
    monkeypatch.setattr(router, "ENGINES", {"postgres": router.ENGINES["postgres"]})
    with pytest.raises(EngineUnavailable, match="have left PostgreSQL for its columnar copy"):
        built(past, spine_of([ago(10)]), "auto")


def test_saved_training_sets_come_out_the_same(past: Past) -> None:
    spine = spine_of(moments())
    with past.connection.transaction():
        made = build(past.connection, spine=spine, features=FEATURES, timestamp="at")
        save(past.connection, made, "before")
        then = build(past.connection, spine=spine, features=FEATURES, timestamp="at", known="then")
        save(past.connection, then, "before_then")
    past.put([(1, 100, "late", ago(11.7)), (3, 100, "late", ago(6.5))])
    assert past.retain().removed > 10
    after = build(past.connection, spine=spine, features=FEATURES, timestamp="at")
    with past.connection.transaction():
        save(past.connection, after, "after")
    past.put([(1, 101, "late", ago(11.6)), (3, 101, "late", ago(6.4))])
    past.connection.execute("DELETE FROM weather WHERE k = 1")
    past.retain()
    for name, hashed in (("before", made), ("before_then", then), ("after", after)):
        saved = load(past.connection, name).saved
        assert verify(past.connection, saved) == hashed.content_hash
        assert verify(past.connection, saved, "duckdb") == hashed.content_hash
        with pytest.raises(EngineUnavailable, match=r"known at the time|saved snapshot may have seen"):
            verify(past.connection, saved, "postgres")
    again = build(past.connection, spine=spine, features=FEATURES, timestamp="at", known="before")
    assert again.content_hash == made.content_hash


def test_as_of_in_sql(past: Past) -> None:
    past.retain()
    reach = past.registered.reach
    assert reach is not None
    assert past.in_sql(reach) == past.as_of(reach)
    for at in (reach - timedelta(microseconds=1), ago(30)):
        with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="weather is asked for as of") as refused:
            past.in_sql(at)
        assert "store.as_of" in (refused.value.diag.message_hint or "")
        with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState):
            past.connection.execute("SELECT a FROM weather_as_of(%s) WHERE k = 1", [at])
    purpose = past.connection.execute("SELECT obj_description('weather_history'::regclass)").fetchone()
    assert purpose is not None
    assert "left for the columnar copy" in purpose[0]


def test_as_of_through_the_copy(past: Past) -> None:
    past.retain()
    past.put([(1, 5, "tail", ago(11.1))])
    past.remember()
    for at in (*moments(), past.registered.reach):
        assert at is not None
        found = as_of(past.connection, past.registered, at)
        assert found.column_names == ["k", "a", "b", "event_time"]
        assert {row["k"]: (row["a"], row["b"], row["event_time"]) for row in found.to_pylist()} == past.as_of(at)


def test_as_of_ages_values(past: Past) -> None:
    with past.connection.transaction():
        wanted = FeatureSet(
            "weather",
            {"k": "bigint"},
            [Feature("a", "double precision"), Feature("b", "text")],
            max_age="12 hours",
            retention="5 days",
        )
        apply(past.connection, plan(past.connection, [wanted]))
    every = {at: past.in_sql(at) for at in moments()}
    past.retain()
    for at, rows in every.items():
        found = as_of(past.connection, past.registered, at).to_pylist()
        assert {row["k"]: (row["a"], row["b"], row["event_time"]) for row in found} == rows


@pytest.fixture
def store(database: TestDatabase, past: Past) -> Iterator[fsdb.Store]:
    """The facade on the same database."""
    with fsdb.connect(database.url) as opened:
        yield opened


def test_the_facade(store: fsdb.Store, past: Past) -> None:
    past.remember()
    store.sync()
    assert store.retain("weather").removed > 10 or past.registered.reach is not None
    assert len(past.left) < len(past.every)
    assert store.retain().removed == 0
    assert store.retain(["weather"]).sets[0].feature_set == "weather"
    found = store.as_of("weather", ago(9)).to_pylist()
    assert {row["k"]: (row["a"], row["b"], row["event_time"]) for row in found} == past.as_of(ago(9))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LateValues)
        rows = store.training_set(spine=spine_of(moments()), features=FEATURES, timestamp="at").to_arrow().to_pylist()
    assert rows == wanted(past, spine_of(moments()))
    with pytest.raises(fsdb.InvalidData, match="no time zone"):
        store.as_of("weather", datetime(2020, 1, 1))
    with pytest.raises(RetentionRefused, match="outside a transaction"), store.transaction():
        store.retain()
    assert "in PostgreSQL as of" in repr(store.describe("weather"))


def test_training_views(past: Past) -> None:
    past.connection.execute("CREATE TABLE labels (k bigint, at timestamptz)")
    with past.connection.transaction():
        register_view(past.connection, TrainingView("v", "SELECT k, at FROM labels", "at", FEATURES))
    past.connection.execute("INSERT INTO labels VALUES (1, %s), (3, %s)", [ago(1), ago(2)])
    past.retain()
    assert [found.state for found in view_status(past.connection, "v")] == ["installed", "installed"]
    rows = past.connection.execute("SELECT * FROM v_training ORDER BY k").fetchall()
    assert rows == [(1, ago(1), 11.1, "11"), (3, ago(2), 2.0, "again")]
    past.connection.execute("INSERT INTO labels VALUES (1, %s), (2, %s)", [ago(9), ago(9)])
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="weather is asked for as of"):
        past.connection.execute("SELECT * FROM v_training")
    past.connection.execute("SELECT * FROM v_training WHERE at > %s", [ago(3)])
    vector = past.connection.execute("SELECT a, b, found FROM v_vector(1)").fetchone()
    assert vector == (11.1, "11", True)
    made = build(past.connection, get_view(past.connection, "v"))
    assert made.to_arrow().num_rows == 4


def test_a_view_learns_of_a_retention(database: TestDatabase, connection: psycopg.Connection) -> None:
    """Defined afterwards: objects are compiled anew, and again when it goes before anything left."""
    plain = FeatureSet("weather", {"k": "bigint"}, [Feature("a", "double precision")])
    limited = FeatureSet("weather", {"k": "bigint"}, [Feature("a", "double precision")], retention="5 days")
    view = TrainingView("v", "SELECT 1::bigint AS k, now() AS at", "at", ["weather.a"])

    def guarded() -> list[bool]:
        row = connection.execute(
            "SELECT pg_get_viewdef('v_training'::regclass) LIKE '%within_reach%',"
            " pg_get_functiondef('weather_as_of(timestamptz)'::regprocedure) LIKE '%within_reach%'"
        ).fetchone()
        assert row is not None
        return list(row)

    for definition, guards in ((plain, False), (limited, True), (plain, False), (limited, True)):
        with connection.transaction():
            made = plan(connection, [definition, view])
            apply(connection, made)
            assert not made.destructive
        assert guarded() == [guards, guards]
        assert {found.state for found in view_status(connection, "v")} == {"installed"}
    connection.execute("INSERT INTO weather VALUES (1, 1, %s)", [ago(10)])
    connection.execute("UPDATE weather SET a = 2, event_time = %s", [ago(9)])
    sync(database.url)
    with fsdb.connect(database.url) as store:
        assert store.retain().removed == 1
    with connection.transaction():
        apply(connection, plan(connection, [plain, view]))
    assert guarded() == [True, True]  # what has left has left


def test_the_history_of_entities_is_refused(past: Past) -> None:
    before = build(past.connection, features=FEATURES).num_rows
    assert before > 10
    past.retain()
    with pytest.raises(RetentionRefused, match="give a spine"):
        build(past.connection, features=FEATURES)
    current = build(past.connection, features=FEATURES, values="current").to_arrow()
    rows = {row["k"]: (row["a"], row["b"]) for row in current.to_pylist()}
    assert rows == {key: found[:2] for key, found in past.as_of(datetime.now(UTC)).items()}


def test_vectors_are_the_same(past: Past) -> None:
    before = [feature_vector(past.connection, FEATURES, {"k": k}) for k in (1, 2, 3, 4)]
    past.retain()
    assert [feature_vector(past.connection, FEATURES, {"k": k}) for k in (1, 2, 3, 4)] == before


def test_changes_that_need_what_left_are_refused(past: Past) -> None:
    past.retain()
    reach = past.registered.reach
    assert reach is not None
    before, since = reach - timedelta(microseconds=1), reach + timedelta(hours=1)
    connection, registered = past.connection, past.registered

    def frame(at: datetime, **values: Any) -> pa.Table:
        columns = {"k": pa.array([1], pa.int64()), "event_time": pa.array([at], pa.timestamp("us", "UTC"))}
        return pa.table(columns | {name: [value] for name, value in values.items()})

    with pytest.raises(RetentionRefused, match="deleted as of a moment"), connection.transaction():
        history.delete_as_of(connection, registered, [{"k": 1}], before)
    with pytest.raises(RetentionRefused, match="backfill of weather begins"):
        backfill(connection, registered, frame(before, a=7.0))
    with pytest.raises(RetentionRefused, match="lacks feature 'b' of weather"):
        ingest(connection, registered, frame(before, a=7.0))
    assert past.left.keys() <= past.every.keys()
    assert ingest(connection, registered, frame(before, a=7.0, b="whole")).late == 1
    assert ingest(connection, registered, frame(since, a=8.0)).late == 1
    past.remember()
    (carried,) = [v for v in past.every.values() if v.event_time == since]
    assert carried.values["b"] == past.as_of(since - timedelta(hours=1))[1][1]
    with connection.transaction():
        assert history.delete_as_of(connection, registered, [{"k": 1}], since + timedelta(hours=1)) == 1
    assert backfill(connection, registered, frame(since + timedelta(minutes=1), a=9.0)) == 1
    past.remember()
    assert_live_is_newest(connection, registered)
    for at in (reach, since, since + timedelta(minutes=1), since + timedelta(hours=1), datetime.now(UTC)):
        assert past.in_sql(at) == past.as_of(at)
    spine = spine_of(moments())
    assert built(past, spine, "duckdb") == wanted(past, spine)


def test_a_build_holds_retention_off(past: Past, database: TestDatabase) -> None:
    """From before its snapshot to its end; a build outside a transaction lets go when it is done."""
    past.remember()
    locks = "SELECT count(*) FROM pg_locks WHERE relation = 'fsdb.reading'::regclass AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    build(past.connection, spine=spine_of([ago(9)]), features=FEATURES, timestamp="at")
    assert past.connection.execute(locks).fetchone() == (0,)
    with past.connection.transaction():
        hold(past.connection)
        with database.connect() as other:
            assert other.execute(locks).fetchone() == (1,)
        build(past.connection, spine=spine_of([ago(9)]), features=FEATURES, timestamp="at")
    assert past.retain().removed > 10


def test_narrowing_is_refused_and_widening_goes_on(past: Past) -> None:
    integers = FeatureSet("stock", {"k": "bigint"}, [Feature("n", "integer")], retention="5 days")
    with past.connection.transaction():
        apply(past.connection, plan(past.connection, [integers]))
    for n in range(4):
        past.connection.execute(
            "INSERT INTO stock VALUES (1, %s, %s) ON CONFLICT (k) DO UPDATE SET n = excluded.n, event_time = excluded.event_time",
            [n, ago(10 - n)],
        )
    past.retain()
    with fsdb.connect(past.database.url) as store:
        store.sync()
        assert store.retain("stock").removed == 3
        store.apply([FeatureSet("stock", {"k": "bigint"}, [Feature("n", "bigint")], retention="5 days")])
        spine = pa.table({"k": [1], "at": pa.array([ago(8.5)], pa.timestamp("us", "UTC"))})
        with pytest.warns(LateValues):
            found = store.training_set(spine=spine, features=["stock.n"], timestamp="at", engine="duckdb").to_arrow()
        assert found["n"].to_pylist() == [1]
        assert found.schema.field("n").type == pa.int64()
    with pytest.raises(fsdb.ChangeRefused, match="columnar copy alone"), past.connection.transaction():
        perform(past.connection, NarrowFeature("stock", "n", "bigint", "integer"))
