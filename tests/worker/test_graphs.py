"""Models that no other runtime here can have: ONNX graphs as a whole, with tensors of every type."""

from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper
from psycopg.rows import dict_row

import fsdb
from fsdb.deployments import deploy, get_deployment, register_model, replay
from fsdb.deployments.registry import load_program
from fsdb.errors import UnsupportedModel
from fsdb.models import native_outputs, same_outputs
from tests.conftest import TestDatabase
from tests.deployments.world import World
from tests.models.onnx.graphs import BOOL, DOUBLE, FLOAT, INT32, INT64, STRING, model, node
from tests.worker.served import work_once

BOUND = {
    "city": "text",
    "f": "weather.temp",
    "d": "numeric",
    "i": "bigint",
    "j": "smallint",
    "flag": "boolean",
}


def graph() -> bytes:
    """A sum of tensors of six types, through a convolution that no step of a program expresses."""
    codes: dict[str, Any] = {"keys_strings": ["JFK", "01234"], "values_floats": [1.5, 2.5], "default_float": -1.0}
    made = model(
        [
            node("LabelEncoder", ["city"], ["city1"], "ai.onnx.ml", **codes),
            *[node("Cast", [name], [f"{name}1"], to=FLOAT) for name in ("d", "i", "j", "flag")],
            node("Sum", ["city1", "f", "d1", "i1", "j1", "flag1"], ["s"]),
            node("Unsqueeze", ["s", "places"], ["t"]),
            node("Conv", ["t", "kernel"], ["u"], kernel_shape=[1]),
            node("Flatten", ["u"], ["y"]),
        ],
        [
            ("city", STRING, ["n"]),
            ("f", FLOAT, ["n"]),
            ("d", DOUBLE, ["n"]),
            ("i", INT64, ["n"]),
            ("j", INT32, ["n"]),
            ("flag", BOOL, ["n"]),
        ],
        [("y", FLOAT, ["n", 1])],
        {"places": np.array([1, 2], dtype=np.int64), "kernel": np.array([[[0.25]]], dtype=np.float32)},
    )
    return bytes(made.SerializeToString())


def test_whoever_did_not_ask_for_a_worker_is_told_of_it(database: TestDatabase) -> None:
    nodes = [
        helper.make_node("Softplus", ["x"], ["s"]),
        helper.make_node("ReduceSum", ["s", "axes"], ["y"], keepdims=1),
    ]
    made = helper.make_graph(
        nodes,
        "softly",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", 2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["rows", 1])],
        [helper.make_tensor("axes", TensorProto.INT64, [1], [1])],
    )
    given = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=9).SerializeToString()
    with fsdb.connect(database.url) as store:
        store.register_model("soft", given, inputs={"a": "float8", "b": "float8"}, rows=[{"a": 1.0, "b": 2.0}])
        with pytest.warns(
            fsdb.NeedsWorker, match="`fsdb worker`, which must be running: .* ReduceSum, Softplus .*PL/Python"
        ):
            deployment = store.deploy("soft", table="soft")
        assert ": " in deployment.reason
        assert "'worker' onnx" not in deployment.reason
        store.deploy("soft", table="asked", runtime="worker")  # no warning, which would be an error
        with store.transaction() as connection:
            connection.execute("INSERT INTO soft (a, b) VALUES (1, 2)")
        told = "model soft version 1, runtime worker, 1 row waits for fsdb worker"
        assert repr(deployment) == f"<Deployment soft: {told}>"
        assert [part.note for part in store.status().parts if part.name == "soft"] == [told]
        work_once(database)
        assert "0 rows wait" in repr(deployment)


def test_a_whole_graph_is_scored_by_workers(world: World, database: TestDatabase) -> None:
    connection, given = world.connection, graph()
    full = {"city": "JFK", "f": 0.25, "d": 2.5, "i": 7, "j": -3, "flag": True}
    version = register_model(
        connection, "summed", given, inputs=BOUND, rows=[full, {**full, "city": "x", "flag": False}]
    )
    program = load_program(connection, version)
    with pytest.raises(UnsupportedModel, match="Conv"):
        deploy(connection, "summed", "summed", runtime="sql")
    deploy(connection, "summed", "summed")
    assert get_deployment(connection, "summed").runtime == "worker"
    connection.execute(
        "INSERT INTO summed (origin, city, d, i, j, flag) VALUES"
        " ('JFK', 'JFK', 2.5, 7, -3, true), ('JFK', '01234', 1e-3, 9007199254740993, 3, false), ('EWR', '', 1, 2, 3, true),"
        " ('JFK', NULL, 1, 2, 3, true), ('JFK', 'JFK', 1, NULL, 3, true), ('JFK', 'JFK', 1, 2, 3, NULL)"
    )
    work_once(database)
    with connection.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute("SELECT * FROM summed ORDER BY prediction_id").fetchall()
    temperatures = {"JFK": 51.5, "EWR": None}  # the newest versions; that of EWR is a tombstone
    inputs = [{**row, "f": temperatures[row["origin"]]} for row in found]
    for native, row in zip(native_outputs(given, program, inputs), found, strict=True):
        recorded = {"error": row["error"]} if row["error"] else {"prediction": row["prediction"]}
        assert same_outputs(native, recorded, program.tolerance), (native, row)
    assert [row["error"] is None for row in found] == [True, True, False, False, False, False]
    assert 'input "f" of the model is NULL' in found[2]["error"]
    assert replay(connection, "summed").different == 0
