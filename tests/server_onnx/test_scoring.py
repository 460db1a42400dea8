"""What an INSERT gives where onnxruntime scores in the server, against the native predict on features found by brute force."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import psycopg
import pytest
from onnx import TensorProto, helper, numpy_helper
from psycopg.rows import dict_row
from psycopg.sql import SQL, Identifier, Placeholder
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from xgboost import XGBClassifier

from fsdb.catalog.models import program_text
from fsdb.deployments import deploy, register_model, replay, rollback
from fsdb.models import Program, native_outputs, same_outputs
from tests.deployments.test_scoring import INSERT, insert
from tests.deployments.world import INPUTS, World, forest, frame, gradient_boosted, requests, strict, three_classes

COLUMNS = [f"x{number}" for number in range(6)]


def registered(connection: psycopg.Connection, estimator: Any) -> Program:
    """Registers the estimator as flight_delay on the world's features."""
    rows = frame(60, seed=5).astype(object).where(lambda data: data.notna(), None).to_dict("records")
    version = register_model(connection, "flight_delay", estimator, inputs=INPUTS, rows=rows)
    return Program.from_json(program_text(connection, "flight_delay", version.version))


@pytest.mark.parametrize("make", [gradient_boosted, three_classes, forest])
def test_scores_as_the_native_predict(world: World, make: Callable[[], Any]) -> None:
    estimator = make()
    program = registered(world.connection, estimator)
    deployment = deploy(world.connection, "flight_delay", "flight_delay", runtime="onnx")
    assert deployment.runtime == "onnx"
    for request in requests():
        row = insert(world.connection, request)
        given = world.given(request, row["scored_at"])
        (native,) = native_outputs(estimator, program, [given])
        assert same_outputs(native, row), (request, given, native, row)
    report = replay(world.connection, "flight_delay")
    assert (report.checked, report.different) == (len(requests()), 0)


def test_refused_rows_read_the_same_in_both_runtimes(world: World) -> None:
    estimator = strict()
    program = registered(world.connection, estimator)
    for runtime in ("sql", "onnx"):
        deploy(world.connection, "flight_delay", f"flight_delay_{runtime}", runtime=runtime)
    refused = 0
    for request in requests():
        outcomes = []
        for runtime in ("sql", "onnx"):
            try:
                with world.connection.cursor(row_factory=dict_row) as cursor:
                    row = cursor.execute(
                        SQL(INSERT.replace("flight_delay", "{}")).format(Identifier(f"flight_delay_{runtime}")), request
                    ).fetchone()
                assert row is not None
                given = world.given(request, row["scored_at"])
                (native,) = native_outputs(estimator, program, [given])
                assert row.pop("error") is None
                assert same_outputs(native, row), (runtime, given, native, row)
                outcomes.append("scored")
            except psycopg.DataError as error:
                outcomes.append((error.sqlstate, error.diag.message_primary))
                refused += 1
        assert outcomes[0] == outcomes[1], request
    assert 0 < refused < 2 * len(requests())


def test_a_row_that_cannot_be_scored_is_recorded_with_the_reason(world: World) -> None:
    registered(world.connection, strict())
    deploy(world.connection, "flight_delay", "flight_delay", runtime="onnx", on_error="null")
    row = world.connection.execute(
        "INSERT INTO flight_delay (origin, distance) VALUES ('JFK', NULL) RETURNING prediction, error"
    ).fetchone()
    assert row is not None
    assert row[0] is None
    assert row[1].startswith('fsdb: input "')


def test_one_table_goes_from_runtime_to_runtime_and_back(world: World) -> None:
    connection = world.connection
    registered(connection, gradient_boosted())
    for runtime in ("sql", "onnx", "sql"):
        assert deploy(connection, "flight_delay", "flight_delay", runtime=runtime).runtime == runtime
        insert(connection, requests()[0])
    assert rollback(connection, "flight_delay").runtime == "onnx"
    insert(connection, requests()[0])
    rows = connection.execute("SELECT prediction, probability FROM flight_delay ORDER BY prediction_id").fetchall()
    assert len({row[0] for row in rows}) == 1
    assert np.ptp([row[1] for row in rows]) <= 1e-9 * max(row[1] for row in rows)
    assert rows[0] == rows[2]
    assert rows[1] == rows[3]
    report = replay(connection, "flight_delay")
    assert (report.checked, report.different) == (4, 0)


def test_rows_of_one_statement_get_their_own_predictions(world: World) -> None:
    connection = world.connection
    estimator = forest()
    program = registered(connection, estimator)
    deploy(connection, "flight_delay", "flight_delay", runtime="onnx")
    connection.execute(
        "INSERT INTO flight_delay (origin, distance, hour) SELECT 'JFK', n * 7 %% 1500, n %% 24 FROM generate_series(1, 500) n ORDER BY md5(n::text)",
        [],
    )
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute("SELECT * FROM flight_delay").fetchall()
    given = [world.given({"carrier": None, "tailnum": None, **row}, row["scored_at"]) for row in rows]
    for native, row in zip(native_outputs(estimator, program, given), rows, strict=True):
        assert row.pop("error") is None
        assert same_outputs(native, row), row


def _data(rows: int = 300, columns: int = 6, seed: int = 0) -> pd.DataFrame:
    generator = np.random.default_rng(seed)
    names = [f"x{number}" for number in range(columns)]
    return pd.DataFrame(generator.normal(size=(rows, columns)), columns=names).astype(np.float32).astype(float)


def _three(data: pd.DataFrame) -> np.ndarray:
    return np.digitize(data.sum(axis=1), [-1.5, 1.5])


def _convolution() -> bytes:
    """A graph that no step of a program expresses."""
    weights = np.random.default_rng(1).normal(size=(4, 1, 3)).astype(np.float32)
    dense = np.random.default_rng(2).normal(size=(16, 1)).astype(np.float32)
    nodes = [
        helper.make_node("Unsqueeze", ["x", "one"], ["wide"]),
        helper.make_node("Conv", ["wide", "w"], ["c"], kernel_shape=[3]),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("Flatten", ["r"], ["f"]),
        helper.make_node("MatMul", ["f", "d"], ["y"]),
    ]
    initializers = [
        numpy_helper.from_array(weights, "w"),
        numpy_helper.from_array(dense, "d"),
        numpy_helper.from_array(np.array([1]), "one"),
    ]
    graph = helper.make_graph(
        nodes,
        "conv",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 6])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 1])],
        initializers,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    return bytes(model.SerializeToString())


@pytest.mark.parametrize(
    "make",
    [
        lambda data: LogisticRegression().fit(data, data.x0 + data.x1 > 0),
        lambda data: MLPClassifier((8, 8), max_iter=400, random_state=0, tol=1e-2).fit(data, _three(data)),
        lambda data: GradientBoostingClassifier(n_estimators=5, random_state=0).fit(data, _three(data)),
        lambda data: RandomForestClassifier(5, random_state=0).fit(data, np.array(["a", "b", "c"])[_three(data)]),
        lambda data: RandomForestRegressor(5, random_state=0).fit(data, data.sum(axis=1)),
        lambda data: XGBClassifier(n_estimators=5, max_depth=3).fit(data, data.x0 * data.x1 > 0),
        lambda _: _convolution(),
    ],
    ids=["logistic", "mlp", "gradient boosting", "forest", "forest regression", "xgboost", "convolution"],
)
def test_models_of_every_kind(connection: psycopg.Connection, make: Callable[[pd.DataFrame], Any]) -> None:
    data = _data()
    estimator = make(data)
    register_model(connection, "m", estimator, inputs=dict.fromkeys(COLUMNS, "float8"), rows=data.to_dict("records"))
    deploy(connection, "m", "m", runtime="onnx")
    program = Program.from_json(program_text(connection, "m", 1))
    fresh = _data(200, seed=9)
    with connection.cursor(row_factory=dict_row) as cursor:
        cursor.executemany(
            "INSERT INTO m (x0, x1, x2, x3, x4, x5) VALUES (%s, %s, %s, %s, %s, %s)", fresh.to_numpy().tolist()
        )
        rows = cursor.execute("SELECT * FROM m ORDER BY prediction_id").fetchall()
    native = native_outputs(estimator, program, fresh.to_dict("records"))
    for expected, row in zip(native, rows, strict=True):
        assert row.pop("error") is None
        assert same_outputs(expected, row, program.tolerance), (expected, row)
    assert len({row["prediction"] for row in rows}) > 1
    assert replay(connection, "m").different == 0


def test_more_inputs_than_a_function_has_parameters(connection: psycopg.Connection) -> None:
    data = _data(200, 110)
    data["flag"] = data.x3 > 0
    data["word"] = np.where(data.x4 > 0, "01", "1")
    from sklearn.compose import make_column_transformer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    encode = make_column_transformer((OneHotEncoder(), ["word"]), remainder="passthrough")
    estimator = make_pipeline(encode, LogisticRegression()).fit(data, data.x0 + data.flag + (data.word == "1") > 1)
    inputs = {name: {"flag": "boolean", "word": "text"}.get(name, "float8") for name in ["word", *data.columns[:-1]]}
    register_model(connection, "m", estimator, inputs=inputs, rows=data.to_dict("records"))
    deploy(connection, "m", "m", runtime="onnx")
    given = data.head(20)
    statement = SQL("INSERT INTO m ({}) VALUES ({}) RETURNING prediction, probability").format(
        SQL(", ").join(map(Identifier, given.columns)), SQL(", ").join([Placeholder()] * len(given.columns))
    )
    predictions = [connection.execute(statement, row).fetchone() for row in given.astype(object).to_numpy().tolist()]
    assert [row[0] for row in predictions] == estimator.predict(given).tolist()
    np.testing.assert_allclose([row[1] for row in predictions], estimator.predict_proba(given)[:, 1], rtol=1e-9)
    (loaded,) = connection.execute("SELECT fsdb.warm_up()").fetchone()
    assert loaded == 1
