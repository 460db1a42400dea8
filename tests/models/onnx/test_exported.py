"""What exporters write that is read otherwise than it looks, as graphs made by hand: tests/exports has the libraries themselves."""

import json
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper

from fsdb.errors import UnsupportedModel
from fsdb.models import OnnxModel, native_outputs, program_of, same_outputs
from fsdb.models.backends.onnx import RowRefused, Scorer
from fsdb.models.backends.sql.function import NO_NUMBER
from tests.conftest import TestDatabase
from tests.models import scorer
from tests.models.onnx.graphs import FLOAT, INT64, model, node, perceptron
from tests.models.parity import assert_parity, assert_whole

ML = "ai.onnx.ml"
NAMES = ["a", "b", "c"]
TYPES = dict.fromkeys(NAMES, "double precision")


def catboost(loss: str, operator: str = "TreeEnsembleRegressor", **attributes: Any) -> onnx.ModelProto:
    """A stump as CatBoost writes it, the loss in its metadata."""
    prefix = "target" if operator.endswith("Regressor") else "class"
    scores = attributes.pop("scores", 1)
    leaves = [(leaf, number) for leaf in (1, 2) for number in range(scores)]
    attributes |= {
        f"{prefix}_treeids": [0] * len(leaves),
        f"{prefix}_nodeids": [leaf for leaf, _ in leaves],
        f"{prefix}_ids": [number for _, number in leaves],
        f"{prefix}_weights": [(0.75 if leaf == 1 else -0.5) * (-1) ** (number + 1) for leaf, number in leaves],
    }
    outputs: list[tuple[str, int, list[Any]]] = [("predictions", FLOAT, ["N"])]
    if prefix == "class":
        outputs = [("label", INT64, ["N"]), ("probabilities", FLOAT, ["N", scores])]
        attributes["classlabels_int64s"] = list(range(scores))
    else:
        attributes["n_targets"] = 1
    stump = node(
        operator,
        ["features"],
        [name for name, _, _ in outputs],
        ML,
        nodes_treeids=[0, 0, 0],
        nodes_nodeids=[0, 1, 2],
        nodes_featureids=[0, 0, 0],
        nodes_modes=["BRANCH_GT", "LEAF", "LEAF"],
        nodes_values=[0.25, 0.0, 0.0],
        nodes_missing_value_tracks_true=[0, 0, 0],
        nodes_truenodeids=[2, 0, 0],
        nodes_falsenodeids=[1, 0, 0],
        **attributes,
    )
    made = model([stump], [("features", FLOAT, ["N", 3])], outputs, ml=2)
    made.producer_name = "CatBoost"
    helper.set_model_props(made, {"params": json.dumps({"loss_function": {"type": loss}})})
    return made


def stump_rows() -> list[dict[str, Any]]:
    values = [0.25, *(np.nextafter(np.float32(0.25), np.float32(side)) for side in (-1, 1)), None, -3.0, 3e38]
    return [{"a": None if value is None else float(value), "b": 0.0, "c": None} for value in values]


def test_base_values_of_two_classes(module_database: TestDatabase) -> None:
    """onnxruntime would add 1.5 to the first class's trees: 1.5 - 0.75 for a row that has 1.5 + 0.75."""
    options: dict[str, Any] = {"scores": 2, "post_transform": "LOGISTIC"}
    given = catboost("Logloss", "TreeEnsembleClassifier", base_values=[-1.5, 1.5], **options)
    kept = OnnxModel(given, translate=False)
    with module_database.connect() as connection:
        programs = [assert_parity(connection, given, TYPES, stump_rows()), assert_whole(kept, TYPES, stump_rows())]
    for program in programs:
        found = Scorer(program).run({"a": [0.0, 1.0], "b": [0.0, 0.0], "c": [0.0, 0.0]})
        expected = [1 / (1 + np.exp(-score)) for score in (1.5 + 0.75, 1.5 - 0.5)]
        np.testing.assert_allclose(found["probability"], expected, rtol=1e-6)
        assert found["prediction"] == [1, 1]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (catboost("Poisson"), "the logarithm of what a model with the loss Poisson predicts: append an Exp"),
        (catboost("Tweedie"), "the logarithm of what a model with the loss Tweedie predicts: append an Exp"),
        (
            catboost("MultiClassOneVsAll", "TreeEnsembleClassifier", scores=3, post_transform="SOFTMAX"),
            "has a softmax .* MultiClassOneVsAll .*fit with MultiClass, or set post_transform .* to LOGISTIC",
        ),
        (
            catboost("MultiLogloss", "TreeEnsembleClassifier", scores=2, post_transform="SOFTMAX"),
            "one class of the several labels .* MultiLogloss gives: fit a model for each label",
        ),
        (catboost("MultiRMSE"), "does not export the several numbers .* MultiRMSE gives: fit a model for each"),
    ],
    ids=["poisson", "tweedie", "one against all", "labels", "targets"],
)
def test_losses_of_catboost_that_its_file_leaves_out(given: onnx.ModelProto, said: str) -> None:
    with pytest.raises(UnsupportedModel, match=said):
        program_of(given, TYPES)


def test_losses_of_catboost_that_are_served(module_database: TestDatabase) -> None:
    exponential = catboost("Poisson")
    exponential.graph.node[0].output[0] = "logarithm"
    exponential.graph.node.append(node("Exp", ["logarithm"], ["predictions"]))
    every = catboost("MultiClassOneVsAll", "TreeEnsembleClassifier", scores=3, post_transform="LOGISTIC")
    unknown = catboost("RMSE")
    unknown.metadata_props[0].value = "no JSON"
    with module_database.connect() as connection:
        for given in (catboost("RMSE"), exponential, every, unknown):
            assert_parity(connection, given, TYPES, stump_rows())


def test_log_odds_are_no_probability() -> None:
    said = "'scores' of the ONNX model is not a probability of the second class but comes from Gemm.*append a Sigmoid"
    given = perceptron([], [("scores", FLOAT, ["n", 1])], 1)
    with pytest.raises(UnsupportedModel, match=said):
        program_of(OnnxModel(given, classes=(0, 1)), TYPES)
    added = [node("MatMul", ["scores", "one"], ["m"]), node("Add", ["m", "bias"], ["y"])]
    given = perceptron(added, [("y", FLOAT, ["n", 1])], 1)
    for name, value in (("one", [[1.0]]), ("bias", [0.5])):
        given.graph.initializer.append(onnx.numpy_helper.from_array(np.array(value, dtype=np.float32), name))
    with pytest.raises(UnsupportedModel, match="comes from MatMul"):
        program_of(OnnxModel(given, classes=(0, 1)), TYPES)


def recurrent(*first: Any, constants: dict[str, Any] | None = None) -> onnx.ModelProto:
    """An LSTM over the columns, behind other nodes that make the tensor 'given' of 'x'."""
    rng = np.random.default_rng(7)
    nodes = [
        *first,
        node("Transpose", ["given"], ["s"], perm=[1, 0]),
        node("Unsqueeze", ["s", "two"], ["t"]),
        node("LSTM", ["t", "w", "r"], ["", "h"], hidden_size=1),
        node("Squeeze", ["h", "zero"], ["y"]),
    ]
    kept = {
        "two": np.array([2], dtype=np.int64),
        "zero": np.array([0], dtype=np.int64),
        "w": rng.normal(size=(1, 4, 1)).astype(np.float32),
        "r": rng.normal(size=(1, 4, 1)).astype(np.float32),
        **(constants or {}),
    }
    return model(nodes, [("x", FLOAT, ["n", 3])], [("y", FLOAT, ["n", 1])], kept)


def test_a_missing_number_is_no_number_to_a_recurrence() -> None:
    """onnxruntime's LSTM makes a number of NaN, so that the row would have a prediction of nothing."""
    full = {"a": 0.5, "b": 1.0, "c": -2.0}
    program = assert_whole(recurrent(node("Identity", ["x"], ["given"])), TYPES, [full, {**full, "b": None}])
    found = Scorer(program).run({name: [full[name], None] for name in NAMES})
    assert found["error"][0] is None
    assert 'input "a" of the model is NULL' in found["error"][1]


@pytest.mark.parametrize("inside", [False, True])
def test_a_graph_that_fills_in_what_is_missing(inside: bool) -> None:
    """By IsNaN, in the graph or in a function of it, as torch.nan_to_num is exported."""
    filled = [node("IsNaN", ["x"], ["n"]), node("Where", ["n", "fill", "x"], ["given"])]
    fill = {"fill": np.array([0.5], dtype=np.float32)}
    if inside:
        given = recurrent(node("Filled", ["x", "fill"], ["given"], "own"), constants=fill)
        opset = [helper.make_opsetid("", 21)]
        given.functions.append(helper.make_function("own", "Filled", ["x", "fill"], ["given"], filled, opset))
        given.opset_import.append(helper.make_opsetid("own", 1))
    else:
        given = recurrent(*filled, constants=fill)
    full = {"a": 0.5, "b": 1.0, "c": -2.0}
    program = assert_whole(given, TYPES, [full, {**full, "b": None}])
    missing, same = Scorer(program).run({"a": [None, 0.5], "b": [1.0, 1.0], "c": [-2.0, -2.0]})["prediction"]
    assert missing == same


def embedding() -> onnx.ModelProto:
    """A row of a table for each of five codes, and a number beside it."""
    table = np.arange(10, dtype=np.float32).reshape(5, 2)
    nodes = [
        node("Gather", ["table", "code"], ["vector"], axis=0),
        node("Concat", ["vector", "x"], ["all"], axis=1),
        node("MatMul", ["all", "w"], ["y"]),
    ]
    weights = np.array([[1.0], [2.0], [3.0]], dtype=np.float32)
    inputs: list[tuple[str, int, list[Any]]] = [("code", INT64, ["n"]), ("x", FLOAT, ["n", 1])]
    return model(nodes, inputs, [("y", FLOAT, ["n", 1])], {"table": table, "w": weights})


def test_a_code_without_a_vector_is_refused_alone() -> None:
    types = {"code": "bigint", "x": "real"}
    rows = [{"code": code, "x": 0.5} for code in (0, 4, 5, 2, 99, 1, 3)]
    program = assert_whole(embedding(), types, rows)
    scorer = Scorer(program)
    found = scorer.run({name: [row[name] for row in rows] for name in types})
    assert [error is not None for error in found["error"]] == [False, False, True, False, True, False, False]
    assert found["error"][2].startswith(
        "fsdb: onnxruntime does not take this row (indices element out of data bounds, idx=5"
    )
    assert found["prediction"][3] == 4 + 2 * 5 + 1.5
    with pytest.raises(RowRefused, match=r"onnxruntime does not take this row .*idx=5"):
        scorer.row([5, 0.5])
    only = scorer.run({"code": [7], "x": [0.0]})
    assert len(only["error"]) == 1
    assert "idx=7" in only["error"][0]
    many = scorer.run({"code": [9 if at == 1024 else at % 5 for at in range(1025)], "x": [0.5] * 1025})
    assert [at for at, error in enumerate(many["error"]) if error] == [1024]
    assert many["prediction"][:1024].tolist() == [scorer.row([at % 5, 0.5])[0] for at in range(1024)]


VIEWS: list[list[Any]] = [
    [  # x.view(x.size(0), -1)
        node("Shape", ["scores"], ["shape"]),
        node("Gather", ["shape", "zero"], ["rows"], axis=0),
        node("Unsqueeze", ["rows", "first"], ["r"]),
        node("Concat", ["r", "rest"], ["wanted"], axis=0),
        node("Reshape", ["scores", "wanted"], ["y"]),
    ],
    [  # x.flatten(1)
        node("Shape", ["scores"], ["shape"]),
        node("Slice", ["shape", "first", "one", "first"], ["rows"]),
        node("Cast", ["rows"], ["r"], to=INT64),
        node("Concat", ["r", "rest"], ["wanted"], axis=0),
        node("Reshape", ["scores", "wanted"], ["y"]),
    ],
    [  # x.flatten()
        node("Shape", ["scores"], ["shape"]),
        node("Slice", ["shape", "first", "first", "first"], ["none"]),
        node("Concat", ["none", "rest"], ["wanted"], axis=0),
        node("Reshape", ["scores", "wanted"], ["flat"]),
        node("Unsqueeze", ["flat", "one"], ["y"]),
    ],
]


@pytest.mark.parametrize("nodes", VIEWS, ids=["view", "flatten rows", "flatten"])
def test_shapes_that_are_computed(module_database: TestDatabase, nodes: list[Any]) -> None:
    given = perceptron(nodes, [("y", FLOAT, ["n", 1])], 1)
    for name, value in (("zero", 0), ("first", [0]), ("one", [1]), ("rest", [-1])):
        given.graph.initializer.append(onnx.numpy_helper.from_array(np.array(value, dtype=np.int64), name))
    rows = [{"a": 0.5, "b": 1.0, "c": -2.0}, {"a": 1e3, "b": 0.0, "c": 3.0}, {"a": None, "b": 0.0, "c": 3.0}]
    with module_database.connect() as connection:
        assert_parity(connection, given, TYPES, rows)


def test_rows_as_columns_stay_whole() -> None:
    """A transposed shape puts rows where columns are: no step has that."""
    nodes = [
        node("Shape", ["x"], ["shape"]),
        node("Gather", ["shape", "turned"], ["wanted"], axis=0),
        node("Reshape", ["x", "wanted"], ["t"]),
        node("Reshape", ["t", "back"], ["b"]),
        node("ReduceSum", ["b", "one"], ["y"], keepdims=1),
    ]
    constants = {"turned": [1, 0], "back": [-1, 3], "one": [1]}
    arrays = {name: np.array(value, dtype=np.int64) for name, value in constants.items()}
    given = model(nodes, [("x", FLOAT, ["n", 3])], [("y", FLOAT, ["n", 1])], arrays)
    assert_whole(given, TYPES, [{"a": 0.5, "b": 1.0, "c": -2.0}, {"a": 4.0, "b": 0.0, "c": 3.0}])


@pytest.mark.parametrize("last", ["Identity", "Sigmoid", "Exp", "Tanh", "Clip", "Relu", "Softmax", "Sqrt", "Abs"])
def test_nan_is_no_prediction_in_any_runtime(database: TestDatabase, last: str) -> None:
    """Two sums that overflow float32 with opposite signs: infinity less infinity, whatever comes after it."""
    inputs = ["z", "zero", "one"] if last == "Clip" else ["z"]
    graph = model(
        [
            node("MatMul", ["x", "w"], ["hidden"]),
            node("Relu", ["hidden"], ["positive"]),
            node("MatMul", ["positive", "v"], ["z"]),
            node(last, inputs, ["y"]),
        ],
        [("x", FLOAT, ["N", 3])],
        [("y", FLOAT, ["N", 1])],
        {
            "w": np.full((3, 2), 4.0, np.float32),
            "v": np.array([[1.0], [-1.0]], np.float32),
            "zero": np.array(0.0, np.float32),
            "one": np.array(1.0, np.float32),
        },
    )
    rows = [{"a": 1.0, "b": 2.0, "c": 3.0}, {"a": 3e38, "b": 3e38, "c": 0.0}, {"a": -3e38, "b": 0.0, "c": 0.0}]
    program = program_of(OnnxModel(graph.SerializeToString()), TYPES)
    natives = native_outputs(OnnxModel(graph.SerializeToString()), program, rows)
    assert [("error" in native) for native in natives] == [False, True, False]
    with database.connect() as connection:
        scorer.deploy(connection, program)
        found = scorer.score(connection, program, rows)
    assert found[1] == {"error": NO_NUMBER, "code": "22023"}
    assert Scorer(program).run({name: [row[name] for row in rows] for name in NAMES})["error"] == [
        None,
        NO_NUMBER,
        None,
    ]
    assert all(same_outputs(native, one, 1e-6) for native, one in zip(natives, found, strict=True))
