"""Saved training sets: built again hash for hash, whatever was written or defined since."""

import threading
from datetime import UTC, datetime, timedelta

import psycopg
import pyarrow as pa
import pytest

from fsdb.catalog import feature_sets as catalog
from fsdb.catalog import training as training_catalog
from fsdb.db import Database
from fsdb.definitions import Feature, FeatureSet
from fsdb.errors import ChangeRefused, FsdbError, InvalidDefinition, NotReproducible, UnknownName
from fsdb.training import TrainingSet, build, delete, load, rebuild, save, verify
from tests.conftest import TestDatabase
from tests.oracle import Version
from tests.training.made import made_set, put

T = datetime(2013, 7, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
FEATURES = ["weather.temp", "weather.gusts"]


@pytest.fixture
def weather(connection: psycopg.Connection) -> psycopg.Connection:
    """Weather at two airports."""
    features = [Feature("temp", "real"), Feature("gusts", "smallint", default=7)]
    registered = made_set(connection, FeatureSet("weather", {"origin": "text"}, features, max_age="6 hours"))
    put(
        connection,
        registered,
        [
            Version(1, ("JFK",), {"temp": 39.1, "gusts": None}, T - 2 * HOUR, T),
            Version(2, ("JFK",), {"temp": 40.1, "gusts": 3}, T - HOUR, T),
            Version(3, ("LGA",), {"temp": None, "gusts": None}, T - HOUR, T),
        ],
    )
    return connection


def spine() -> pa.Table:
    """Rows with text that CSV finds hard, and times and numbers of several types."""
    return pa.table(
        {
            "origin": ["LGA", "JFK", "JFK", None],
            "at": [T, T, T - HOUR * 2, T],
            "note": ["", None, 'a"b,\n', "NULL"],
            "vector": [[1.5, None], [], None, [float("nan")]],
        }
    )


def built(connection: psycopg.Connection, known: str | datetime = "now") -> TrainingSet:
    return build(connection, spine=spine(), features=FEATURES, timestamp="at", known=known)


def add(connection: psycopg.Connection, origin: str, temp: float | None, at: datetime, deleted: bool = False) -> None:
    connection.execute(
        "INSERT INTO fsdb_history.weather (origin, temp, event_time, deleted) VALUES (%s, %s, %s, %s)",
        [origin, temp, at, deleted],
    )


def rows(table: pa.Table) -> str:
    """The rows as text, in which a NaN equals another."""
    return repr(
        (table.schema.names, table.schema.types, [c.combine_chunks().to_string(window=100) for c in table.columns])
    )


def holds(connection: psycopg.Connection, name: str, wanted: TrainingSet) -> bool:
    saved = load(connection, name).saved
    assert rows(rebuild(connection, saved).to_arrow()) == rows(wanted.to_arrow())
    return verify(connection, saved) == wanted.content_hash


@pytest.mark.parametrize("known", ["now", "then", T + HOUR])
def test_built_again_after_new_late_and_deleted_values(weather: psycopg.Connection, known: str | datetime) -> None:
    before = built(weather, known)
    saved = save(weather, before, "delays")
    assert (saved.content_hash, saved.row_count, before.name) == (before.content_hash, 4, "delays")
    for origin, temp, at, deleted in (
        ("JFK", 1.0, T + HOUR, False),
        ("JFK", 2.0, T - HOUR, False),
        ("LGA", None, T, True),
        ("JFK", None, T - 3 * HOUR, True),
    ):
        add(weather, origin, temp, at, deleted)
        assert holds(weather, "delays", before)
        assert (
            built(weather, "delays").content_hash == before.content_hash
        )  # known= that set: what it saw, by its own known
    if known == "now":
        assert built(weather).content_hash != before.content_hash


def test_saving_later_than_building_keeps_what_was_built(weather: psycopg.Connection) -> None:
    before = built(weather)
    add(weather, "JFK", 1.0, T)
    save(weather, before, "delays")
    assert holds(weather, "delays", before)


def test_a_transaction_that_was_open_stays_out(database: TestDatabase, weather: psycopg.Connection) -> None:
    with database.connect() as early, database.connect() as late, database.connect() as latest:
        early.execute("BEGIN")
        add(early, "LGA", 5.0, T)  # draws its version_id before the set is built, commits after
        late.execute("BEGIN")
        late.execute("SELECT pg_current_xact_id()")
        add(weather, "LGA", 6.0, T - timedelta(minutes=1))  # a later version_id, visible
        latest.execute("BEGIN")
        add(latest, "LGA", 8.0, T)  # newer than every xid that the snapshot lists
        before = built(weather)
        save(weather, before, "delays")
        add(late, "LGA", 7.0, T)
        latest.execute("COMMIT")
        early.execute("COMMIT")
        late.execute("COMMIT")
    assert before.to_arrow()["temp"].to_pylist()[0] == 6.0
    assert holds(weather, "delays", before)
    assert built(weather).to_arrow()["temp"].to_pylist()[0] == 7.0


def test_of_a_transaction_only_what_it_had_written_when_it_built(weather: psycopg.Connection) -> None:
    with weather.transaction():
        add(weather, "LGA", 5.0, T)
        before = built(weather)
        save(weather, before, "delays")
        add(weather, "LGA", 6.0, T)
        assert holds(weather, "delays", before)
    assert before.to_arrow()["temp"].to_pylist()[0] == 5.0
    assert holds(weather, "delays", before)


def test_spine_and_history_are_read_at_one_snapshot(database: TestDatabase, weather: psycopg.Connection) -> None:
    query = """SELECT 'JFK' AS origin, now() AS at, (SELECT max(version_id) FROM fsdb_history.weather) AS newest
               FROM pg_sleep(0.6)"""
    writer = threading.Thread(target=_write_soon, args=(database,))
    writer.start()
    before = build(weather, spine=query, features=["weather.temp"], timestamp="at")
    writer.join()
    assert before.to_arrow().to_pylist()[0]["newest"] == 3
    assert before.to_arrow()["temp"].to_pylist() == [None]  # 40.1 is too old; what came meanwhile does not count
    assert build(weather, spine=query, features=["weather.temp"], timestamp="at").to_arrow()["temp"].to_pylist() == [
        8.0
    ]


def _write_soon(database: TestDatabase) -> None:
    with database.connect() as connection:
        connection.execute("SELECT pg_sleep(0.2)")
        add(connection, "JFK", 8.0, datetime.now(UTC) - timedelta(seconds=10))


def test_built_again_after_definitions_changed(weather: psycopg.Connection) -> None:
    before = built(weather)
    save(weather, before, "delays")
    gusts = catalog.get_set(weather, "weather").feature("gusts")
    weather.execute("UPDATE fsdb.feature_sets SET max_age = '1 minute'")
    weather.execute("UPDATE fsdb.features SET default_value = '9'")
    assert holds(weather, "delays", before)
    weather.execute("ALTER TABLE fsdb_history.weather ALTER gusts TYPE bigint, ALTER temp TYPE double precision")
    weather.execute("UPDATE fsdb.features SET type = CASE name WHEN 'temp' THEN 'double precision' ELSE 'bigint' END")
    assert holds(weather, "delays", before)
    with weather.transaction():
        weather.execute("ALTER TABLE fsdb_history.weather RENAME gusts TO gusts__d1")
        catalog.drop_feature(weather, gusts.feature_id, "gusts__d1")
    assert holds(weather, "delays", before)


def test_known_by_name_is_what_that_set_saw(weather: psycopg.Connection) -> None:
    before = built(weather)
    save(weather, before, "delays")
    made_set(weather, FeatureSet("newer", {"origin": "text"}, [Feature("x", "integer")]))
    weather.execute("INSERT INTO fsdb_history.newer (origin, x, event_time) VALUES ('LGA', 1, %s)", [T])
    add(weather, "LGA", 5.0, T)
    again = build(weather, spine=spine(), features=[*FEATURES, "newer.x"], timestamp="at", known="delays").to_arrow()
    assert rows(again.drop_columns(["x"])) == rows(before.to_arrow())
    assert again["x"].null_count == 4
    assert built(weather).to_arrow()["temp"].to_pylist()[0] == 5.0


def test_a_set_of_a_query_with_every_spine_type(weather: psycopg.Connection) -> None:
    query = """SELECT 'JFK'::char(5) AS origin, now() AS at, 1::smallint a, 2.50::numeric(10,2) b, 1e-20::numeric c, 'x'::name d,
        '{1,2}'::int[] e, '1 day 02:03'::interval f, '\\x00ff'::bytea g, '{"a": 1}'::jsonb h, '10.0.0.1'::inet i, 'NaN'::real j,
        true k, '0044-03-15 BC'::date l, '2013-01-01 12:00:00.123456'::timestamp m, NULL::text n, '{}'::float8[] o, '{1.1,NULL}'::float4[] p,
        '9999-12-31'::date q, '-0'::float8 r, 0.1::float4 s, '12:30'::time t, gen_random_uuid() u"""
    before = build(weather, spine=query, features=FEATURES, timestamp="at")
    assert "-0043" not in repr(before)  # Python has no such date; what it is shown as does not matter, that it is does
    save(weather, before, "delays")
    assert holds(weather, "delays", before)
    kinds = "SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'fsdb_training.delays'::regclass AND attnum > 0 ORDER BY attnum"
    assert [kind for (kind,) in weather.execute(kinds)] == [
        "bigint",
        *(c.type for c in before.description.spine.columns),
    ]


def test_what_is_kept_can_be_read(weather: psycopg.Connection) -> None:
    save(weather, built(weather), "delays")
    saved = load(weather, "delays").saved
    assert [(c.name, c.type, c.feature_id is None, c.default_value) for c in saved.columns] == [
        ("origin", "text", True, None),
        ("at", "timestamp with time zone", True, None),
        ("note", "text", True, None),
        ("vector", "double precision[]", True, None),
        ("temp", "real", False, None),
        ("gusts", "smallint", False, "7"),
    ]
    assert (saved.max_ages, saved.known, saved.engine) == ({"weather": 6 * HOUR}, "now", "postgres")


def test_a_change_past_fsdb_is_told(weather: psycopg.Connection) -> None:
    save(weather, built(weather), "delays")
    weather.execute("UPDATE fsdb_history.weather SET temp = 0 WHERE version_id = 2")
    with pytest.raises(NotReproducible, match="other values in temp"):
        verify(weather, load(weather, "delays").saved)
    weather.execute("DELETE FROM fsdb_training.delays WHERE origin = 'LGA'")
    with pytest.raises(NotReproducible, match="it had 4 rows, now there are 3"):
        verify(weather, load(weather, "delays").saved)


def test_names(weather: psycopg.Connection) -> None:
    save(weather, built(weather), "delays")
    with weather.transaction():
        with pytest.raises(ChangeRefused, match="'delays' is saved already"):
            save(weather, built(weather), "delays")
        with pytest.raises(InvalidDefinition, match="cannot name"):
            save(weather, built(weather), 'a"; DROP')
        with pytest.raises(InvalidDefinition, match="means something else"):
            save(weather, built(weather), "then")
        with pytest.raises(UnknownName, match="Did you mean delays"):
            load(weather, "delay")
        assert verify(weather, load(weather, "delays").saved)
    delete(weather, "delays")
    assert training_catalog.saved_names(weather) == []
    assert weather.execute("SELECT to_regclass('fsdb_training.delays')").fetchone() == (None,)


def test_through_a_database(database: TestDatabase, weather: psycopg.Connection) -> None:
    pool = Database(database.url)
    pool.open()
    with pool.transaction() as connection:
        before = build(connection, spine=spine(), features=FEATURES, timestamp="at", database=pool)
    saved = before.save("delays")
    assert (saved.verify(), saved.rebuild().content_hash) == (before.content_hash, before.content_hash)
    with pool.transaction() as connection:
        again = load(connection, "delays", pool)
    assert (again.content_hash, again.row_count, again.name) == (before.content_hash, 4, "delays")
    assert again.created_at == saved.created_at
    assert "delays" in repr(again)
    assert before.content_hash in again._repr_html_()
    pool.close()
    with pytest.raises(FsdbError, match="bare connection"):
        built(weather).save("other")
    with pytest.raises(FsdbError, match="bare connection"):
        load(weather, "delays").verify()


def test_a_rolled_back_save_leaves_nothing(weather: psycopg.Connection) -> None:
    with weather.transaction(force_rollback=True):
        save(weather, built(weather), "delays")
    assert weather.execute("SELECT to_regclass('fsdb_training.delays')").fetchone() == (None,)
    save(weather, built(weather), "delays")
