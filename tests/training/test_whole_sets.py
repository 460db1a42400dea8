""" "set.*" and a set's name choose all of its features, wherever features are chosen."""

import psycopg
import pytest

from fsdb import history
from fsdb.catalog.feature_sets import get_set
from fsdb.definitions import Feature, FeatureSet, TrainingView
from fsdb.errors import InvalidDefinition, UnknownName
from fsdb.migrate.plan import Plan, apply, plan
from fsdb.training import build, load, save, verify
from fsdb.vectors import feature_vector, feature_vectors

SPINE = "SELECT 1 AS k, now() AS at"


def defined(*features: str, name: str = "weather") -> FeatureSet:
    return FeatureSet(name, {"k": "integer"}, [Feature(feature, "integer") for feature in features])


@pytest.fixture
def weather(connection: psycopg.Connection) -> psycopg.Connection:
    with connection.transaction():
        history.create(connection, defined("b", "a"))
        history.create(connection, defined("c", name="other"))
    connection.execute("INSERT INTO weather (k, b, a) VALUES (1, 2, 3)")
    return connection


def applied(connection: psycopg.Connection, definitions: list[FeatureSet | TrainingView]) -> Plan:
    planned = plan(connection, definitions)
    with connection.transaction():
        apply(connection, planned)
    return planned


@pytest.mark.parametrize(
    ("features", "names"),
    [
        ("weather.*", ["b", "a"]),
        ("weather", ["b", "a"]),
        (["weather.*"], ["b", "a"]),
        (("other", "weather"), ["c", "b", "a"]),
        (["weather.a", "other.*"], ["a", "c"]),
        ("weather.a", ["a"]),
    ],
)
def test_every_way_to_choose(weather: psycopg.Connection, features: str | list[str], names: list[str]) -> None:
    built = build(weather, spine=SPINE, features=features, timestamp="at")
    assert built.to_arrow().column_names == ["k", "at", *names]
    assert list(feature_vector(weather, features, {"k": 1})) == [*names, "found"]
    assert feature_vectors(weather, features, [{"k": 1}]).column_names == [*names, "found"]
    assert build(weather, features="weather").to_arrow()["a"].to_pylist() == [3]


@pytest.mark.parametrize("features", ["none.*", "weather.", "*", "", ".*", "weather.*.*", "weather.x"])
def test_what_is_neither(weather: psycopg.Connection, features: str) -> None:
    for call in (
        lambda: build(weather, spine=SPINE, features=features, timestamp="at"),
        lambda: feature_vector(weather, features, {"k": 1}),
    ):
        with pytest.raises((UnknownName, InvalidDefinition)):
            call()
    with pytest.raises(InvalidDefinition, match=r"weather\.a is chosen twice"):
        feature_vector(weather, ["weather", "weather.a"], {"k": 1})
    with pytest.raises(InvalidDefinition, match="stands for all features"):
        FeatureSet("t", {"k": "integer"}, [Feature("*", "integer")], tracks="t")


def test_a_vector_has_the_features_of_now(weather: psycopg.Connection) -> None:
    assert list(feature_vector(weather, "weather", {"k": 1})) == ["b", "a", "found"]
    with weather.transaction():
        history.add_feature(weather, get_set(weather, "weather"), Feature("z", "integer"))
    assert list(feature_vector(weather, "weather", {"k": 1})) == ["b", "a", "z", "found"]


def test_a_training_view_keeps_what_it_stands_for(weather: psycopg.Connection) -> None:
    view = TrainingView("delays", SPINE, "at", "weather.*")
    assert len(applied(weather, [defined("b", "a"), view]).changes) == 1
    assert not plan(weather, [defined("b", "a"), view])
    save(weather, build(weather, "delays"), "kept")
    wider = [defined("z", "b", "a"), view]
    assert [type(change).__name__ for change in plan(weather, wider).changes] == ["AddFeature", "AlterTrainingView"]
    applied(weather, wider)
    assert not plan(weather, wider)
    assert build(weather, "delays").to_arrow().column_names == ["k", "at", "b", "a", "z"]
    assert weather.execute("SELECT b, a, z FROM delays_training").fetchall() == [(2, 3, None)]
    assert verify(weather, load(weather, "kept").saved)


def test_a_feature_is_meant_where_a_set_has_the_same_name(weather: psycopg.Connection) -> None:
    weather.execute("CREATE SCHEMA weather")
    with weather.transaction():
        history.create(weather, defined("n", name="weather.a"))
    frame = build(weather, spine=SPINE, features=["weather.a", "weather.a.*"], timestamp="at").to_pandas()
    assert frame.columns.tolist() == ["k", "at", "a", "n"]
