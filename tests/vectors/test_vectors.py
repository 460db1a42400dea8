"""Vectors of handmade cases: what comes out, what is refused, and that nothing stale is served."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import psycopg
import pytest

import fsdb
from fsdb.catalog import feature_sets as catalog
from fsdb.definitions import Feature, FeatureSet
from fsdb.errors import InvalidData, InvalidDefinition, UnknownName
from fsdb.vectors import feature_vector, feature_vectors
from tests.conftest import TestDatabase
from tests.oracle import Version
from tests.training.made import made_set, put

NOW = datetime.now(UTC)
WEATHER = FeatureSet(
    "weather",
    {"origin": "text"},
    [Feature("temp", "double precision"), Feature("gusts", "integer", default=0)],
    max_age="6 hours",
)
CARRIER = FeatureSet(
    "shop.carrier", {"carrier": "text", "origin": "varchar(3)"}, [Feature("delay", "real"), Feature("temp", "numeric")]
)


@pytest.fixture
def weather(connection: psycopg.Connection) -> psycopg.Connection:
    """A database with a set of one key and one of two; JFK is fresh, LGA aged, EWR deleted, ORD ahead of its time."""
    registered = made_set(connection, WEATHER)
    put(
        connection,
        registered,
        [
            Version(1, ("JFK",), {"temp": 39.5, "gusts": None}, NOW - timedelta(hours=1), NOW),
            Version(2, ("LGA",), {"temp": 41.0, "gusts": 3}, NOW - timedelta(hours=7), NOW),
            Version(3, ("EWR",), {"temp": 42.0, "gusts": 3}, NOW - timedelta(hours=2), NOW),
            Version(4, ("EWR",), {}, NOW - timedelta(hours=1), NOW, deleted=True),
            Version(5, ("ORD",), {"temp": 43.0, "gusts": 3}, NOW + timedelta(hours=1), NOW),
        ],
    )
    registered = made_set(connection, CARRIER)
    put(connection, registered, [Version(1, ("AA", "JFK"), {"delay": 1.5}, NOW - timedelta(days=400), NOW)])
    return connection


def test_values_max_age_defaults_and_found(weather: psycopg.Connection) -> None:
    features = ["weather.temp", "weather.gusts"]
    vectors = {key: feature_vector(weather, features, {"origin": key}) for key in ("JFK", "LGA", "EWR", "ORD", "XXX")}
    assert vectors == {
        "JFK": {"temp": 39.5, "gusts": 0, "found": True},
        "LGA": {"temp": None, "gusts": 0, "found": True},
        "EWR": {"temp": None, "gusts": 0, "found": False},
        "ORD": {"temp": None, "gusts": 0, "found": False},
        "XXX": {"temp": None, "gusts": 0, "found": False},
    }


def test_a_row_dated_ahead_counts_from_its_moment_on(weather: psycopg.Connection) -> None:
    registered = catalog.get_set(weather, "weather")
    soon = datetime.now(UTC) + timedelta(milliseconds=300)
    put(weather, registered, [Version(6, ("SFO",), {"temp": 1.0}, soon, NOW)])
    assert feature_vector(weather, ["weather.temp"], {"origin": "SFO"}) == {"temp": None, "found": False}
    weather.execute("SELECT pg_sleep_until(%s)", [soon])
    assert feature_vector(weather, ["weather.temp"], {"origin": "SFO"}) == {"temp": 1.0, "found": True}


def test_several_sets_share_keys_and_shared_names_are_told_apart(weather: psycopg.Connection) -> None:
    features = ["shop.carrier.temp", "weather.temp", "shop.carrier.delay"]
    vector = feature_vector(weather, features, {"origin": "JFK", "carrier": "AA"})
    assert vector == {"shop__carrier__temp": None, "weather__temp": 39.5, "delay": 1.5, "found": True}
    assert list(vector) == ["shop__carrier__temp", "weather__temp", "delay", "found"]


def test_many_keep_order_and_duplicates(weather: psycopg.Connection) -> None:
    keys = [{"origin": key} for key in ("LGA", "JFK", "XXX", "JFK", "O'\\{,\"")]
    table = feature_vectors(weather, ["weather.temp", "weather.gusts"], keys)
    assert table.to_pydict() == {
        "temp": [None, 39.5, None, 39.5, None],
        "gusts": [0] * 5,
        "found": [True, True, False, True, False],
    }
    assert feature_vectors(weather, ["weather.temp"], []).to_pydict() == {"temp": [], "found": []}


def test_many_are_the_same_as_one_by_one(weather: psycopg.Connection) -> None:
    features = ["weather.temp", "shop.carrier.delay", "shop.carrier.temp"]
    keys = [{"origin": o, "carrier": c} for o in ("JFK", "LGA") for c in ("AA", "UA")]
    assert feature_vectors(weather, features, keys).to_pylist() == [feature_vector(weather, features, k) for k in keys]


@pytest.mark.parametrize(
    ("features", "keys", "error", "words"),
    [
        (["weather.temp"], {}, InvalidData, "'origin' of weather is missing"),
        (["weather.temp"], {"origin": None}, InvalidData, "has no value"),
        (["weather.temp"], {"origin": 5}, InvalidData, "takes a text; 5 is of type int"),
        (["weather.temp"], {"origin": "a\0b"}, InvalidData, "takes a text"),
        (["weather.temp"], {"origin": "JFK", "tail": 1}, UnknownName, "'tail' is not a key"),
        (["weather.tmp"], {"origin": "JFK"}, UnknownName, "Did you mean temp"),
        (["wether.temp"], {"origin": "JFK"}, UnknownName, "There is no feature 'wether.temp'"),
        (["weather.temp", "weather.temp"], {"origin": "JFK"}, InvalidDefinition, "chosen twice"),
        ([], {"origin": "JFK"}, InvalidDefinition, "No features were chosen"),
    ],
)
def test_bad_input(
    weather: psycopg.Connection, features: list[str], keys: dict[str, object], error: type[Exception], words: str
) -> None:
    for ask in (lambda: feature_vector(weather, features, keys), lambda: feature_vectors(weather, features, [keys])):
        with pytest.raises(error, match=words):
            ask()
    with weather.transaction():
        with pytest.raises(error, match=words):
            feature_vector(weather, features, keys)
        assert feature_vector(weather, ["weather.temp"], {"origin": "JFK"})["temp"] == 39.5


def test_keys_of_each_type(connection: psycopg.Connection) -> None:
    keys = {"a": "smallint", "b": "bigint", "c": "uuid", "d": "date", "e": "boolean", "f": "timestamptz"}
    registered = made_set(connection, FeatureSet("typed", keys, [Feature("x", "integer")]))
    unique = UUID("12345678123456781234567812345678")
    key = (7, 2**62, unique, NOW.date(), True, NOW)
    put(connection, registered, [Version(1, key, {"x": 1}, NOW, NOW)])
    good = dict(zip(keys, key, strict=True))
    assert feature_vector(connection, ["typed.x"], good) == {"x": 1, "found": True}
    assert feature_vector(connection, ["typed.x"], {**good, "c": str(unique)})["found"]
    assert not feature_vector(connection, ["typed.x"], {**good, "a": 70000})["found"]
    assert feature_vectors(connection, ["typed.x"], [good, {**good, "e": False}]).to_pydict() == {
        "x": [1, None],
        "found": [True, False],
    }
    for name, bad in {"a": True, "b": 2**63, "c": "no", "d": NOW, "e": 1, "f": NOW.replace(tzinfo=None)}.items():
        with pytest.raises(InvalidData, match=f"'{name}' of typed takes"):
            feature_vector(connection, ["typed.x"], {**good, name: bad})


def test_changed_definitions_are_never_served_stale(database: TestDatabase, weather: psycopg.Connection) -> None:
    asked = (["weather.temp", "weather.gusts"], {"origin": "LGA"})
    with database.connect() as other:
        assert feature_vector(other, *asked) == {"temp": None, "gusts": 0, "found": True}
        weather.execute("UPDATE fsdb.feature_sets SET max_age = '8 hours' WHERE name = 'weather'")
        assert feature_vector(other, *asked) == {"temp": 41.0, "gusts": 3, "found": True}
        weather.execute("UPDATE fsdb.features SET default_value = '9' WHERE name = 'gusts'")
        assert feature_vector(other, asked[0], {"origin": "JFK"})["gusts"] == 9
        assert feature_vectors(other, asked[0], [{"origin": "JFK"}])["gusts"].to_pylist() == [9]


def test_a_set_that_is_defined_again_with_other_types_is_read_at_once(database: TestDatabase) -> None:
    """By a store that kept a statement of the former set, in a transaction and outside of one, and by a new one."""
    kinds = [("integer", 5), ("date", date(2024, 5, 6)), ("text", "soon"), ("integer[]", [1, 2]), ("integer", 7)]
    asked = (["stock.arrival"], {"sku": "a"})
    with fsdb.connect(database.url) as store, database.connect() as connection:
        for kind, value in kinds:
            store.apply([FeatureSet("stock", {"sku": "text"}, [Feature("arrival", kind)])])
            connection.execute("INSERT INTO stock (sku, arrival) VALUES ('a', %s)", [value])
            wanted = {"arrival": value, "found": True}
            with fsdb.connect(database.url) as another:
                for one in (store, store, another):
                    assert one.feature_vector(*asked) == wanted
                    assert one.feature_vectors(asked[0], [asked[1]])["arrival"].to_pylist() == [value]
            with store.transaction():
                assert store.feature_vector(*asked) == wanted
            store.apply([], prune=True, allow_destructive=True)
            with pytest.raises(UnknownName):
                store.feature_vector(*asked)


def test_a_rolled_back_change_leaves_no_trace(weather: psycopg.Connection) -> None:
    asked = (["weather.temp"], {"origin": "LGA"})
    for age in ("8 hours", "5 hours", "9 hours"):
        with weather.transaction(force_rollback=True):
            weather.execute("UPDATE fsdb.feature_sets SET max_age = %s::interval", [age])
            assert feature_vector(weather, *asked)["temp"] == (None if age == "5 hours" else 41.0)
        assert feature_vector(weather, *asked)["temp"] is None


def test_a_dropped_feature_is_gone_at_once(database: TestDatabase, weather: psycopg.Connection) -> None:
    asked = (["weather.temp", "weather.gusts"], {"origin": "JFK"})
    with database.connect() as other:
        assert feature_vector(other, *asked)["found"]
        feature = catalog.get_set(weather, "weather").feature("gusts")
        with weather.transaction():
            weather.execute("ALTER TABLE fsdb_history.weather RENAME gusts TO gusts__d1")
            catalog.drop_feature(weather, feature.feature_id, "gusts__d1")
        with pytest.raises(UnknownName, match="no feature 'gusts'"):
            feature_vector(other, *asked)
        with other.transaction():
            with pytest.raises(UnknownName, match="no feature 'gusts'"):
                feature_vector(other, *asked)
            assert feature_vector(other, ["weather.temp"], {"origin": "JFK"})["temp"] == 39.5


def test_inside_a_transaction_its_own_changes_are_seen(weather: psycopg.Connection) -> None:
    registered = catalog.get_set(weather, "weather")
    with weather.transaction(force_rollback=True):
        put(weather, registered, [Version(9, ("JFK",), {"temp": 0.5}, datetime.now(UTC), NOW)])
        assert feature_vector(weather, ["weather.temp"], {"origin": "JFK"})["temp"] == 0.5
        assert feature_vectors(weather, ["weather.temp"], [{"origin": "JFK"}])["temp"].to_pylist() == [0.5]
    assert feature_vector(weather, ["weather.temp"], {"origin": "JFK"})["temp"] == 39.5
