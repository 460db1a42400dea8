"""The conformance suite: every engine, in every state of the copy, against brute force."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fsdb.definitions import Feature, FeatureSet
from fsdb.errors import InvalidData
from fsdb.training import build, load, rebuild, save, verify
from tests.conftest import TestDatabase, cloned
from tests.engines.states import ENGINES_IN_STATES, fill
from tests.engines.world import (
    FAR,
    HOT,
    HOUR,
    NOTHING,
    OLD,
    PAIRS,
    TICK,
    WEATHER,
    WORDS,
    T,
    World,
    check,
    instants,
    make,
    plain,
)
from tests.oracle import Version
from tests.training.made import made_set

pytestmark = pytest.mark.slow
Case = tuple[World, str, psycopg.Connection]
Worlds = Callable[[str], World]


@pytest.fixture(scope="module")
def worlds(server_url: str, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worlds]:
    """A world for each state, made when first asked for."""
    made: dict[str, World] = {}
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:

        def world(state: str) -> World:
            if state not in made:
                patch.setenv("FSDB_WAREHOUSE", str(tmp_path_factory.mktemp("warehouse")))
                database = stack.enter_context(contextmanager(cloned)(server_url, template))
                made[state] = make(database, state)
            return made[state]

        yield world


@pytest.fixture(params=ENGINES_IN_STATES, ids="-".join)
def case(request: pytest.FixtureRequest, worlds: Worlds) -> Iterator[Case]:
    """A world, an engine, and a connection that is rolled back."""
    engine, state = request.param
    if engine == "spark":
        request.getfixturevalue("spark")
    world = worlds(state)
    with world.database.connect() as connection, connection.transaction(force_rollback=True):
        yield world, engine, connection


WEATHER_SPINE = [
    ("JFK", T), ("LGA", T), ("LGA", T + TICK), ("EWR", T - 3 * HOUR), ("EWR", T - 2 * HOUR), ("EWR", T), ("EWR", T + HOUR),
    ("JFK", T - HOUR), ("JFK", T - HOUR - TICK), ("JFK", T - 5 * HOUR), ("JFK", T + 5 * HOUR), ("JFK", T + 5 * HOUR + TICK), ("nobody", T), (None, T), ("", T), ("é🎈", T),
    ("OLD", OLD), ("OLD", OLD - TICK), ("OLD", OLD + 6 * HOUR), ("FAR", FAR), ("FAR", FAR - TICK), ("FAR", FAR + 6 * HOUR + TICK),
    ("PRE", datetime(1970, 1, 1, tzinfo=UTC)), ("PRE", datetime(1969, 12, 31, 23, 59, 59, 999998, UTC)), ("JFK", T), ("JFK", T),
]  # fmt: skip


def weather_spine() -> pa.Table:
    """Rows for every case of the weather, some twice, in no order."""
    keys, moments = zip(*WEATHER_SPINE, strict=True)
    return pa.table({"n": range(len(keys)), "origin": pa.array(keys, pa.string()), "at": instants(*moments)})


@pytest.mark.parametrize("known", ["now", "then", T, T + HOUR], ids=["now", "then", "at_t", "an_hour_later"])
def test_ties_tombstones_ages_late_values_and_misses(case: Case, known: str | datetime) -> None:
    world, engine, connection = case
    history = world.history(WEATHER, "temp", "gusts")
    check(connection, engine, weather_spine(), [history], ["weather.temp", "weather.gusts"], known)


def test_keys_of_several_columns_do_not_meet_as_text(case: Case) -> None:
    world, engine, connection = case
    a = pa.array([1, 11, 1, 111, 11, -1, -1, None, 1, 2], pa.int32())
    b = pa.array([11, 1, 1, 11, 111, 2**53 + 1, 2**53, 1, None, 2])
    spine = pa.table({"a": a, "b": b, "at": instants(*[T] * 10)})
    built = check(connection, engine, spine, [world.history(PAIRS, "sum", "word")], ["pairs.sum", "pairs.word"])
    assert built.to_arrow()["word"].null_count == 3
    keys = [
        ("a", "b,c"),
        ("a,b", "c"),
        ("", "ab"),
        ("ab", ""),
        ("a", "b"),
        ('a"', "b"),
        ("a", '"b'),
        (None, "b"),
        ("a", None),
    ]
    origins, words = zip(*keys, strict=True)
    spine = pa.table({"origin": origins, "word": words, "at": instants(*[T] * len(keys))})
    check(connection, engine, spine, [world.history(WORDS, "joined")], ["words.joined"])


def test_five_sets_at_once_one_of_them_empty(case: Case) -> None:
    world, engine, connection = case
    spine = pa.table(
        {
            "origin": ["a", "JFK", None, "a,b"],
            "a": pa.array([1, 11, None, 1], pa.int16()),
            "b": pa.array([11, 1, 7, 7], pa.int64()),
            "word": ["b", "b,c", None, "c"],
            "at": instants(T, T + HOUR, T + 2 * HOUR, T - HOUR),
        }
    )
    renamed = (
        spine.rename_columns(["origin", "a", "b", "word", "at"])
        .drop_columns(["word"])
        .append_column("word", spine["word"])
    )
    histories = [
        world.history(HOT, "level"),
        world.history(NOTHING, "never", "vector"),
        world.history(WEATHER, "temp"),
        world.history(PAIRS, "sum"),
        world.history(WORDS, "joined"),
    ]
    references = ["hot.level", "nothing.never", "nothing.vector", "weather.temp", "pairs.sum", "words.joined"]
    check(connection, engine, renamed, histories, references)
    check(connection, engine, renamed, histories, references, known="then")


def test_an_empty_spine(case: Case) -> None:
    world, engine, connection = case
    built = check(connection, engine, weather_spine().slice(0, 0), [world.history(WEATHER, "temp")], ["weather.temp"])
    assert built.to_arrow().schema.names == ["n", "origin", "at", "temp"]
    assert built.to_batches().read_all().num_rows == 0


@pytest.mark.parametrize("known", ["now", "then", T + 300 * HOUR], ids=["now", "then", "at"])
def test_a_hot_key(case: Case, known: str | datetime) -> None:
    world, engine, connection = case
    moments = [T + n * HOUR / 3 - HOUR for n in range(600)]
    keys = [7 if n % 5 else n % 4 for n in range(600)]
    spine = pa.table({"b": pa.array(keys, pa.int64()), "at": instants(*moments)})
    check(connection, engine, spine, [world.history(HOT, "level")], ["hot.level"], known)


def test_a_spine_of_any_kind(case: Case, tmp_path: Path) -> None:
    _, engine, connection = case
    table = weather_spine()
    features = ["weather.temp", "weather.gusts"]
    wanted = build(connection, spine=table, features=features, timestamp="at", engine="postgres")
    path, folder = tmp_path / "spine.parquet", tmp_path / "spines"
    folder.mkdir()
    pq.write_table(table, path)
    pq.write_table(table.slice(0, 7), folder / "a.parquet")
    pq.write_table(table.slice(7), folder / "b.parquet")
    connection.execute("CREATE TEMPORARY TABLE labels (n bigint, origin char(9), at timestamptz)")
    for row in table.to_pylist():
        connection.execute("INSERT INTO labels VALUES (%(n)s, %(origin)s, %(at)s)", row)
    spines: list[Any] = [
        "SELECT n, origin::text, at FROM labels ORDER BY n",
        table,
        table.to_pandas(),
        pl.from_arrow(table),
    ]
    spines += [path, str(path), folder, [folder / "a.parquet", folder / "b.parquet"], str(folder / "*.parquet")]
    for spine in spines if engine != "spark" else spines[::4]:
        built = build(connection, spine=spine, features=features, timestamp="at", engine=engine)
        assert plain(built.to_arrow().to_pylist()) == plain(wanted.to_arrow().to_pylist()), spine
    padded = build(
        connection, spine="SELECT * FROM labels ORDER BY n", features=features, timestamp="at", engine=engine
    )
    assert padded.column_hashes[3:] == wanted.column_hashes[3:]
    assert padded.to_arrow()["origin"][0].as_py() == "JFK      "


def test_times_of_zones(case: Case) -> None:
    _, engine, connection = case
    connection.execute("SET timezone = 'Asia/Tokyo'")
    frame = pd.DataFrame({"origin": ["JFK", "JFK"], "at": [datetime(2013, 7, 1, 7, 59), datetime(2013, 7, 1, 6, 59)]})
    built = build(
        connection, spine=frame, features=["weather.temp"], timestamp="at", timezone="America/New_York", engine=engine
    ).to_arrow()
    assert built["at"].to_pylist() == [T - timedelta(minutes=1), T - timedelta(minutes=61)]
    assert built["temp"].to_pylist() == [40.5, 38.5]


def test_moments_beyond_python(case: Case) -> None:
    _, engine, connection = case
    connection.execute(
        "INSERT INTO fsdb_history.hot (b, level, event_time) VALUES (90, 1, '4000-01-01 BC'), (91, 2, '250000-01-01')"
    )
    spine = """SELECT b::bigint, at FROM (VALUES (90, '4001-12-31 23:59:59.999999 BC'::timestamptz), (90, '4000-01-01 BC'), (90, '1900-01-01'),
        (91, '249999-12-31 23:59:59.999999'), (91, '250000-01-01')) AS f (b, at)"""
    built = build(connection, spine=spine, features=["hot.level"], timestamp="at", engine=engine)
    assert built.to_arrow()["level"].to_pylist() == [None, 1, 1, None, 2]
    again = build(
        connection, spine=built.to_arrow().select(["b", "at"]), features=["hot.level"], timestamp="at", engine=engine
    )
    assert again.content_hash == built.content_hash


def test_own_uncommitted_rows_count(case: Case) -> None:
    _, engine, connection = case
    spine = pa.table({"origin": ["SFO", "JFK"], "at": instants(T, T)})

    def temps() -> list[float | None]:
        built = build(connection, spine=spine, features=["weather.temp"], timestamp="at", engine=engine)
        return built.to_arrow()["temp"].to_pylist()

    with connection.transaction(force_rollback=True):
        connection.execute(
            "INSERT INTO fsdb_history.weather (origin, temp, event_time) VALUES ('SFO', 1, %s), ('JFK', 2, %s)", [T, T]
        )
        assert temps() == [1.0, 2.0]
    assert temps() == [None, 40.5]


def test_a_saved_set_comes_out_hash_for_hash_on_every_engine(case: Case) -> None:
    world, engine, connection = case
    features = ["weather.temp", "weather.gusts", "nothing.vector"]
    before = build(connection, spine=weather_spine(), features=features, timestamp="at", engine=engine, known="then")
    save(connection, before, "kept")
    with world.database.connect() as other:
        other.execute(
            "INSERT INTO fsdb_history.weather (origin, temp, event_time, recorded_at) VALUES ('JFK', -1, %s, %s), ('LGA', -1, %s, %s)",
            [T - TICK, T - TICK, T - TICK, T - TICK],
        )
        last = other.execute("SELECT max(version_id) FROM fsdb_history.weather").fetchone()
    assert last is not None
    try:
        for one in ("postgres", "duckdb"):
            assert verify(connection, load(connection, "kept").saved, one) == before.content_hash
        assert rebuild(connection, load(connection, "kept").saved, engine).late_values == before.late_values
        now = build(connection, spine=weather_spine(), features=features, timestamp="at", engine=engine, known="then")
        assert now.content_hash != before.content_hash
    finally:
        with world.database.connect() as other:
            other.execute("DELETE FROM fsdb_history.weather WHERE version_id > %s", [last[0] - 2])


KEYED = {
    "smallint": (pa.int16(), [-5, 32767]),
    "integer": (pa.int64(), [-5, 2**31 - 1]),
    "bigint": (pa.int32(), [-5, 2**31 - 1]),
    "text": (pa.string(), ["", "ü"]),
    "character varying(5)": (pa.string(), ["ab", "abcde"]),
    "date": (pa.date32(), [datetime(1582, 10, 10).date(), datetime(2020, 1, 1).date()]),
    "boolean": (pa.bool_(), [True, False]),
    "timestamp with time zone": (pa.timestamp("us", "UTC"), [OLD, T]),
}


@pytest.mark.parametrize("state", ["never", "synced", "partly"])
def test_keys_of_each_type(database: TestDatabase, connection: psycopg.Connection, state: str) -> None:
    """One set for each type, whose key is also read from a query, where uuid is possible too."""
    uuids = ["00000000-0000-0000-0000-00000000000a", "ffffffff-ffff-ffff-ffff-ffffffffffff"]
    names = {kind: f"keyed_{n}" for n, kind in enumerate([*KEYED, "uuid"])}
    values = {kind: of for kind, (_, of) in KEYED.items()} | {"uuid": uuids}
    sets = []
    for kind, name in names.items():
        registered = made_set(connection, FeatureSet(name, {f"k_{name}": kind}, [Feature(f"x_{name}", "integer")]))
        sets.append((registered, [Version(n, (key,), {f"x_{name}": n}, T, T) for n, key in enumerate(values[kind], 1)]))
    fill(database, connection, sets, state)
    references = [f"{name}.x_{name}" for name in names.values()]
    connection.execute(
        "CREATE TABLE labels (n int, at timestamptz, "
        + ", ".join(f"k_{name} {kind}" for kind, name in names.items())
        + ")"
    )
    for n in range(2):
        row = [n, T, *(values[kind][n] for kind in names)]
        connection.execute(f"INSERT INTO labels VALUES ({', '.join(['%s'] * len(row))})", row)  # noqa: S608
    for spine in ("SELECT * FROM labels ORDER BY n", "SELECT * FROM labels ORDER BY n DESC"):
        wanted = build(connection, spine=spine, features=references, timestamp="at", engine="postgres")
        built = build(connection, spine=spine, features=references, timestamp="at", engine="duckdb")
        assert built.to_arrow().to_pylist() == wanted.to_arrow().to_pylist()
        order = [1, 2] if spine.endswith("n") else [2, 1]
        for kind, name in names.items():
            assert built.to_arrow()[f"x_{name}"].to_pylist() == order, kind


def test_parquet_spines_that_cannot_be_taken(case: Case, tmp_path: Path) -> None:
    _, engine, connection = case
    asked: dict[str, Any] = {"features": ["weather.temp"], "timestamp": "at", "engine": engine}
    pq.write_table(weather_spine(), tmp_path / "a.parquet")
    pq.write_table(weather_spine().drop_columns(["n"]), tmp_path / "b.parquet")
    (tmp_path / "c.parquet").write_bytes(b"PAR1")
    for spine, words in (
        (tmp_path / "d.parquet", "there are none"),
        ([tmp_path / "a.parquet", tmp_path / "b.parquet"], "different columns"),
        (tmp_path / "c.parquet", "cannot be read"),
    ):
        with pytest.raises(InvalidData, match=words):
            build(connection, spine=spine, **asked)
