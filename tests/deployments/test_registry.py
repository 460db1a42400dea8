"""Registering models: bindings, lineage to the training set, and what is refused."""

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import psycopg
import pyarrow as pa
import pytest
import sqlalchemy as sa
from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis
from sklearn.ensemble import GradientBoostingRegressor, HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression

from fsdb import history, training
from fsdb.catalog.feature_sets import get_set
from fsdb.catalog.models import get_version, list_versions, program_text
from fsdb.db import Database
from fsdb.definitions import Feature, FeatureSet
from fsdb.deployments import Deployment, deploy, describe_model, lineage, parity, register_model, replay
from fsdb.errors import (
    ChangeRefused,
    FsdbError,
    InvalidData,
    InvalidDefinition,
    ParityFailed,
    UnknownName,
    UnsupportedModel,
)
from fsdb.models import Program, native_outputs, same_outputs
from fsdb.training import TrainingSet
from tests.conftest import TestDatabase
from tests.deployments.world import INPUTS, World, frame, gradient_boosted, strict

Connection = psycopg.Connection
START = datetime(2024, 1, 1, tzinfo=UTC)
SPINE = "SELECT *, late AS label FROM flights ORDER BY scheduled_at, origin"


@pytest.fixture
def flights(connection: Connection) -> Connection:
    """Live tables with history, and flights to predict."""
    history.create(
        connection,
        FeatureSet("weather", {"origin": "text"}, (Feature("temp", "real"), Feature("wind", "integer")), "2 days"),
    )
    history.create(connection, FeatureSet("carrier", {"carrier": "text"}, (Feature("delay", "float8", default=0.5),)))
    connection.execute(
        "CREATE TABLE flights (origin text, carrier text, scheduled_at timestamptz, distance integer, late float8)"
    )
    rng = np.random.default_rng(3)
    for hour in range(60):
        at = START + timedelta(hours=hour)
        connection.execute(
            "INSERT INTO weather (origin, temp, wind, event_time) VALUES ('JFK', %s, %s, %s), ('LGA', %s, NULL, %s)"
            " ON CONFLICT (origin) DO UPDATE SET temp = excluded.temp, wind = excluded.wind, event_time = excluded.event_time",
            [rng.normal(50, 9), int(rng.integers(0, 30)), at, rng.normal(40, 9), at],
        )
        for origin in ("JFK", "LGA"):
            connection.execute(
                "INSERT INTO flights VALUES (%s, %s, %s, %s, %s)",
                [origin, "UA" if hour % 3 else "ZZ", at, int(rng.integers(100, 3000)), rng.normal()],
            )
    connection.execute("INSERT INTO carrier (carrier, delay, event_time) VALUES ('UA', 12.5, '2024-01-02Z')")
    return connection


def training_set(connection: Connection, database: Database | None = None) -> TrainingSet:
    """Flights with weather and carrier as of their time."""
    features = ["weather.temp", "weather.wind", "carrier.delay"]
    options: dict[str, Any] = {"timestamp": "scheduled_at", "label": "label", "database": database}
    return training.build(connection, spine=SPINE, features=features, **options)


def fitted(data: pd.DataFrame, columns: list[str]) -> Any:
    """A regression on columns of a training set."""
    filled = data[columns].astype(float).fillna(0)
    return GradientBoostingRegressor(n_estimators=10).fit(filled, data["label"])


def test_a_training_set_gives_the_signature(flights: Connection) -> None:
    ts = training_set(flights)
    data = ts.to_pandas()
    assert data["delay"].notna().all()
    estimator = HistGradientBoostingRegressor(max_iter=20).fit(
        data[["distance", "wind", "temp", "delay"]], data["label"]
    )
    version = register_model(
        flights, "late", estimator, ts, metrics={"mae": 0.25, "rows": 120}, description="How late", tags=["demo"]
    )
    assert [(i.name, i.type, i.feature) for i in version.inputs] == [
        ("distance", "bigint", None),
        ("wind", "bigint", "weather.wind"),
        ("temp", "double precision", "weather.temp"),
        ("delay", "double precision", "carrier.delay"),
    ]
    assert (version.training_set, version.training_set_hash) == ("late_v1", ts.content_hash)
    assert training.verify(flights, training.load(flights, "late_v1").saved) == ts.content_hash
    assert (version.metrics, version.framework, version.prediction_type) == (
        {"mae": 0.25, "rows": 120.0},
        "sklearn",
        "double precision",
    )
    assert version.rows_checked > 120
    assert flights.execute("SELECT description, tags FROM fsdb.models").fetchone() == ("How late", ["demo"])
    # a second version of the same training set refers to the set that is saved
    assert register_model(flights, "late", estimator, ts).training_set == "late_v1"
    with pytest.raises(ChangeRefused, match="registered model"):
        training.delete(flights, "late_v1")

    deploy(flights, "late", "late")
    program = Program.from_json(program_text(flights, "late", 2))
    flights.execute("INSERT INTO weather VALUES ('BOS', 33.3, 7, clock_timestamp())")
    for origin, carrier, distance, given in (
        ("BOS", "UA", 900, {"temp": float(np.float32(33.3)), "wind": 7, "delay": 12.5}),
        ("JFK", "XX", 10, {"temp": None, "wind": None, "delay": 0.5}),  # too old, and never there
    ):
        cursor = flights.execute(
            "INSERT INTO late (origin, carrier, distance) VALUES (%s, %s, %s) RETURNING prediction",
            [origin, carrier, distance],
        )
        row = cursor.fetchone()
        assert row is not None
        (native,) = native_outputs(estimator, program, [{**given, "distance": distance}])
        assert same_outputs(native, {"prediction": row[0]})


def test_real_history_may_go_on(flights: Connection) -> None:
    ts = training_set(flights)
    register_model(flights, "late", fitted(ts.to_pandas(), ["delay", "distance"]), ts)
    deploy(flights, "late", "late")
    insert = "INSERT INTO late (carrier, distance) VALUES (%s, 500) RETURNING prediction_id"
    flights.execute(insert, ["UA"])
    flights.execute("UPDATE carrier SET delay = 99 WHERE carrier = 'UA'")
    flights.execute("UPDATE carrier SET delay = 44, event_time = '2024-01-01Z' WHERE carrier = 'UA'")  # late
    flights.execute(insert, ["UA"])
    flights.execute("DELETE FROM carrier")
    flights.execute(insert, ["UA"])
    flights.execute("INSERT INTO carrier VALUES ('UA', 7, '2200-01-01Z')")  # not yet
    flights.execute(insert, ["UA"])
    flights.execute("TRUNCATE carrier")
    values = [lineage(flights, "late", number).rows[0][1] for number in range(1, 5)]
    assert values == ["12.5", "99", "0.5", "0.5"]
    assert replay(flights, "late").different == 0
    with flights.transaction():
        history.widen_feature(flights, get_set(flights, "weather"), "wind", "bigint")
        history.add_feature(flights, get_set(flights, "carrier"), Feature("other", "float8"))
        history.drop_feature(flights, get_set(flights, "carrier"), "delay")
    assert [lineage(flights, "late", number).rows[0][1] for number in range(1, 5)] == values
    assert (replay(flights, "late").checked, replay(flights, "late").different) == (4, 0)


def test_an_estimator_without_names_takes_the_features_in_order(flights: Connection) -> None:
    ts = training_set(flights)
    data = ts.to_pandas()
    X = data[["temp", "wind", "delay"]].fillna(0).to_numpy()
    version = register_model(flights, "late", GradientBoostingRegressor(n_estimators=5).fit(X, data["label"]), ts)
    assert [i.feature for i in version.inputs] == ["weather.temp", "weather.wind", "carrier.delay"]
    with pytest.raises(UnsupportedModel):
        register_model(flights, "late", LinearRegression().fit(X[:, :2], data["label"]), ts)


def test_a_failed_registration_leaves_the_training_set_unsaved(flights: Connection) -> None:
    ts = training_set(flights)
    estimator = fitted(ts.to_pandas(), ["delay", "distance"])
    with flights.transaction(force_rollback=True):
        register_model(flights, "late", estimator, ts)
    assert list_versions(flights) == []
    assert register_model(flights, "late", estimator, ts).version == 1
    assert training.load(flights, "late_v1").content_hash == ts.content_hash


def test_the_label_is_no_input(flights: Connection) -> None:
    ts = training_set(flights)
    with pytest.raises(UnsupportedModel, match="label"):
        register_model(flights, "late", fitted(ts.to_pandas(), ["delay", "label"]), ts)


def test_the_handle(flights: Connection, database: TestDatabase) -> None:
    db = Database(database.url)
    db.open()
    try:
        with db.transaction() as connection:
            ts = training_set(connection, db)
            estimator = fitted(ts.to_pandas(), ["delay", "distance"])
            for _ in range(2):
                register_model(connection, "late", estimator, ts)
            deploy(connection, "late", "late", version=1)
            handle = Deployment(db, deploy(connection, "late", "late").name)
        flights.execute("INSERT INTO late (carrier, distance) VALUES ('UA', 500)")
        assert (handle.name, handle.table, handle.model, handle.version) == ("late", "late", "late", 2)
        assert [row["value"] for row in handle.lineage(1)] == ["12.5", "500"]
        assert handle.replay(limit=10).checked == 1
        assert handle.rollback().version == 1
        assert [row["action"] for row in handle.events()] == ["deploy", "replace", "rollback"]
        with pytest.raises(ChangeRefused):
            handle.undeploy()
        handle.undeploy(drop_predictions=True)
        with pytest.raises(UnknownName):
            handle.version  # noqa: B018
    finally:
        db.close()


def test_versions_are_immutable(world: World) -> None:
    register_model(world.connection, "m", gradient_boosted(100), inputs=INPUTS)
    for statement in (
        "UPDATE fsdb.model_versions SET checksum = 'x'",
        "DELETE FROM fsdb.model_inputs",
        "UPDATE fsdb.model_programs SET program = '{}'",
        "TRUNCATE fsdb.model_checks",
    ):
        with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="immutable"):
            world.connection.execute(psycopg.sql.SQL(statement))


def test_a_rejected_estimator_leaves_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    estimator = gradient_boosted(100)
    honest = parity.asked

    def dishonest(*arguments: Any) -> list[dict[str, Any]]:
        return [{**row, "probability": row["probability"] * (1 + 1e-8)} for row in honest(*arguments)]

    monkeypatch.setattr(parity, "asked", dishonest)
    with pytest.raises(ParityFailed, match="probability"):
        register_model(world.connection, "m", estimator, inputs=INPUTS)
    assert list_versions(world.connection) == []
    assert world.connection.execute("SELECT count(*) FROM fsdb.models").fetchone() == (0,)
    assert world.connection.execute(
        "SELECT count(*) FROM pg_proc WHERE pronamespace = 'fsdb_models'::regnamespace"
    ).fetchone() == (0,)


@pytest.mark.parametrize(
    ("inputs", "error", "message"),
    [
        (None, InvalidDefinition, "without a training set"),
        ({k: v for k, v in INPUTS.items() if k not in ("temp", "hour")}, UnsupportedModel, "'hour', 'temp'"),
        ({**INPUTS, "temp": "weather.tmp"}, UnknownName, "temp"),
        ({**INPUTS, "temp": "wether.temp"}, UnknownName, "weather.temp"),
        ({**INPUTS, "distance": "money"}, InvalidDefinition, "input 'distance' has the type 'money'"),
        ({**INPUTS, "distance": "timestamptz"}, UnsupportedModel, "distance"),
    ],
)
def test_bindings_that_do_not_fit_are_named(
    world: World, inputs: dict[str, str] | None, error: type[FsdbError], message: str
) -> None:
    with pytest.raises(error, match=message):
        register_model(world.connection, "m", gradient_boosted(100), inputs=inputs)
    assert list_versions(world.connection) == []


def test_bad_names_estimators_and_rows_are_refused(world: World) -> None:
    estimator = gradient_boosted(100)
    with pytest.raises(InvalidDefinition, match="cannot name a model"):
        register_model(world.connection, "Model; DROP", estimator, inputs=INPUTS)
    data = frame(100).dropna()[["temp", "wind"]]
    with pytest.raises(UnsupportedModel, match="QuadraticDiscriminantAnalysis"):
        register_model(world.connection, "m", QuadraticDiscriminantAnalysis().fit(data, data.temp > 40), inputs=INPUTS)
    with pytest.raises(UnsupportedModel):
        register_model(world.connection, "m", LogisticRegression(), inputs=INPUTS)
    with pytest.raises(InvalidData, match="has no temp"):
        register_model(world.connection, "m", estimator, inputs=INPUTS, rows=[{"wind": 1}])
    whole: dict[str, Any] = dict.fromkeys(INPUTS)
    with pytest.raises(InvalidData, match="'wind' is bigint"):
        register_model(world.connection, "m", estimator, inputs=INPUTS, rows=[{**whole, "wind": 1.5}])
    with pytest.raises(InvalidData, match="are a ndarray: give a pandas, polars or Arrow table, or a list of mappings"):
        register_model(world.connection, "m", estimator, inputs=INPUTS, rows=frame(9).to_numpy())
    with pytest.raises(InvalidData, match="are a list: give"):
        register_model(world.connection, "m", estimator, inputs=INPUTS, rows=[[1, 2]])
    with pytest.raises(UnknownName, match="no model 'm'"):
        get_version(world.connection, "m")
    row = {**whole, "wind": math.nan, "temp": math.inf}
    assert register_model(world.connection, "m", estimator, inputs=INPUTS, rows=[row]).version == 1


def test_what_an_input_is_may_be_said_as_sqlalchemy_does(world: World) -> None:
    model = LinearRegression().fit(pd.DataFrame({"x": [1.0, 2.0], "n": [3, 5]}), [1.0, 2.0])
    version = register_model(
        world.connection,
        "m",
        model,
        inputs={"x": sa.Double, "n": sa.Integer()},
        tags="flights",
        metrics={"mae": np.float32(0.5)},
    )
    assert [(given.name, given.type) for given in version.inputs] == [("x", "double precision"), ("n", "bigint")]
    assert version.metrics == {"mae": 0.5}
    assert describe_model(world.connection, "m").to_dict()["tags"] == ["flights"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"inputs": ["x", "n"]}, "inputs= is a list: say what each input is"),
        ({"inputs": {"x": float, "n": int}}, "input 'x' has the type float, which is not a type of PostgreSQL"),
        ({"inputs": {"x": "float8", "n": "int4"}, "metrics": {"auc": "high"}}, "metrics= maps names to numbers"),
        ({"inputs": {"x": "float8", "n": "int4"}, "metrics": 0.9}, "metrics= maps names to numbers"),
        ({"training_set": pd.DataFrame({"x": [1.0]})}, "training_set= is a DataFrame: give what store.training_set"),
    ],
)
def test_arguments_of_other_kinds_are_refused(connection: Connection, given: dict[str, Any], said: str) -> None:
    model = LinearRegression().fit(pd.DataFrame({"x": [1.0, 2.0], "n": [3, 5]}), [1.0, 2.0])
    with pytest.raises(InvalidDefinition, match=said):
        register_model(connection, "m", model, **given)
    with pytest.raises(InvalidDefinition, match="5 cannot name a model"):
        register_model(connection, 5, model, inputs={"x": "float8"})  # type: ignore[arg-type]
    assert list_versions(connection) == []


def test_rows_to_check_on_come_as_a_frame_or_as_mappings(world: World) -> None:
    estimator = gradient_boosted(100)
    data = frame(1500, seed=8)
    plain = data.astype(object).where(data.notna(), None)
    kept = []
    for rows in (data, plain.to_dict("records"), pa.Table.from_pandas(data), pl.from_pandas(data)):
        number = register_model(world.connection, "m", estimator, inputs=INPUTS, rows=rows).version
        checks = "SELECT inputs FROM fsdb.model_checks WHERE model = 'm' AND version = %s ORDER BY position"
        kept.append([row[0] for row in world.connection.execute(checks, (number,))][:750])
    assert kept[0] == kept[1] == kept[2] == kept[3]
    place = list(INPUTS).index("hour")
    assert [inputs[place] and float(inputs[place]) for inputs in kept[0]] == plain["hour"].tolist()[::2]


def test_a_model_that_could_not_be_compared_is_refused(world: World) -> None:
    estimator = strict()
    assert register_model(world.connection, "m", estimator, inputs=INPUTS).rows_checked > 0
    with pytest.raises(ParityFailed, match="takes none of the"):
        register_model(world.connection, "m", estimator, inputs=INPUTS, rows=[dict.fromkeys(INPUTS)])


def test_more_inputs_than_a_function_can_have(connection: Connection) -> None:
    names = [f"f{number}" for number in range(150)]
    history.create(connection, FeatureSet("wide", {"id": "bigint"}, tuple(Feature(name, "float8") for name in names)))
    rng = np.random.default_rng(1)
    data = pd.DataFrame(rng.normal(size=(200, 150)), columns=names)
    model = LinearRegression().fit(data, data.sum(axis=1) + rng.normal(size=200))
    register_model(connection, "wide_model", model, inputs={name: f"wide.{name}" for name in names})
    deploy(connection, "wide_model", "wide_model")
    values = [float(value) for value in data.iloc[3]]
    places = psycopg.sql.SQL(", ").join([psycopg.sql.Placeholder()] * 150)
    connection.execute(psycopg.sql.SQL("INSERT INTO wide VALUES (1, {})").format(places), values)
    row = connection.execute("INSERT INTO wide_model (id) VALUES (1) RETURNING prediction").fetchone()
    assert row is not None
    assert row[0] == pytest.approx(model.predict(data.iloc[[3]])[0], rel=1e-9)
    assert replay(connection, "wide_model").different == 0


def test_the_gate_holds_the_numbers_on_both_sides_of_every_split(connection: Connection) -> None:
    """More than 4,000 rows for one input, told by the trees themselves; a comparison that is off by one number does not pass."""
    generator = np.random.default_rng(4)
    data = pd.DataFrame({"size": generator.normal(size=8000)})
    model = RandomForestRegressor(4, random_state=0, min_samples_leaf=2).fit(data, generator.normal(size=8000))
    register_model(connection, "fine", model, inputs={"size": "double precision"}, rows=data.head(5).to_dict("records"))
    held = np.sort(
        [
            float(row[0])
            for row in connection.execute("SELECT inputs[1] FROM fsdb.model_checks WHERE model = 'fine'").fetchall()
            if row[0] is not None
        ]
    )
    thresholds = {
        t for tree in model.estimators_ for t, f in zip(tree.tree_.threshold, tree.tree_.feature, strict=True) if f >= 0
    }
    assert len(thresholds) > 5000
    singles = held.astype(np.float32)
    for threshold in thresholds:
        first = int(np.searchsorted(singles, threshold, side="right"))  # sklearn compares as float32
        assert singles[first - 1] <= threshold < singles[first]
        assert held[first] == np.nextafter(held[first - 1], np.inf)
