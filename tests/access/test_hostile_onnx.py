"""ONNX models of a hostile maker: none reads a file, sets an option, or takes more room than a model may."""

import base64
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from fsdb.errors import UnsupportedModel
from fsdb.models import OnnxModel, Program, program_of
from fsdb.models.backends.onnx import Scorer, compile_onnx
from fsdb.models.steps import Graph

INPUTS = {"x": "double precision"}


def model(nodes: list[Any] | None = None, **graph: Any) -> Any:
    """y = x, and whatever else is in the graph."""
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, 1]) for name in "xy")
    made = helper.make_graph([*(nodes or []), helper.make_node("Identity", ["x"], ["y"])], "g", [x], [y], **graph)
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 3), helper.make_opsetid("local", 1)]
    return helper.make_model(made, opset_imports=opsets, ir_version=9)


def outside(place: str = "secret.bin", kept: bool = True) -> Any:
    """A tensor whose numbers are in a file; or one that is said to be in its own bytes, and names a file nevertheless."""
    tensor = onnx.TensorProto(name="w", data_type=TensorProto.UINT8, dims=[4])
    if not kept:
        tensor.raw_data = b"abcd"
    else:
        tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=place)
    tensor.external_data.add(key="length", value="4")
    return tensor


def sparse(tensor: Any) -> Any:
    indices = helper.make_tensor("i", TensorProto.INT64, [4], [0, 1, 2, 3])
    return onnx.SparseTensorProto(values=tensor, indices=indices, dims=[4])


def within(tensor: Any) -> Any:
    return helper.make_graph([helper.make_node("Identity", ["w"], ["z"])], "inner", [], [], [tensor])


def attribute(**content: Any) -> list[Any]:
    node = helper.make_node("Constant", [], ["c"])
    node.attribute.append(onnx.AttributeProto(name="value", **content))
    return [node]


def function(nodes: list[Any], name: str = "f") -> Any:
    return helper.make_function("local", name, [], [], nodes, [helper.make_opsetid("", 18)])


def initializer(tensor: Any) -> Any:
    return model(initializer=[tensor])


def sparse_initializer(tensor: Any) -> Any:
    return model(sparse_initializer=[sparse(tensor)])


def sparse_indices(tensor: Any) -> Any:
    made = sparse(helper.make_tensor("w", TensorProto.UINT8, [4], [0] * 4))
    made.indices.CopyFrom(tensor)
    return model(sparse_initializer=[made])


def of_attribute(name: str, many: bool, of: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def made(tensor: Any) -> Any:
        return model(attribute(**{name: [of(tensor)] if many else of(tensor)}))

    return made


def in_branch(tensor: Any) -> Any:
    deep = helper.make_graph(attribute(t=tensor), "deep", [], [])
    return model(attribute(g=helper.make_graph(attribute(g=deep), "inner", [], [])))


def in_function(tensor: Any) -> Any:
    made = model()
    made.functions.append(function(attribute(sparse_tensor=sparse(tensor))))
    return made


def in_default(tensor: Any) -> Any:
    """The default of a function's attribute."""
    made = model()
    one = function([])
    one.attribute_proto.append(onnx.AttributeProto(name="a", t=tensor))
    made.functions.append(one)
    return made


def in_training(tensor: Any) -> Any:
    made = model()
    made.training_info.add().algorithm.CopyFrom(within(tensor))
    return made


PLACES = {
    "initializer": initializer,
    "sparse initializer": sparse_initializer,
    "indices of a sparse initializer": sparse_indices,
    "tensor": of_attribute("t", False, lambda t: t),
    "tensors": of_attribute("tensors", True, lambda t: t),
    "sparse tensor": of_attribute("sparse_tensor", False, sparse),
    "sparse tensors": of_attribute("sparse_tensors", True, sparse),
    "graph": of_attribute("g", False, within),
    "graphs": of_attribute("graphs", True, within),
    "branch within a branch": in_branch,
    "function": in_function,
    "default of a function": in_default,
    "training": in_training,
}


@pytest.fixture
def no_session(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is refused is refused before anything loads it."""

    def loaded(*_: Any, **__: Any) -> Any:
        raise AssertionError("onnxruntime loads the model")

    monkeypatch.setattr(onnxruntime, "InferenceSession", loaded)


def refused(given: Any, match: str) -> None:
    with pytest.raises(UnsupportedModel, match=match):
        program_of(given, INPUTS)


def test_a_walk_over_the_format_finds_no_place_that_is_not_tried_here() -> None:
    """Every field of the format that holds a tensor is in one of the places above."""
    found: set[tuple[str, str]] = set()
    waiting, seen = [onnx.ModelProto.DESCRIPTOR], set()
    while waiting:
        message = waiting.pop()
        if message.name in seen:
            continue
        seen.add(message.name)
        for field in message.fields:
            if field.message_type is not None:
                waiting.append(field.message_type)
                if field.message_type.name in ("TensorProto", "SparseTensorProto"):
                    found.add((message.name, field.name))
    assert found == {
        ("GraphProto", "initializer"),
        ("GraphProto", "sparse_initializer"),
        ("SparseTensorProto", "values"),
        ("SparseTensorProto", "indices"),
        ("AttributeProto", "t"),
        ("AttributeProto", "tensors"),
        ("AttributeProto", "sparse_tensor"),
        ("AttributeProto", "sparse_tensors"),
    }


@pytest.mark.usefixtures("no_session")
@pytest.mark.parametrize("kept", [True, False], ids=["in a file", "in its bytes, and in a file"])
@pytest.mark.parametrize("place", PLACES)
def test_weights_in_files_are_refused_wherever_they_are(place: str, kept: bool) -> None:
    for location in ("secret.bin", "../../../etc/passwd", "/etc/passwd", "*/_ORT_MEM_ADDR_/*"):
        given = PLACES[place](outside(location, kept))
        refused(given.SerializeToString(), "keeps weights in other files")
        refused(OnnxModel(given, translate=False), "keeps weights in other files")


@pytest.mark.parametrize("place", PLACES)
def test_a_stored_program_with_weights_in_files_is_refused_where_it_is_compiled(
    place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bytes that the catalog holds are looked at again: by the worker, by score, and before the server gets them."""
    program = kept_whole()
    monkeypatch.setattr(onnxruntime, "InferenceSession", None)
    *bounds, graph = program.steps
    assert isinstance(graph, Graph)
    stolen = base64.b64encode(PLACES[place](outside()).SerializeToString()).decode()
    tampered = replace(program, steps=(*bounds, replace(graph, model=stolen)))
    again = Program.from_json(tampered.to_json())
    with pytest.raises(UnsupportedModel, match="keeps weights in other files"):
        compile_onnx(again)
    for broken in ("%%%", stolen[:-3], base64.b64encode(b"no model").decode(), ""):
        with pytest.raises(UnsupportedModel, match=r"register the model again|not an ONNX model|no graph"):
            compile_onnx(replace(program, steps=(*bounds, replace(graph, model=broken))))


def kept_whole() -> Program:
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, 1]) for name in "xy")
    graph = helper.make_graph([helper.make_node("Erf", ["x"], ["y"])], "g", [x], [y])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    return program_of(OnnxModel(made.SerializeToString(), translate=False), INPUTS)


def test_bytes_that_are_also_a_model_of_onnxruntimes_own_format() -> None:
    """Such bytes would run what nobody looked at: of ONNX they are y = x, of onnxruntime's format whatever the maker wished."""
    content = model()
    content.producer_name = "\0\0ORTM"
    given = onnx.ModelProto(producer_name="\0\0ORTM").SerializeToString() + content.SerializeToString()
    assert given[4:8] == b"ORTM"  # by which onnxruntime knows its own
    program = program_of(OnnxModel(given, translate=False), INPUTS)
    assert Scorer(program).run({"x": [1.5, 2.0]})["prediction"].tolist() == [1.5, 2.0]


@pytest.mark.usefixtures("no_session")
def test_options_of_the_session_and_graphs_that_were_compiled_elsewhere() -> None:
    given = model()
    given.metadata_props.add(key="ort_config", value='{"session_options": {"enable_profiling": true}}')
    refused(given.SerializeToString(), "sets options of onnxruntime")
    context = helper.make_node(
        "EPContext", [], ["c"], domain="com.microsoft", ep_cache_context="/etc/passwd", embed_mode=0
    )
    refused(model([context]).SerializeToString(), "names a file that was compiled")
    hidden = model()
    hidden.functions.append(function([context]))
    refused(hidden.SerializeToString(), "names a file that was compiled")
    custom = model()
    custom.functions.append(function([helper.make_node("Run", [], ["c"], domain="my.library")]))
    refused(custom.SerializeToString(), "custom operator Run of the domain 'my.library'")


@pytest.mark.usefixtures("no_session")
def test_fields_that_the_installed_onnx_does_not_know() -> None:
    """A newer onnxruntime may know them, and read a file for one."""
    later = b"\xfa\x3f\x03abc"  # field 1023, of bytes
    refused(model().SerializeToString() + later, "has fields that the installed onnx does not know")
    tensor = outside(kept=False)
    del tensor.external_data[:]
    made = initializer(tensor)
    content = made.SerializeToString()
    inner = made.graph.SerializeToString()
    assert inner in content
    hidden = onnx.ModelProto()
    hidden.CopyFrom(made)
    hidden.graph.initializer[0].ParseFromString(tensor.SerializeToString() + later)
    refused(hidden.SerializeToString(), "does not know")


@pytest.mark.usefixtures("no_session")
def test_functions_that_call_themselves_or_stand_for_billions_of_nodes() -> None:
    def call(name: str) -> Any:
        return helper.make_node(name, [], [], domain="local")

    circle = model([call("f")])
    circle.functions.extend([function([call("g")]), function([call("f")], "g")])
    refused(circle.SerializeToString(), "calls itself")
    doubling = model([call("f0")])
    doubling.functions.extend(function([call(f"f{n + 1}")] * 2 if n < 40 else [], f"f{n}") for n in range(41))
    doubling.functions[-1].node.append(helper.make_node("Constant", [], ["c"], value_float=1.0))
    refused(doubling.SerializeToString(), "more than 200,000 operators")


def test_shapes_that_take_more_room_than_there_is() -> None:
    wide = onnx.TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[1 << 40])
    refused(initializer(wide).SerializeToString(), "shape is larger than what is written")
    one = helper.make_tensor("w", TensorProto.FLOAT, [1], [1.0])
    place = helper.make_tensor("i", TensorProto.INT64, [1], [0])
    spread = onnx.SparseTensorProto(values=one, indices=place, dims=[1 << 40])
    refused(model(sparse_initializer=[spread]).SerializeToString(), "a sparse tensor of more than")
    shape = helper.make_tensor("s", TensorProto.INT64, [1], [10**10])
    filled = model([helper.make_node("ConstantOfShape", ["s"], ["c"])], initializer=[shape])
    refused(filled.SerializeToString(), "of 10,000,000,000 numbers, more than")


def test_tensors_and_attributes_that_do_not_fit_each_other() -> None:
    """The reader's own errors are said in the project's words."""
    short = onnx.TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[4], raw_data=b"\0" * 12)
    nodes = [helper.make_node("Gemm", ["x", "w"], ["g"])]
    refused(model(nodes, initializer=[short]).SerializeToString(), "ONNX model")
    trees = helper.make_node("TreeEnsembleRegressor", ["x"], ["t"], domain="ai.onnx.ml", nodes_treeids=[0], n_targets=1)
    refused(model([trees]).SerializeToString(), "ONNX model")


def test_a_model_that_is_contained_in_its_bytes_is_taken() -> None:
    dense = np.arange(4, dtype=np.float32)
    values = helper.make_tensor("w", TensorProto.FLOAT, [4], dense.tolist())
    given = model(sparse_initializer=[sparse(values)])
    assert program_of(OnnxModel(given.SerializeToString(), translate=False), INPUTS).steps
