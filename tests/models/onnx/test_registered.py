"""ONNX models registered, deployed and scored by INSERT."""

import numpy as np
import onnxruntime
import psycopg
import pytest
from skl2onnx import to_onnx
from sklearn.ensemble import RandomForestClassifier

from fsdb.deployments import deploy, register_model
from fsdb.deployments.registry import load_program
from fsdb.errors import UnsupportedModel
from tests.models.onnx.graphs import FLOAT, model, node

TYPES = {"a": "double precision", "b": "double precision"}
SEED = 4025


def test_a_file_scores_inserted_rows(connection: psycopg.Connection) -> None:
    X = np.random.default_rng(SEED).normal(size=(200, 2)).astype(np.float32)
    estimator = RandomForestClassifier(9, max_depth=5).fit(X, np.where(X[:, 0] * X[:, 1] > 0, "yes", "no"))
    content = to_onnx(estimator, X[:1], options={"zipmap": False}).SerializeToString()
    rows = [dict(zip("ab", map(float, row), strict=True)) for row in X[:50]]
    version = register_model(connection, "signs", content, inputs=TYPES, rows=rows)
    assert version.estimator == "ONNX(TreeEnsembleClassifier)"
    assert version.framework == "onnx"
    deploy(connection, "signs", "signs", runtime="sql")
    labels, shares = onnxruntime.InferenceSession(content).run(None, {"X": X})
    for row, label, share in zip(X[:20].tolist(), labels, shares, strict=False):
        found = connection.execute(
            "INSERT INTO signs (a, b) VALUES (%s, %s) RETURNING prediction, probability", row
        ).fetchone()
        assert found == (label, pytest.approx(share[1], rel=1e-5))


def test_roundings_that_steps_do_not_follow(connection: psycopg.Connection) -> None:
    """A difference of nearly equal float32 numbers: as steps it is another number, so the graph is kept."""
    weights = np.array([[1e4], [-1e4]], dtype=np.float32)
    nodes = [node("Tanh", ["x"], ["t"]), node("MatMul", ["t", "w"], ["y"])]
    graph = model(nodes, [("x", FLOAT, [None, 2])], [("y", FLOAT, [None, 1])], {"w": weights})
    rows = [{"a": 0.3 + step * 1e-3, "b": 0.3000011 + step * 1e-3} for step in range(20)]
    version = register_model(connection, "difference", graph, inputs=TYPES, rows=rows)
    kinds = [type(step).__name__ for step in load_program(connection, version).steps]
    assert kinds == ["Bounds", "Graph"]
    with pytest.raises(UnsupportedModel, match=r"ONNX graph with MatMul, Tanh has no SQL form"):
        deploy(connection, "difference", "difference", runtime="sql")
    plain = [{"a": 0.5, "b": 0.25}, {"a": -1.0, "b": 2.0}]
    version = register_model(connection, "plain", graph, inputs=TYPES, rows=plain)
    assert "Graph" not in [type(step).__name__ for step in load_program(connection, version).steps]
