"""ONNX models that are refused at registration, each by name and with what to do."""

from pathlib import Path
from typing import Any

import pytest
from onnx import TensorProto

from fsdb.errors import InvalidData, UnsupportedModel
from fsdb.models import Input, OnnxModel, Program, program_of
from fsdb.models.backends.onnx import Scorer, compile_onnx
from fsdb.models.frontends.onnx import source
from fsdb.models.program import Regression
from fsdb.models.steps import Apply, Graph, Linear, Neighbors
from tests.models.onnx.graphs import DOUBLE, FLOAT, INT64, STRING, model, node, perceptron

TYPES = dict.fromkeys(["a", "b", "c"], "double precision")
REGRESSION = perceptron([], [("scores", FLOAT, ["n", 1])], 1)


def refused(given: Any, said: str, types: dict[str, str] | None = None) -> None:
    with pytest.raises(UnsupportedModel, match=said):
        program_of(given, types or TYPES)


@pytest.mark.parametrize(
    "content", [b"", b"no model", b"\x08\x0a", REGRESSION.SerializeToString()[:-40], b"\xff" * 100]
)
def test_malformed_bytes(content: bytes) -> None:
    refused(content, r"not an ONNX model|has no graph|malformed|cannot load")


def test_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refused(tmp_path / "gone.onnx", r"gone\.onnx' is not a file: give a fitted estimator, or the path or bytes")
    refused("nothing.onnx", "is not a file")
    path = tmp_path / "model.onnx"
    path.write_bytes(REGRESSION.SerializeToString())
    monkeypatch.setattr(source, "MOST_BYTES", 100)
    refused(path, r"model\.onnx has [0-9,]+ bytes, more than the 100 that a model may have")
    refused(path.read_bytes(), r"has [0-9,]+ bytes, more than the 100")


def test_other_objects_in_an_onnx_model() -> None:
    refused(OnnxModel({}), "dict is not an ONNX model: give its bytes, the path of its file, or an onnx.ModelProto")


def test_weights_in_other_files() -> None:
    given = perceptron([], [("scores", FLOAT, ["n", 1])], 1)
    given.graph.initializer[0].data_location = TensorProto.EXTERNAL
    refused(given, "keeps weights in other files: save it as one")


def test_unknown_operators() -> None:
    shape: list[Any] = [None, 3]
    inputs, outputs = [("x", FLOAT, shape)], [("y", FLOAT, [None, 1])]
    custom = model([node("Score", ["x"], ["y"], "my.company")], inputs, outputs, domains=[("my.company", 1)])
    refused(custom, r"the custom operator Score of the domain 'my\.company'")
    refused(model([node("Scoore", ["x"], ["y"])], inputs, outputs), "Scoore")
    refused(model([node("Relu", ["x"], ["y"])], inputs, outputs, opset=999), "uses opset 999")
    doubles = model([node("Erf", ["x"], ["y"])], [("x", DOUBLE, shape)], [("y", DOUBLE, [None, 3])])
    refused(doubles, r"onnxruntime [0-9.]+ cannot load the ONNX model \(Could not find an implementation for Erf")


@pytest.mark.parametrize(
    ("kind", "shape", "said"),
    [
        (FLOAT, None, "is malformed .*shape"),
        (FLOAT, [None, 3, 4, 4], "'x' of the ONNX model has 4 dimensions"),
        (FLOAT, [], "'x' of the ONNX model has 0 dimensions"),
        (FLOAT, [1, 3], "a fixed number of rows, 1: export it with a dynamic first dimension"),
        (TensorProto.FLOAT16, [None, 3], "'x' of the ONNX model is of type FLOAT16: inputs are bool, double, float"),
    ],
)
def test_shapes(kind: int, shape: Any, said: str) -> None:
    refused(model([node("Cast", ["x"], ["y"], to=FLOAT)], [("x", kind, shape)], [("y", FLOAT, shape)]), said)


def test_inputs() -> None:
    refused(REGRESSION, r"reads 3 columns, but 2 inputs are given \(a, b\)", {"a": "real", "b": "real"})
    refused(REGRESSION, "the input 'b' is text, but the ONNX model reads numbers", {**TYPES, "b": "text"})
    refused(REGRESSION, "the input 'b' of type date", {**TYPES, "b": "date"})
    columns: list[tuple[str, int, list[Any]]] = [("n", INT64, [None, 1]), ("city", STRING, [None, 1])]
    nodes = [
        node("LabelEncoder", ["city"], ["m"], "ai.onnx.ml", keys_strings=["a"], values_int64s=[4]),
        node("Add", ["n", "m"], ["t"]),
        node("Cast", ["t"], ["y"], to=FLOAT),
    ]
    given = model(nodes, columns, [("y", FLOAT, [None, 1])])
    refused(given, "reads 'city', which no input is bound to", {"n": "bigint", "town": "text"})
    refused(given, "the input 'n' is double precision, but .* whole numbers", {"n": "double precision", "city": "text"})
    refused(given, "the input 'city' is bigint, but .* text", {"n": "bigint", "city": "bigint"})
    assert program_of(given, {"city": "character varying(9)", "n": "smallint"}).inputs[0] == Input("n", "smallint")


def test_outputs() -> None:
    three = perceptron([], [("scores", FLOAT, ["n", 3])], 3)
    refused(three, r"gives 3 numbers in its output 'scores'.*append an ArgMax, name the classes")
    refused(OnnxModel(three, classes=("a", "b")), "gives 3 numbers .* but classes= names 2")
    two = perceptron(
        [node("Relu", ["scores"], ["other"])], [("scores", FLOAT, ["n", 1]), ("other", FLOAT, ["n", 1])], 1
    )
    refused(two, r"has the outputs scores \(tensor\(float\)\), other \(tensor\(float\)\), of which none is clearly")
    label = [node("ArgMax", ["scores"], ["label"], axis=1, keepdims=0)]
    labelled = perceptron(label, [("label", INT64, ["n"])], 3)
    refused(OnnxModel(labelled, classes=("a", "b")), "has 3 classes, but classes= names 2")
    cast = model([node("Cast", ["x"], ["y"], to=INT64)], [("x", FLOAT, [None, 1])], [("y", INT64, [None, 1])])
    refused(cast, "does not say which classes its output 'y' has", {"a": "real"})


def test_steps_without_an_onnx_form() -> None:
    numbers = (Input("a", "double precision"),)
    neighbors = Neighbors((0,), ((1.0,),), ((1.0,),), 1, 2, False)
    with pytest.raises(UnsupportedModel, match="the step Neighbors has no ONNX form: use runtime 'sql'"):
        compile_onnx(Program(numbers, (neighbors,), Regression(1), None))
    with pytest.raises(UnsupportedModel, match="the function arctan has no ONNX form"):
        compile_onnx(Program(numbers, (Apply("arctan", (0,)),), Regression(1), None))
    with pytest.raises(UnsupportedModel, match="the input 'a' has the type 'date'"):
        compile_onnx(Program((Input("a", "date"),), (), Regression(0), None))
    graph = Graph("", (), None, "y", None, ("Relu",))
    with pytest.raises(UnsupportedModel, match="no other step but Bounds"):
        compile_onnx(Program(numbers, (Linear((0,), ((1.0,),), (0.0,)), graph), Regression(2), None))


def test_columns_that_do_not_fit() -> None:
    scorer = Scorer(program_of(REGRESSION, TYPES))
    with pytest.raises(InvalidData, match="'c', which is not given"):
        scorer.run({"a": [1.0], "b": [1.0]})
    with pytest.raises(InvalidData, match="different lengths"):
        scorer.run({"a": [1.0], "b": [1.0], "c": [0.0, 0.0]})
    assert scorer.run({"a": [], "b": [], "c": []})["prediction"].tolist() == []


def test_without_the_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    for name in [name for name in sys.modules if name.startswith("fsdb.models.frontends.onnx.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(sys.modules, "fsdb.models.frontends.onnx")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    refused(
        REGRESSION.SerializeToString(), r"needs the packages onnx and onnxruntime .*pip install 'fsdb-postgres\[onnx\]'"
    )
