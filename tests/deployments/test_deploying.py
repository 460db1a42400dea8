"""Deploying, replacing, rolling back and undeploying; what is refused, and that nothing is left of it."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from fsdb.catalog import feature_sets
from fsdb.catalog.deployments import list_events
from fsdb.definitions import Feature
from fsdb.deployments import (
    deploy,
    deployments_using,
    get_deployment,
    lineage,
    list_deployments,
    refresh,
    register_model,
    repair,
    replay,
    rollback,
    status,
    undeploy,
)
from fsdb.errors import (
    ChangeRefused,
    FsdbError,
    InvalidDefinition,
    NotReproducible,
    ParityFailed,
    UnknownName,
    UnsupportedModel,
)
from tests.deployments.world import INPUTS, World, forest, frame, gradient_boosted, three_classes

Connection = psycopg.Connection
BEFORE = {name: INPUTS[name] for name in ("temp", "wind", "age", "kind", "old", "distance")}

_OBJECTS = """
SELECT 'relation', oid::regclass::text, relkind::text FROM pg_class WHERE relnamespace::regnamespace::text !~ '^pg_'
UNION ALL SELECT 'function', oid::regprocedure::text, md5(prosrc) FROM pg_proc WHERE pronamespace::regnamespace::text !~ '^pg_'
UNION ALL SELECT 'trigger', tgrelid::regclass::text || tgname, tgfoid::regproc::text FROM pg_trigger
UNION ALL SELECT 'column', attrelid::regclass::text || '.' || attname, atttypid::regtype::text FROM pg_attribute WHERE attrelid > 16384
UNION ALL SELECT 'type', oid::regtype::text, typtype::text FROM pg_type WHERE typnamespace::regnamespace::text !~ '^pg_'
UNION ALL SELECT 'comment', classoid::regclass::text || objoid || '.' || objsubid, description FROM pg_description WHERE objoid > 16384
UNION ALL SELECT 'row', 'deployments', d::text FROM fsdb.deployments d
UNION ALL SELECT 'row', 'releases', d::text FROM fsdb.deployment_releases d
UNION ALL SELECT 'row', 'models', d::text FROM fsdb.model_versions d
"""


def objects(connection: Connection) -> set[tuple[str, str, str]]:
    """Everything that a deployment could leave behind."""
    return set(connection.execute(_OBJECTS).fetchall())


def register(world: World, make: Callable[..., Any] = gradient_boosted, seed: int = 0, **inputs: str) -> int:
    """Registers flight_delay fitted on the columns of `inputs`, all of them by default."""
    bound = inputs or INPUTS
    data = frame(300, seed)
    estimator = make(300, seed) if not inputs else _narrow(data[list(inputs)])
    return register_model(world.connection, "flight_delay", estimator, inputs=bound).version


def _narrow(data: Any) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier

    numbers = data.select_dtypes("number")
    return HistGradientBoostingClassifier(max_iter=5).fit(
        numbers, numbers.iloc[:, 0].fillna(0) > numbers.iloc[:, 0].mean()
    )


def insert(connection: Connection, *columns: str) -> dict[str, Any]:
    """Inserts a row and returns it."""
    cursor = connection.execute("INSERT INTO flight_delay (origin, distance) VALUES ('JFK', 5) RETURNING *")
    assert cursor.description is not None
    row = cursor.fetchone()
    assert row is not None
    return dict(zip([column.name for column in cursor.description], row, strict=True))


def test_a_rolled_back_deployment_leaves_nothing(world: World) -> None:
    connection = world.connection
    register(world)
    before = objects(connection)
    with connection.transaction(force_rollback=True):
        deploy(connection, "flight_delay", "flight_delay")
        insert(connection)
        assert objects(connection) != before
    assert objects(connection) == before
    deploy(connection, "flight_delay", "flight_delay")
    insert(connection)


def test_a_rolled_back_replacement_leaves_nothing(world: World) -> None:
    connection = world.connection
    register(world, temp="weather.temp", distance="float8")
    deploy(connection, "flight_delay", "flight_delay")
    register(world)
    before = objects(connection)
    with connection.transaction(force_rollback=True):
        deploy(connection, "flight_delay", "flight_delay")
        assert insert(connection)["model_version"] == 2
    assert objects(connection) == before
    assert insert(connection)["model_version"] == 1


def test_undeploying_leaves_nothing(world: World) -> None:
    connection = world.connection
    register(world, temp="weather.temp", distance="float8")
    register(world)
    before = objects(connection)
    deploy(connection, "flight_delay", "flight_delay", version=1)
    deploy(connection, "flight_delay", "flight_delay", version=2)
    deploy(connection, "flight_delay", "other_table", version=1)
    insert(connection)
    with pytest.raises(ChangeRefused, match="drop_predictions"):
        undeploy(connection, "flight_delay")
    insert(connection)
    undeploy(connection, "flight_delay", drop_predictions=True)
    left = {name for kind, name, _ in objects(connection) - before if kind == "function"}
    assert {name.partition("(")[0] for name in left} == {
        "fsdb_models.flight_delay_v1",
        "fsdb_models.flight_delay_v1__bulk",
        "fsdb_models.other_table__score_2",
    }
    undeploy(connection, "other_table")
    assert objects(connection) == before
    events = [(event["action"], event["version"]) for event in list_events(connection, "flight_delay")]
    assert events == [("deploy", 1), ("replace", 2), ("undeploy", 2)]
    assert list_deployments(connection) == []


def test_undeploying_is_refused_while_others_use_the_table(world: World) -> None:
    register(world)
    deploy(world.connection, "flight_delay", "flight_delay")
    world.connection.execute("CREATE VIEW late AS SELECT * FROM flight_delay WHERE prediction")
    with pytest.raises(ChangeRefused, match="view late"):
        undeploy(world.connection, "flight_delay")
    insert(world.connection)


def test_replacing_keeps_rows_and_adds_what_the_version_needs(world: World) -> None:
    connection = world.connection
    register(world, temp="weather.temp", distance="float8")
    deploy(connection, "flight_delay", "flight_delay")
    first = insert(connection)
    assert "plane_version" not in first
    register(world)
    deploy(connection, "flight_delay", "flight_delay")
    second = insert(connection)
    assert (second["model_version"], second["model_release"], second["hour"]) == (2, 2, None)
    assert set(second) - set(first) == {"hour", "carrier", "tailnum", "plane_version"}
    rows = connection.execute("SELECT prediction_id, model_version, hour FROM flight_delay ORDER BY 1").fetchall()
    assert rows == [(1, 1, None), (2, 2, None)]
    connection.execute("UPDATE flight_delay SET carrier = carrier")
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState):
        connection.execute("UPDATE flight_delay SET carrier = 'UA'")


def test_rolling_back_goes_from_version_to_version(world: World) -> None:
    connection = world.connection
    for seed in range(3):
        register(world, seed=seed)
        deploy(connection, "flight_delay", "flight_delay")
    assert deploy(connection, "flight_delay", "flight_delay").release == 3  # deployed already: nothing to do
    scored = [insert(connection)["model_version"]]
    for _ in range(2):
        rollback(connection, "flight_delay")
        scored.append(insert(connection)["model_version"])
    assert scored == [3, 2, 1]
    with pytest.raises(ChangeRefused, match="no former version"):
        rollback(connection, "flight_delay")
    deploy(connection, "flight_delay", "flight_delay", version=3)
    assert rollback(connection, "flight_delay").version == 1
    actions = [event["action"] for event in list_events(connection, "flight_delay")]
    assert actions == ["deploy", "replace", "replace", "rollback", "rollback", "replace", "rollback"]


def test_what_a_former_version_filled_in_stays_empty(world: World) -> None:
    connection = world.connection
    register(world)
    register(world, temp="weather.temp", distance="float8")
    deploy(connection, "flight_delay", "flight_delay", version=1)
    deploy(connection, "flight_delay", "flight_delay", version=2)
    row = connection.execute(
        "INSERT INTO flight_delay (origin, distance, plane_version) VALUES ('JFK', 5, 77) RETURNING plane_version, weather_version"
    ).fetchone()
    assert row == (None, 2)


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("CREATE TABLE flight_delay (a int)", "table"),
        ("CREATE VIEW flight_delay AS SELECT 1 AS a", "view"),
        ("CREATE SEQUENCE flight_delay", "sequence"),
        ("CREATE TYPE flight_delay AS ENUM ('a')", "type"),
    ],
)
def test_what_stands_in_the_way_is_left_alone(world: World, statement: Any, kind: str) -> None:
    register(world)
    world.connection.execute(statement)
    before = objects(world.connection)
    with pytest.raises(ChangeRefused, match=rf"already a {kind} public\.flight_delay"):
        deploy(world.connection, "flight_delay", "flight_delay")
    assert objects(world.connection) == before


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("flight_dely", "t"), UnknownName, "Did you mean flight_delay"),
        (("flight_delay", "t", 7), UnknownName, "no version 7: it has 1"),
        (("flight_delay", "t", None, "gpu"), UnsupportedModel, "no runtime 'gpu'"),
        (("flight_delay", "T able"), InvalidDefinition, "'T able' cannot name a model table"),
        (("flight_delay", "a.b.c"), InvalidDefinition, "'a.b' cannot name a model table"),
        (("flight_delay", "nowhere.t"), ChangeRefused, "no schema 'nowhere'"),
    ],
)
def test_bad_input_gets_a_sentence_and_leaves_nothing(
    world: World, arguments: tuple[Any, ...], error: type[FsdbError], message: str
) -> None:
    register(world)
    before = objects(world.connection)
    with pytest.raises(error, match=message):
        deploy(world.connection, *arguments)
    assert objects(world.connection) == before


def test_unknown_deployments_are_named(world: World) -> None:
    register(world)
    deploy(world.connection, "flight_delay", "flight_delay")
    for call in (rollback, undeploy, status, repair):
        with pytest.raises(UnknownName, match="Did you mean flight_delay"):
            call(world.connection, "flight_dely")


def test_a_table_holds_one_model_and_one_type_of_prediction(world: World) -> None:
    connection = world.connection
    register(world)
    deploy(connection, "flight_delay", "flight_delay")
    register(world, three_classes)
    with pytest.raises(ChangeRefused, match=r"predicts text, but table flight_delay\s+holds boolean"):
        deploy(connection, "flight_delay", "flight_delay")
    register_model(connection, "other", forest(100), inputs=INPUTS)
    with pytest.raises(ChangeRefused, match="deployment of model flight_delay, not of other"):
        deploy(connection, "other", "flight_delay")
    assert insert(connection)["model_version"] == 1


def test_a_column_keeps_its_type(world: World) -> None:
    connection = world.connection
    register(world, temp="weather.temp", distance="float8")
    deploy(connection, "flight_delay", "flight_delay")
    register(world, temp="weather.temp", distance="numeric")
    with pytest.raises(ChangeRefused, match="'distance' as numeric"):
        deploy(connection, "flight_delay", "flight_delay")
    assert get_deployment(connection, "flight_delay").version == 1


@pytest.mark.parametrize("name", ["prediction", "scored_at", "model_version", "prediction_id"])
def test_a_request_column_cannot_be_one_that_is_recorded(world: World, name: str) -> None:
    data = frame(100)[["temp", "distance"]].rename(columns={"distance": name})
    register_model(world.connection, "flight_delay", _narrow(data), inputs={"temp": "weather.temp", name: "float8"})
    with pytest.raises(InvalidDefinition, match=f"'{name}', input of the model"):
        deploy(world.connection, "flight_delay", "flight_delay")


def test_a_key_and_an_input_of_one_name_agree_on_the_type(world: World) -> None:
    data = frame(100)[["temp", "distance"]].rename(columns={"distance": "origin"})
    register_model(world.connection, "flight_delay", _narrow(data), inputs={"temp": "weather.temp", "origin": "float8"})
    with pytest.raises(InvalidDefinition, match="text as key of weather and double precision as input"):
        deploy(world.connection, "flight_delay", "flight_delay")


def test_version_columns_make_way_for_request_columns(world: World) -> None:
    connection = world.connection
    name = "weather_version"
    data = frame(100)[["temp", "distance"]].rename(columns={"distance": name})
    register_model(connection, "flight_delay", _narrow(data), inputs={"temp": "weather.temp", name: "float8"})
    deploy(connection, "flight_delay", "flight_delay")
    row = connection.execute(
        "INSERT INTO flight_delay (origin, weather_version) VALUES ('JFK', 1.5) RETURNING weather_version, weather_version_2"
    ).fetchone()
    assert row == (1.5, 2)
    register(world)
    deploy(connection, "flight_delay", "flight_delay", version=2)
    assert connection.execute(
        "INSERT INTO flight_delay (origin) VALUES ('JFK') RETURNING weather_version_2"
    ).fetchone() == (2,)


def test_request_columns_may_bear_any_name(world: World) -> None:
    connection = world.connection
    name = '50% of "héllo"; DROP TABLE x --'
    data = frame(100)[["temp", "distance"]].rename(columns={"distance": name})
    register_model(connection, "flight_delay", _narrow(data), inputs={"temp": "weather.temp", name: "float8"})
    deploy(connection, "flight_delay", "flight_delay")
    connection.execute("INSERT INTO flight_delay (origin) VALUES ('JFK')")
    lineage = connection.execute("SELECT input FROM fsdb.prediction_lineage('flight_delay', 1)").fetchall()
    assert lineage == [("temp",), (name,)]
    assert (replay(connection, "flight_delay").checked, replay(connection, "flight_delay").different) == (1, 0)


def test_a_table_may_stand_in_another_schema(world: World) -> None:
    connection = world.connection
    connection.execute("CREATE SCHEMA serving")
    register(world)
    assert deploy(connection, "flight_delay", "serving.flight_delay").name == "serving.flight_delay"
    assert deploy(connection, "flight_delay", "public.flight_delay").name == "flight_delay"
    connection.execute("INSERT INTO serving.flight_delay (origin) VALUES ('JFK')")
    assert [deployed.name for deployed in list_deployments(connection)] == ["flight_delay", "serving.flight_delay"]
    undeploy(connection, "flight_delay")
    assert connection.execute("SELECT model_version FROM serving.flight_delay").fetchone() == (1,)


def test_a_tampered_program_is_not_deployed(world: World) -> None:
    connection = world.connection
    register(world)
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="immutable"):
        connection.execute("UPDATE fsdb.model_programs SET program = replace(program, '1', '2')")
    connection.execute("ALTER TABLE fsdb.model_programs DISABLE TRIGGER immutable")
    connection.execute("UPDATE fsdb.model_programs SET program = replace(program, '1', '2')")
    with pytest.raises(NotReproducible, match="checksum"):
        deploy(connection, "flight_delay", "flight_delay")
    connection.execute("UPDATE fsdb.model_programs SET program = 'nonsense'")
    with pytest.raises(NotReproducible, match="checksum"):
        deploy(connection, "flight_delay", "flight_delay")


@pytest.mark.parametrize("change", ["probability = 1 - probability", "refused = true", "inputs[1] = 'x'"])
def test_what_does_not_give_the_native_numbers_is_not_deployed(world: World, change: str) -> None:
    connection = world.connection
    register(world)
    before = objects(connection)
    connection.execute("ALTER TABLE fsdb.model_checks DISABLE TRIGGER immutable")
    connection.execute(
        psycopg.sql.SQL("UPDATE fsdb.model_checks SET {} WHERE position = 3").format(psycopg.sql.SQL(change))
    )
    with pytest.raises(
        ParityFailed, match=r"flight_delay version 1 .*temp = .*kind = .*native model\s+gives .*deployed one"
    ):
        deploy(connection, "flight_delay", "flight_delay")
    assert objects(connection) == before


def test_drift_is_seen_and_repaired(world: World) -> None:
    connection = world.connection
    register(world)
    deploy(connection, "flight_delay", "flight_delay")

    def states() -> dict[str, str]:
        return {item.name: item.state for item in status(connection, "flight_delay")}

    functions = ("flight_delay_v1", "flight_delay_v1__bulk", "flight_delay__score_1")
    good = dict.fromkeys((*functions, "zz_fsdb_score", "zz_fsdb_keep"), "installed")
    assert states() == good
    connection.execute("ALTER TABLE flight_delay DISABLE TRIGGER zz_fsdb_score")
    connection.execute("DROP TRIGGER zz_fsdb_keep ON flight_delay")
    connection.execute("COMMENT ON FUNCTION fsdb_models.flight_delay_v1 IS 'fsdb 0123456789ab: other'")
    assert states() == {**good, "flight_delay_v1": "outdated", "zz_fsdb_score": "outdated", "zz_fsdb_keep": "missing"}
    with pytest.raises(psycopg.errors.NotNullViolation):  # without its trigger the table takes nothing
        insert(connection)
    repair(connection, "flight_delay")
    assert states() == good
    insert(connection)
    connection.execute("COMMENT ON FUNCTION fsdb_models.flight_delay_v1 IS NULL")
    assert states()["flight_delay_v1"] == "foreign"
    with pytest.raises(ChangeRefused, match="flight_delay_v1 that is not fsdb's"):
        repair(connection, "flight_delay")


def test_a_program_that_was_changed_shows(world: World) -> None:
    connection = world.connection
    register(world)
    deploy(connection, "flight_delay", "flight_delay")
    connection.execute("ALTER TABLE fsdb.model_programs DISABLE TRIGGER immutable")
    connection.execute("UPDATE fsdb.model_programs SET program = 'nonsense'")
    states = {(item.kind, item.name): item.state for item in status(connection, "flight_delay")}
    assert states[("program", "flight_delay_v1")] == "foreign"
    insert(connection)  # what is deployed scores on


def test_a_function_changed_by_hand_shows(world: World) -> None:
    connection = world.connection
    register(world)
    deploy(connection, "flight_delay", "flight_delay")
    connection.execute(
        "CREATE OR REPLACE FUNCTION fsdb_models.flight_delay__score_1() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN NEW.prediction := true; RETURN NEW; END $$"
    )
    states = {item.name: item.state for item in status(connection, "flight_delay")}
    assert states["flight_delay__score_1"] == "outdated"
    repair(connection, "flight_delay")
    insert(connection)


def test_a_table_dropped_by_hand_can_be_undeployed(world: World) -> None:
    connection = world.connection
    register(world)
    before = objects(connection)
    deploy(connection, "flight_delay", "flight_delay")
    insert(connection)
    connection.execute("DROP TABLE flight_delay")
    register(world)
    states = {item.name: item.state for item in status(connection, "flight_delay")}
    assert (states["zz_fsdb_score"], states["flight_delay_v1"]) == ("missing", "installed")
    for call in (
        lambda: deploy(connection, "flight_delay", "flight_delay"),
        lambda: repair(connection, "flight_delay"),
        lambda: replay(connection, "flight_delay"),
        lambda: lineage(connection, "flight_delay", 1),
    ):
        with pytest.raises(ChangeRefused, match="was dropped: undeploy flight_delay"):
            call()
    undeploy(connection, "flight_delay")
    assert {kind for kind, _, _ in objects(connection) - before} == {"row"}  # version 2
    deploy(connection, "flight_delay", "flight_delay")
    insert(connection)


def test_more_features_than_a_query_can_look_up(world: World) -> None:
    connection = world.connection
    version = register(world)
    connection.execute("ALTER TABLE fsdb.model_inputs DISABLE TRIGGER immutable")
    connection.execute(
        "INSERT INTO fsdb.model_inputs SELECT 'flight_delay', %s, 10 + n, 'x' || n, 'double precision', 1, 'weather.temp'"
        " FROM generate_series(1, 1660) n",
        [version],
    )
    with pytest.raises(UnsupportedModel, match="takes 1665 features; a deployment looks up at most 1662"):
        deploy(connection, "flight_delay", "flight_delay")


def test_features_in_use_are_known(world: World) -> None:
    connection = world.connection
    temp = feature_sets.get_set(connection, "weather").feature("temp").feature_id
    age = feature_sets.get_set(connection, "plane").feature("age").feature_id
    register(world)
    register(world, temp="weather.temp", distance="float8")
    assert deployments_using(connection, temp) == []
    deploy(connection, "flight_delay", "flight_delay", version=1)
    assert deployments_using(connection, age) == ["flight_delay"]
    deploy(connection, "flight_delay", "flight_delay", version=2)
    assert (deployments_using(connection, temp), deployments_using(connection, age)) == (["flight_delay"], [])
    feature_sets.drop_feature(connection, age, "age__gone")
    with pytest.raises(ChangeRefused, match=r"takes the feature plane\.age, which was dropped"):
        rollback(connection, "flight_delay")


def test_a_changed_max_age_or_default_reaches_scoring(world: World) -> None:
    connection = world.connection
    register(world)
    deploy(connection, "flight_delay", "flight_delay")
    assert refresh(connection, "weather") == []
    lga = "INSERT INTO flight_delay (origin) VALUES ('LGA')"
    connection.execute(lga)
    connection.execute("UPDATE fsdb.feature_sets SET max_age = '30 days' WHERE name = 'weather'")
    wind = feature_sets.get_set(connection, "plane").feature("kind")
    feature_sets.update_feature(connection, wind.feature_id, Feature("kind", "text", default="glider"))
    assert refresh(connection, "weather") == ["flight_delay"]
    assert refresh(connection, "plane") == []  # that took the new default along
    connection.execute(lga)
    read = [
        dict(
            connection.execute(
                "SELECT input, value FROM fsdb.prediction_lineage('flight_delay', %s)", [number]
            ).fetchall()
        )
        for number in (1, 2)
    ]
    assert [(row["temp"], row["kind"]) for row in read] == [(None, "jet"), ("70.25", "glider")]
    deployed = get_deployment(connection, "flight_delay")
    assert (deployed.version, deployed.release, deployed.current.former) == (1, 2, None)
