"""Plans applied to a real database: what was planned is there afterwards, and every change can be undone."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fsdb import history
from fsdb.catalog.feature_sets import get_set
from fsdb.definitions import Feature, FeatureSet, TrainingView
from fsdb.errors import ChangeRefused, InvalidDefinition
from fsdb.migrate import changes
from fsdb.migrate.diff import Definition, diff
from fsdb.migrate.perform import perform
from fsdb.migrate.plan import apply as apply_plan
from fsdb.migrate.plan import plan as make_plan
from fsdb.migrate.reading import read
from tests.conftest import TestDatabase
from tests.migrate.snapshot import difference, schema

WEATHER = FeatureSet(
    "airport_weather",
    {"origin": "text"},
    [Feature("temp", "double precision", "°F", ["weather"], default=0.5), Feature("wind", "integer")],
    max_age="6 hours",
    description="Observations",
)
PLANES = FeatureSet("shop.planes", {"tailnum": "text", "part": "bigint"}, [Feature("seats", "smallint")])
ORDERS = FeatureSet("order_state", {"id": "bigint"}, [Feature("total", "numeric(10,2)")], tracks="orders")
DELAYS = TrainingView(
    "delays",
    "SELECT 'JFK'::text AS origin, now() AS at, true AS late",
    "at",
    ("airport_weather.temp", "airport_weather.wind"),
    label="late",
)


def apply(connection: psycopg.Connection, *definitions: Definition, prune: bool = False) -> None:
    with connection.transaction():
        apply_plan(connection, make_plan(connection, definitions, prune), allow_destructive=True)


@pytest.fixture
def orders(connection: psycopg.Connection) -> psycopg.Connection:
    """A connection to a database with an application's table and a schema of its own."""
    connection.execute("CREATE SCHEMA shop")
    connection.execute("CREATE TABLE orders (id bigint PRIMARY KEY, total numeric(10,2), note text)")
    connection.execute("INSERT INTO orders VALUES (1, 9.99, 'first'), (2, NULL, 'second')")
    return connection


def test_what_was_planned_is_there(orders: psycopg.Connection) -> None:
    everything = [WEATHER, PLANES, ORDERS, DELAYS]
    plan = make_plan(orders, everything)
    assert [type(change).__name__ for change in plan.changes] == [
        "CreateFeatureSet",
        "CreateFeatureSet",
        "TrackTable",
        "CreateTrainingView",
    ]
    assert not plan.obstacles
    assert not plan.destructive
    apply(orders, *everything)
    again = make_plan(orders, everything, prune=True)
    assert not again
    assert str(again) == "Nothing to change: the database is as defined."
    assert again.to_dicts() == []


STEPS: list[tuple[str, list[Definition], changes.Change]] = [
    ("create", [], changes.CreateFeatureSet(WEATHER)),
    ("create in a schema", [], changes.CreateFeatureSet(PLANES)),
    ("track", [], changes.TrackTable(ORDERS)),
    ("drop", [WEATHER], changes.DropFeatureSet(WEATHER)),
    ("untrack", [ORDERS], changes.DropFeatureSet(ORDERS)),
    ("drop feature", [WEATHER], changes.DropFeature("airport_weather", WEATHER.features[1])),
    ("widen", [WEATHER], changes.WidenFeature("airport_weather", "wind", "integer", "bigint")),
    ("widen in a view", [WEATHER, DELAYS], changes.WidenFeature("airport_weather", "wind", "integer", "bigint")),
    (
        "describe feature",
        [WEATHER],
        changes.AlterFeature(
            "airport_weather", WEATHER.features[0], replace(WEATHER.features[0], default=1.0, owner="m")
        ),
    ),
    (
        "default in a view",
        [WEATHER, DELAYS],
        changes.AlterFeature("airport_weather", WEATHER.features[0], replace(WEATHER.features[0], default=None)),
    ),
    (
        "describe set",
        [WEATHER, DELAYS],
        changes.AlterFeatureSet(
            "airport_weather",
            changes.SetAttributes.of(WEATHER),
            replace(changes.SetAttributes.of(WEATHER), max_age=None, tags=("a", "b")),
        ),
    ),
    ("create view", [WEATHER], changes.CreateTrainingView(DELAYS)),
    ("drop view", [WEATHER, DELAYS], changes.DropTrainingView(DELAYS)),
    (
        "alter view",
        [WEATHER, DELAYS],
        changes.AlterTrainingView(DELAYS, replace(DELAYS, features=("airport_weather.wind",), owner="me", label=None)),
    ),
]


@pytest.mark.parametrize(("given_definitions", "change"), [step[1:] for step in STEPS], ids=[step[0] for step in STEPS])
def test_every_change_is_undone_by_its_reverse(
    orders: psycopg.Connection, given_definitions: list[Definition], change: changes.Change
) -> None:
    apply(orders, *given_definitions)
    before, registered = schema(orders), read(orders)
    with orders.transaction():
        perform(orders, change)
    assert read(orders) != registered
    with orders.transaction():
        perform(orders, change.reverse())
    assert read(orders) == registered
    assert difference(before, schema(orders)) == {}


def test_an_added_feature_is_dropped_again_and_comes_back_with_its_values(connection: psycopg.Connection) -> None:
    apply(connection, WEATHER)
    before, registered = schema(connection), read(connection)
    gust = changes.AddFeature("airport_weather", Feature("gust", "real", "mph", default=0))
    with connection.transaction():
        perform(connection, gust)
    connection.execute("INSERT INTO airport_weather (origin, gust) VALUES ('JFK', 31.5)")
    versions = connection.execute("SELECT version_id, gust FROM airport_weather_history").fetchall()
    with connection.transaction():
        perform(connection, gust.reverse())
    assert read(connection) == registered
    # Only the column that keeps the feature's past is left of it, and the function that carries it on.
    left = difference(before, schema(connection))
    assert [[row[3] for row in rows] for rows in left.pop("columns")] == [[], [kept_column(connection)]]
    assert [[row[1] for row in rows] for rows in left.pop("functions")] == [["airport_weather:write"]] * 2
    assert left == {}
    with connection.transaction():
        perform(connection, gust.reverse().reverse())
    assert connection.execute("SELECT version_id, gust FROM airport_weather_history").fetchall() == versions
    assert connection.execute("SELECT origin, gust FROM airport_weather").fetchall() == [("JFK", 31.5)]
    assert get_set(connection, "airport_weather").feature("gust").description == "mph"


def kept_column(connection: psycopg.Connection) -> str:
    (dropped,) = get_set(connection, "airport_weather").dropped_features
    return dropped.history_column


def test_widening_goes_back_only_while_values_fit(connection: psycopg.Connection) -> None:
    apply(connection, WEATHER)
    widen = changes.WidenFeature("airport_weather", "wind", "integer", "bigint")
    with connection.transaction():
        perform(connection, widen)
    connection.execute("INSERT INTO airport_weather (origin, wind) VALUES ('JFK', 3000000000)")
    connection.execute("UPDATE airport_weather SET wind = 7")
    with pytest.raises(ChangeRefused, match=r"airport_weather\.wind .* bigint .* integer"), connection.transaction():
        perform(connection, widen.reverse())
    assert connection.execute("SELECT wind FROM airport_weather_history ORDER BY version_id").fetchall() == [
        (3000000000,),
        (7,),
    ]
    assert get_set(connection, "airport_weather").feature("wind").type == "bigint"


@pytest.mark.parametrize(
    ("narrow", "wide", "fits", "too_wide"),
    [
        ("real", "double precision", "0.5", "0.1"),
        ("character varying(3)", "text", "'JFK'", "'JFK1'"),
        ("numeric(4,1)", "numeric", "12.5", "12.55"),
        ("smallint", "bigint", "-7", "40000"),
        ("integer", "numeric(12,2)", "-7", "7.5"),
        ("bigint", "numeric", "9007199254740993", "9223372036854775808"),
        ("smallint", "real", "-7", "0.5"),
    ],
)
def test_narrowing_loses_nothing(
    connection: psycopg.Connection, narrow: str, wide: str, fits: str, too_wide: str
) -> None:
    apply(connection, FeatureSet("s", {"k": "text"}, [Feature("f", narrow)]))
    widen = changes.WidenFeature("s", "f", narrow, wide)
    with connection.transaction():
        perform(connection, widen)
    connection.execute(f"INSERT INTO s (k, f) VALUES ('a', {fits})")  # noqa: S608
    kept = connection.execute("SELECT k, f FROM s").fetchall()
    with connection.transaction():
        perform(connection, widen.reverse())
    assert connection.execute("SELECT k, f FROM s").fetchall() == kept
    with connection.transaction():
        perform(connection, widen)
    connection.execute(f"INSERT INTO s (k, f) VALUES ('b', {too_wide})")  # noqa: S608
    connection.execute("DELETE FROM s WHERE k = 'b'")
    with pytest.raises(ChangeRefused, match=r"s\.f"), connection.transaction():
        perform(connection, widen.reverse())


NAMES = ["temp", "wind", "gust"]
TYPES = ["integer", "bigint", "real", "double precision", "text"]


@st.composite
def definitions(draw: st.DrawFn) -> list[Definition]:
    found: list[Definition] = []
    for name in draw(st.lists(st.sampled_from(["a", "b", "c"]), unique=True, max_size=3)):
        listed = draw(st.lists(st.sampled_from(NAMES), unique=True, min_size=1, max_size=3))
        features = [
            Feature(
                feature,
                draw(st.sampled_from(TYPES)),
                draw(st.sampled_from(["", "d"])),
                default=draw(st.sampled_from([None, 1])),
            )
            for feature in listed
        ]
        found.append(
            FeatureSet(name, {"k": "text"}, features, max_age=draw(st.sampled_from([None, "1 hour", "1 day"])))
        )
    chosen = [f"{s.name}.{feature.name}" for s in found if isinstance(s, FeatureSet) for feature in s.features]
    if chosen and draw(st.booleans()):
        features = draw(st.lists(st.sampled_from(chosen), unique=True, min_size=1, max_size=3))
        found.append(TrainingView("v", "SELECT 'x'::text AS k, now() AS at", "at", tuple(features)))
    return found


@pytest.mark.slow
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(definitions(), definitions())
def test_applying_a_difference_leaves_none(
    connection: psycopg.Connection, first: list[Definition], second: list[Definition]
) -> None:
    with connection.transaction(force_rollback=True):
        apply_plan(connection, make_plan(connection, first, prune=True), allow_destructive=True)
        assert diff(read(connection), first, prune=True).changes == ()
        plan = make_plan(connection, second, prune=True)
        if plan.obstacles:
            with pytest.raises(ChangeRefused), connection.transaction():
                apply_plan(connection, plan, allow_destructive=True)
            assert diff(read(connection), first, prune=True).changes == ()
            return
        apply_plan(connection, plan, allow_destructive=True)
        left = diff(read(connection), second, prune=True)
        assert (left.changes, left.refusals) == ((), ())
        for name in read(connection).sets:
            assert {o.state for o in history.status(connection, get_set(connection, name))} == {"installed"}


def test_nothing_destructive_without_leave(connection: psycopg.Connection) -> None:
    apply(connection, WEATHER)
    smaller = replace(WEATHER, features=WEATHER.features[:1])
    plan = make_plan(connection, [smaller])
    assert [change.subject for change in plan.destructive] == ["airport_weather.wind"]
    with pytest.raises(ChangeRefused, match=r"would lose something: Drop feature wind .* allow_destructive=True"):
        apply_plan(connection, plan)
    assert make_plan(connection, [WEATHER], prune=True).changes == ()


def test_a_refusal_changes_nothing_else(connection: psycopg.Connection) -> None:
    apply(connection, WEATHER)
    other = FeatureSet("other", {"k": "text"}, [Feature("f", "text")])
    narrowed = replace(WEATHER, features=(Feature("temp", "real"), WEATHER.features[1]))
    plan = make_plan(connection, [other, narrowed])
    assert len(plan.obstacles) == 1
    with pytest.raises(ChangeRefused, match="Add a feature of another name as real"):
        apply_plan(connection, plan, allow_destructive=True)
    assert set(read(connection).sets) == {"airport_weather"}


def test_a_view_keeps_its_features(connection: psycopg.Connection) -> None:
    apply(connection, WEATHER, DELAYS)
    smaller = replace(WEATHER, features=WEATHER.features[:1])
    plan = make_plan(connection, [smaller])
    assert plan.steps[0].obstacle == (
        "Feature airport_weather.wind is not dropped while it is used by training view delays "
        "(drop the view or take the feature out of it)."
    )
    with pytest.raises(ChangeRefused, match="used by training view delays"):
        apply_plan(connection, plan, allow_destructive=True)
    # In one plan the view lets go of the feature first.
    apply(connection, smaller, replace(DELAYS, features=("airport_weather.temp",)))
    assert make_plan(connection, [WEATHER]).changes == (changes.AddFeature("airport_weather", WEATHER.features[1]),)
    with pytest.raises(ChangeRefused, match=r"Feature set airport_weather is not dropped .* training view delays"):
        perform(connection, changes.DropFeatureSet(smaller))


def test_a_plan_that_is_out_of_date_is_not_applied(connection: psycopg.Connection) -> None:
    plan = make_plan(connection, [WEATHER])
    apply(connection, replace(WEATHER, owner="someone"))
    with pytest.raises(ChangeRefused, match="changed since this plan was made"):
        apply_plan(connection, plan)


@pytest.mark.parametrize(
    ("kind", "default"), [("integer", "many"), ("uuid", "x"), ("date", "32 January"), ("smallint", 70000)]
)
def test_a_default_that_is_no_value_of_the_type(connection: psycopg.Connection, kind: str, default: Any) -> None:
    wrong = Feature("f", kind, default=default)
    with (
        pytest.raises(InvalidDefinition, match=rf"The default .* of s\.f is not of type {kind}"),
        connection.transaction(),
    ):
        perform(connection, changes.CreateFeatureSet(FeatureSet("s", {"k": "text"}, [wrong])))
    apply(connection, FeatureSet("s", {"k": "text"}, [Feature("f", kind)]))
    for change in (
        changes.AlterFeature("s", Feature("f", kind), wrong),
        changes.AddFeature("s", replace(wrong, name="g")),
    ):
        with pytest.raises(InvalidDefinition, match="is not of type"), connection.transaction():
            perform(connection, change)


def test_the_plan_shows_what_it_would_do(connection: psycopg.Connection) -> None:
    apply(connection, WEATHER, DELAYS)
    plan = make_plan(connection, [replace(WEATHER, max_age="1 day"), PLANES])
    assert plan.to_dicts()[0] == {
        "kind": "CreateFeatureSet",
        "name": "shop.planes",
        "change": "Create feature set shop.planes: keys tailnum (text), part (bigint); 1 feature.",
        "destructive": False,
        "used_by": "",
        "refused": "",
    }
    assert plan.to_dicts()[1]["used_by"] == "training view delays"
    assert "max_age from 6:00:00 to 1 day" in str(plan)
    assert ">training view delays</td>" in plan._repr_html_()


def test_two_sessions_that_apply_the_same_at_once(database: TestDatabase) -> None:
    ready = Barrier(2)

    def work(_: int) -> bool:
        with database.connect() as connection, connection.transaction():
            plan = make_plan(connection, [WEATHER, DELAYS])
            ready.wait(timeout=30)
            apply_plan(connection, plan)
            return make_plan(connection, [WEATHER, DELAYS], prune=True).changes == ()

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(work, range(2))) == [True, True]
