"""What deployments, models and saved training sets hold on to: shown in plans, in the way of drops, recompiled by changes."""

from dataclasses import replace

import psycopg
import pytest
from sklearn.linear_model import LinearRegression

from fsdb import deployments, history, training
from fsdb.catalog.feature_sets import get_set
from fsdb.definitions import Feature, FeatureSet, TrainingView
from fsdb.errors import ChangeRefused
from fsdb.migrate import changes
from fsdb.migrate.perform import perform
from fsdb.migrate.plan import apply as apply_plan
from fsdb.migrate.plan import plan as make_plan
from fsdb.migrate.repair import repair

WEATHER = FeatureSet(
    "airport_weather",
    {"origin": "text"},
    [Feature("temp", "double precision", default=10.0), Feature("wind", "integer"), Feature("gust", "integer")],
)
SPINE = "SELECT 'JFK'::text AS origin, timestamptz '2013-01-02' AS at"
DELAYS = TrainingView("delays", SPINE, "at", ("airport_weather.temp", "airport_weather.gust"))


@pytest.fixture
def deployed(connection: psycopg.Connection) -> psycopg.Connection:
    """A model of temp and wind deployed as table `delay`, a training set of temp and gust saved as `kept`."""
    with connection.transaction():
        apply_plan(connection, make_plan(connection, [WEATHER, DELAYS]))
    connection.execute("INSERT INTO airport_weather VALUES ('JFK', 40, 5, 9, '2013-01-01')")
    model = LinearRegression().fit([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]], [0.0, 1.0, 100.0])
    with connection.transaction():
        inputs = {"temp": "airport_weather.temp", "wind": "airport_weather.wind"}
        deployments.register_model(connection, "delay_model", model, inputs=inputs)
        deployments.deploy(connection, "delay_model", "delay")
        training.save(connection, training.build(connection, view="delays"), "kept")
    return connection


def scored(connection: psycopg.Connection) -> float:
    row = connection.execute("INSERT INTO delay (origin) VALUES ('JFK') RETURNING prediction").fetchone()
    assert row is not None
    return float(row[0])


def without(*names: str) -> FeatureSet:
    return replace(WEATHER, features=tuple(feature for feature in WEATHER.features if feature.name not in names))


def test_a_feature_that_a_deployment_looks_up_is_not_dropped(deployed: psycopg.Connection) -> None:
    plan = make_plan(deployed, [without("wind")])
    (step,) = plan.steps
    assert str(step.uses) == "deployment delay, model delay_model version 1"
    assert step.obstacle == (
        "Feature airport_weather.wind is not dropped while it is used by deployment delay "
        "(undeploy it or deploy a version without it)."
    )
    with pytest.raises(ChangeRefused, match="used by deployment delay"), deployed.transaction():
        apply_plan(deployed, plan, allow_destructive=True)
    with pytest.raises(ChangeRefused, match="used by deployment delay"), deployed.transaction():
        perform(deployed, changes.DropFeature("airport_weather", WEATHER.features[1]))
    assert scored(deployed) == pytest.approx(540)


def test_a_training_set_lets_a_feature_go_but_not_its_set(deployed: psycopg.Connection) -> None:
    with deployed.transaction():
        training.drop_view(deployed, "delays")
    plan = make_plan(deployed, [without("gust")])
    assert (str(plan.steps[0].uses), plan.steps[0].obstacle) == ("training set kept", None)
    with deployed.transaction():
        apply_plan(deployed, plan, allow_destructive=True)
        deployments.undeploy(deployed, "delay", drop_predictions=True)
    assert training.verify(deployed, training.load(deployed, "kept").saved)
    with pytest.raises(ChangeRefused, match=r"used by training set kept \(it could no longer be rebuilt"):
        perform(deployed, changes.DropFeatureSet(without("gust")))


def test_a_past_release_holds_the_set(deployed: psycopg.Connection) -> None:
    model = LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0])
    with deployed.transaction():
        training.drop_view(deployed, "delays")
        training.delete(deployed, "kept")
        deployments.register_model(deployed, "delay_model", model, inputs={"temp": "airport_weather.temp"})
        deployments.deploy(deployed, "delay_model", "delay")
    plan = make_plan(deployed, [without("wind")])
    assert "past release of deployment delay" in str(plan.steps[0].uses)
    assert plan.steps[0].obstacle is None
    with pytest.raises(ChangeRefused, match="used by deployment delay"):
        perform(deployed, changes.DropFeatureSet(WEATHER))


def test_a_new_default_or_max_age_counts_at_the_next_insert(deployed: psycopg.Connection) -> None:
    deployed.execute("INSERT INTO airport_weather VALUES ('LGA', NULL, 5, 9, '2013-01-01')")
    text = "INSERT INTO delay (origin) VALUES ('LGA') RETURNING prediction"
    assert deployed.execute(text).fetchone() == (pytest.approx(510),)
    warmer = replace(WEATHER, features=(replace(WEATHER.features[0], default=20.0), *WEATHER.features[1:]))
    with deployed.transaction():
        apply_plan(deployed, make_plan(deployed, [warmer]))
    assert deployed.execute(text).fetchone() == (pytest.approx(520),)
    values = "SELECT temp, gust FROM delays_vector(%s)"
    assert deployed.execute(values, ["LGA"]).fetchone() == (20.0, 9)
    with deployed.transaction():
        apply_plan(deployed, make_plan(deployed, [replace(warmer, max_age="1 hour")]))
    assert deployed.execute(values, ["JFK"]).fetchone() == (20.0, None)
    assert deployed.execute("SELECT temp, gust FROM airport_weather_as_of(now()) WHERE origin = 'JFK'").fetchone() == (
        None,
        None,
    )
    with pytest.raises(psycopg.Error, match="wind"):
        scored(deployed)


def test_widening_what_views_and_deployments_read(deployed: psycopg.Connection) -> None:
    wider = replace(WEATHER, features=(WEATHER.features[0], Feature("wind", "bigint"), Feature("gust", "bigint")))
    before = scored(deployed)
    with deployed.transaction():
        apply_plan(deployed, make_plan(deployed, [wider]))
    assert scored(deployed) == before
    deployed.execute("UPDATE airport_weather SET gust = 5000000000 WHERE origin = 'JFK'")
    assert deployed.execute("SELECT gust FROM delays_vector('JFK')").fetchone() == (5000000000,)
    assert training.verify(deployed, training.load(deployed, "kept").saved)


def test_what_models_take_as_a_whole_number_stays_one(deployed: psycopg.Connection) -> None:
    other = replace(WEATHER, features=(WEATHER.features[0], Feature("wind", "numeric(12,2)"), WEATHER.features[2]))
    before = scored(deployed)
    with (
        pytest.raises(ChangeRefused, match="wind stays integer while models take it as a whole number"),
        deployed.transaction(),
    ):
        apply_plan(deployed, make_plan(deployed, [other]))
    assert scored(deployed) == before


def test_everything_is_repaired(deployed: psycopg.Connection) -> None:
    assert repair(deployed) == []
    deployed.execute("ALTER TABLE airport_weather DISABLE TRIGGER USER")
    deployed.execute("DROP FUNCTION delays_vector")
    deployed.execute("DROP TRIGGER zz_fsdb_score ON delay")
    with deployed.transaction():
        assert repair(deployed) == ["feature set airport_weather", "training view delays", "deployment delay"]
    assert repair(deployed) == []
    states = history.status(deployed, get_set(deployed, "airport_weather"))
    assert {found.state for found in states} == {"installed"}
    assert scored(deployed) == pytest.approx(540)
