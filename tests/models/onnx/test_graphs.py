"""Graphs made by hand: networks as PyTorch exports them, single operators, and graphs that only onnxruntime runs."""

from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, numpy_helper

from fsdb.errors import UnsupportedModel
from fsdb.models import OnnxModel, compile_functions, program_of
from fsdb.models.backends.onnx import Scorer
from tests.conftest import TestDatabase
from tests.models.edges import edge_rows
from tests.models.onnx.graphs import BOOL, DOUBLE, FLOAT, INT32, INT64, STRING, model, node, perceptron
from tests.models.parity import assert_parity, assert_whole

NAMES = ["a", "b", "c"]
TYPES = dict.fromkeys(NAMES, "double precision")
SEED = 4023
ML = "ai.onnx.ml"


def _rows(largest: float = 1e15) -> list[dict[str, Any]]:
    rows = edge_rows(NAMES, SEED)
    return [row for row in rows if all(value is None or not largest < abs(value) < np.inf for value in row.values())]


def test_a_regression_network(module_database: TestDatabase) -> None:
    given = perceptron([], [("scores", FLOAT, ["batch", 1])], 1)
    with module_database.connect() as connection:
        program = assert_parity(connection, given, TYPES, _rows())
    assert program.prediction_type == "double precision"
    assert {type(step).__name__ for step in program.steps} >= {"Layer"} or len(program.steps) > 3


@pytest.mark.parametrize("classes", [("a", "b", "01"), (0, 1, 2)])
@pytest.mark.parametrize("softmax", [True, False])
def test_scores_of_classes(module_database: TestDatabase, classes: Any, softmax: bool) -> None:
    last = [node("Softmax", ["scores"], ["y"], axis=1)] if softmax else []
    name = "y" if softmax else "scores"
    given = perceptron(last, [(name, FLOAT, ["batch", 3])], 3)
    with module_database.connect() as connection:
        program = assert_parity(connection, OnnxModel(given, classes=classes), TYPES, _rows())
    assert program.classes == classes
    assert program.has_probabilities is softmax
    assert_whole(OnnxModel(given, classes=classes, translate=False), TYPES, _rows())


def test_one_probability(module_database: TestDatabase) -> None:
    given = perceptron([node("Sigmoid", ["scores"], ["y"])], [("y", FLOAT, ["batch", 1])], 1)
    with module_database.connect() as connection:
        program = assert_parity(connection, OnnxModel(given, classes=(False, True)), TYPES, _rows(20.0))
        assert program.prediction_type == "boolean"
        assert program.has_probability
        assert not program.has_probabilities
        assert assert_parity(connection, given, TYPES, _rows(20.0)).classes is None
    assert_whole(OnnxModel(given, classes=(False, True), translate=False), TYPES, _rows())


def test_a_label_with_names(module_database: TestDatabase) -> None:
    nodes = [node("ArgMax", ["scores"], ["label"], axis=1, keepdims=0), node("Softmax", ["scores"], ["prob"])]
    outputs: list[tuple[str, int, list[Any]]] = [("label", INT64, ["batch"]), ("prob", FLOAT, ["batch", 3])]
    given = perceptron(nodes, outputs, 3)
    with module_database.connect() as connection:
        assert assert_parity(connection, given, TYPES, _rows()).classes == (0, 1, 2)
        named = assert_parity(connection, OnnxModel(given, classes=("x", "y", "z")), TYPES, _rows())
    assert named.classes == ("x", "y", "z")
    assert named.has_probabilities


ELEMENTWISE = [
    [node("Add", ["x", "v"], ["y"])],
    [node("Sub", ["v", "x"], ["y"])],
    [node("Mul", ["x", "v"], ["y"])],
    [node("Div", ["x", "v"], ["y"])],
    [node("Abs", ["x"], ["t"]), node("Sqrt", ["t"], ["y"])],
    [node("Neg", ["x"], ["y"])],
    [node("Tanh", ["x"], ["y"])],
    [node("Sigmoid", ["x"], ["y"])],
    [node("Relu", ["x"], ["y"])],
    [node("LeakyRelu", ["x"], ["y"], alpha=0.2)],
    [node("Clip", ["x", "low", "high"], ["y"])],
    [node("Floor", ["x"], ["y"])],
    [node("Clip", ["x", "low", "high"], ["t"]), node("Exp", ["t"], ["y"])],
    [node("BatchNormalization", ["x", "v", "u", "u", "v"], ["y"])],
    [node("Dropout", ["x"], ["y"])],
    [node("Mul", ["x", "v"], ["t"]), node("Add", ["t", "x"], ["y"])],
    [node("Mul", ["x", "x"], ["y"])],
    [node("Concat", ["x", "x"], ["t"], axis=1), node("Gather", ["t", "places"], ["y"], axis=1)],
    [node("Unsqueeze", ["x", "one"], ["s"]), node("Squeeze", ["s", "one"], ["y"])],
    [node("Reshape", ["x", "three"], ["y"])],
    [node("Flatten", ["x"], ["y"])],
    [node("Cast", ["x"], ["t"], to=TensorProto.DOUBLE), node("Cast", ["t"], ["y"], to=TensorProto.FLOAT)],
    [node("Scaler", ["x"], ["y"], ML, offset=[0.5, 1.5, 0.0], scale=[2.0, 3.0, 0.1])],
    [node("Normalizer", ["x"], ["y"], ML, norm="L1")],
    [node("Imputer", ["x"], ["y"], ML, imputed_value_floats=[0.5, 1.0, 2.0], replaced_value_float=float("nan"))],
    [node("Softmax", ["x"], ["y"], axis=-1)],
    [node("MatMul", ["x", "square"], ["t"]), node("Add", ["t", "v"], ["y"])],
]


@pytest.mark.parametrize("nodes", ELEMENTWISE, ids=lambda nodes: "-".join(given.op_type for given in nodes))
def test_operators(module_database: TestDatabase, nodes: list[Any]) -> None:
    constants = {
        "v": np.array([0.5, 2.0, 1.5], dtype=np.float32),
        "u": np.array([0.25, -1.0, 0.1], dtype=np.float32),
        "low": np.float32(-1.0),
        "high": np.float32(1.25),
        "places": np.array([2, 0, 5], dtype=np.int64),
        "one": np.array([1], dtype=np.int64),
        "three": np.array([-1, 3], dtype=np.int64),
        "square": np.random.default_rng(SEED).normal(size=(3, 3)).astype(np.float32),
        "w": np.array([[1.0], [0.5], [-0.25]], dtype=np.float32),
        "ten": np.array([10.0], dtype=np.float32),
    }
    used = {name for given in nodes for name in given.input} | {"w", "ten"}
    given = model(
        # 10 is added lest the sum be the rounding of terms that cancel each other.
        [*nodes, node("MatMul", ["y", "w"], ["sum"]), node("Add", ["sum", "ten"], ["out"])],
        [("x", FLOAT, [None, 3])],
        [("out", FLOAT, [None, 1])],
        {name: value for name, value in constants.items() if name in used},
    )
    kinds = {one.op_type for one in nodes}
    with module_database.connect() as connection:
        assert_parity(connection, given, TYPES, _rows(1e4 if kinds & {"Sigmoid", "Softmax"} else 1e15), limit=60)


def _stump(mode: str, missing: int, dtype: Any) -> list[Any]:
    """TreeEnsemble of ai.onnx.ml 5 with one split of each column."""
    modes = {"LEQ": 0, "LT": 1, "GTE": 2, "GT": 3}
    return [
        node(
            "TreeEnsemble",
            ["x"],
            ["y"],
            ML,
            n_targets=1,
            tree_roots=[0, 1, 2],
            nodes_featureids=[0, 1, 2],
            nodes_splits=numpy_helper.from_array(np.array([0.1, 16777217.0, -0.7], dtype=dtype)),
            nodes_modes=numpy_helper.from_array(np.full(3, modes[mode], dtype=np.uint8)),
            nodes_missing_value_tracks_true=[missing, 1 - missing, missing],
            nodes_truenodeids=[0, 2, 4],
            nodes_trueleafs=[1, 1, 1],
            nodes_falsenodeids=[1, 3, 5],
            nodes_falseleafs=[1, 1, 1],
            leaf_targetids=[0] * 6,
            leaf_weights=numpy_helper.from_array(np.array([0.1, 0.7, 1e3, -3.0, 0.0, 5.5], dtype=dtype)),
        )
    ]


@pytest.mark.parametrize("mode", ["LEQ", "LT", "GTE", "GT"])
@pytest.mark.parametrize(("kind", "dtype"), [(FLOAT, np.float32), (DOUBLE, np.float64)])
def test_splits(module_database: TestDatabase, mode: str, kind: int, dtype: Any) -> None:
    given = model(_stump(mode, len(mode) % 2, dtype), [("x", kind, [None, 3])], [("y", kind, [None, 1])])
    rows = edge_rows(NAMES, SEED)
    for value in (0.1, float(np.float32(0.1)), 16777217.0, 16777216.0, -0.7, float(np.float32(-0.7))):
        rows += [dict.fromkeys(NAMES, near) for near in (np.nextafter(value, -9e9), value, np.nextafter(value, 9e9))]
        rows += [dict.fromkeys(NAMES, float(np.nextafter(np.float32(value), np.float32(side)))) for side in (-9e9, 9e9)]
    rows = [{name: None if value is None else float(value) for name, value in row.items()} for row in rows]
    with module_database.connect() as connection:
        program = assert_parity(connection, given, TYPES, rows)
    assert program.tolerance == (1e-5 if kind == FLOAT else 1e-9)


def test_convolution_and_recurrence_stay_whole() -> None:
    rng = np.random.default_rng(SEED)
    convolution = model(
        [
            node("Unsqueeze", ["x", "one"], ["s"]),
            node("Conv", ["s", "kernel"], ["t"], kernel_shape=[2]),
            node("Flatten", ["t"], ["f"]),
            node("ReduceSum", ["f", "one"], ["y"], keepdims=1),
        ],
        [("x", FLOAT, ["n", 3])],
        [("y", FLOAT, ["n", 1])],
        {"one": np.array([1], dtype=np.int64), "kernel": rng.normal(size=(2, 1, 2)).astype(np.float32)},
    )
    program = assert_whole(convolution, TYPES, _rows())
    with pytest.raises(UnsupportedModel, match=r"Conv, Flatten, ReduceSum, Unsqueeze has no SQL form.*runtime='onnx'"):
        compile_functions(program, "public", "score")
    recurrent = model(
        [
            node("Transpose", ["x"], ["s"], perm=[1, 0]),
            node("Unsqueeze", ["s", "two"], ["t"]),
            node("LSTM", ["t", "w", "r"], ["", "h"], hidden_size=2),
            node("Squeeze", ["h", "zero"], ["g"]),
            node("ArgMax", ["g"], ["label"], axis=1, keepdims=0),
            node("Softmax", ["g"], ["prob"], axis=1),
        ],
        [("x", FLOAT, ["n", 3])],
        [("label", INT64, ["n"]), ("prob", FLOAT, ["n", 2])],
        {
            "two": np.array([2], dtype=np.int64),
            "zero": np.array([0], dtype=np.int64),
            "w": rng.normal(size=(1, 8, 1)).astype(np.float32),
            "r": rng.normal(size=(1, 8, 2)).astype(np.float32),
        },
    )
    program = assert_whole(recurrent, TYPES, _rows())
    assert program.classes == (0, 1)
    assert program.has_probability


def test_tensors_of_every_type_in_a_whole_graph() -> None:
    """A number is what onnxruntime makes of float, double, int64, int32, bool and string tensors together."""
    nodes = [
        node("LabelEncoder", ["city"], ["city1"], ML, keys_strings=["JFK", "01234"], values_floats=[1.5, 2.5], default_float=-1.0),
        *[node("Cast", [name], [f"{name}1"], to=FLOAT) for name in ("d", "i", "j", "flag")],
        node("Sum", ["city1", "f", "d1", "i1", "j1", "flag1"], ["y"]),
    ]  # fmt: skip
    inputs: list[tuple[str, int, list[Any]]] = [
        ("city", STRING, ["n"]),
        ("f", FLOAT, ["n"]),
        ("d", DOUBLE, ["n"]),
        ("i", INT64, ["n"]),
        ("j", INT32, ["n"]),
        ("flag", BOOL, ["n"]),
    ]
    given = model(nodes, inputs, [("y", FLOAT, ["n"])])
    types = {"flag": "boolean", "city": "text", "f": "real", "d": "numeric", "i": "bigint", "j": "smallint"}
    full = {"city": "JFK", "f": 0.25, "d": 2.5, "i": 7, "j": -3, "flag": True}
    rows = [
        full,
        {**full, "city": "unseen"},
        {**full, "city": "", "flag": False},
        {**full, "city": "01234", "i": 10**15},
    ]
    rows += [{**full, name: None} for name in full]
    program = assert_whole(given, types, rows)
    found = Scorer(program).run({name: [row[name] for row in rows] for name in types})
    assert found["prediction"][0] == pytest.approx(1.5 + 0.25 + 2.5 + 7 - 3 + 1)
    assert [error is not None for error in found["error"]] == [False] * 4 + [True] * 6
    assert 'input "city" of the model is NULL' in found["error"][4]
    large = Scorer(program).run({name: [2**40 if name == "j" else full[name]] for name in types})
    assert large["error"] == ['fsdb: input "j" of the model is too large for int32; correct it']


def test_a_row_alone_is_as_among_others() -> None:
    """onnxruntime adds up products for one row otherwise than for several: the scorer hides it."""
    given = OnnxModel(perceptron([], [("scores", FLOAT, ["batch", 1])], 1), translate=False)
    scorer = Scorer(program_of(given, TYPES))
    X = np.random.default_rng(SEED).normal(size=(1025, 3))
    together = scorer.run({name: X[:, place].tolist() for place, name in enumerate(NAMES)})["prediction"]
    alone = [scorer.row(row)[0] for row in X.tolist()]
    assert together.tolist() == alone
