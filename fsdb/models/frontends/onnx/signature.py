"""What an ONNX model reads and gives: the tensors that inputs are bound to, and which output is the prediction."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from onnx import TensorProto, load_model_from_string, shape_inference

from fsdb.errors import UnsupportedModel
from fsdb.models.frontends.onnx.source import Source
from fsdb.models.input_types import base_type, has_no_nan, kind_of
from fsdb.models.program import Input
from fsdb.models.steps import Feed

_TYPES = {
    TensorProto.FLOAT: "float",
    TensorProto.DOUBLE: "double",
    TensorProto.INT64: "int64",
    TensorProto.INT32: "int32",
    TensorProto.BOOL: "bool",
    TensorProto.STRING: "string",
}
_LABELS = ("tensor(int64)", "tensor(int32)", "tensor(string)", "tensor(bool)")
_NUMBERS = ("tensor(float)", "tensor(double)")


@dataclass(frozen=True, slots=True)
class _Tensor:
    """An input of the graph; `width` is None where the file does not say how many columns it has."""

    name: str
    type: str
    width: int | None
    rank: int


def tensors(source: Source) -> list[_Tensor]:
    """The graph's inputs. UnsupportedModel: one is no table of rows, or of a type that no input has."""
    constants = {tensor.name for tensor in source.model.graph.initializer}
    found = [_tensor(given) for given in source.model.graph.input if given.name not in constants]
    if not found:
        raise UnsupportedModel("the ONNX model has no inputs: export it with an input for the features")
    return found


def input_names(source: Source) -> list[str] | None:
    """The names of inputs that go by name: where there is a tensor for each. One with several columns is bound by position."""
    given = tensors(source)
    if len(given) == 1 or any(tensor.width != 1 for tensor in given):
        return None
    return [tensor.name for tensor in given]


def bound(source: Source, inputs: Mapping[str, str]) -> tuple[tuple[Input, ...], tuple[Feed, ...]]:
    """The program's inputs in the graph's order, and which of them each tensor is made of.

    UnsupportedModel: there are more or fewer than the graph reads, or one is of another type.
    """
    given = tensors(source)
    names = input_names(source)
    if names is not None:
        absent = [name for name in names if name not in inputs]
        if absent:
            raise UnsupportedModel(
                f"the ONNX model reads {', '.join(map(repr, absent))}, which no input is bound to: bind it"
            )
        wanted = names
    else:
        wanted = list(inputs)
        unknown = [tensor for tensor in given if tensor.width is None]
        if len(unknown) > 1:
            raise UnsupportedModel(
                f"the ONNX model has inputs of unknown width, {', '.join(tensor.name for tensor in unknown)}: export it with the "
                "number of columns of each"
            )
        fixed = sum(tensor.width or 0 for tensor in given)
        if len(wanted) != fixed and (not unknown or len(wanted) <= fixed):
            raise UnsupportedModel(
                f"the ONNX model reads {fixed} columns, but {len(wanted)} inputs are given ({', '.join(wanted)}): give as many, "
                "in its order"
            )
        given = [
            _Tensor(tensor.name, tensor.type, len(wanted) - fixed, tensor.rank) if tensor.width is None else tensor
            for tensor in given
        ]
    feeds = []
    start = 0
    for tensor in given:
        columns = tuple(range(start, start + (tensor.width or 0)))
        start += len(columns)
        for column in columns:
            _check_type(tensor, wanted[column], inputs[wanted[column]])
        feeds.append(Feed(tensor.name, tensor.type, columns, tensor.rank))
    return tuple(Input(name, inputs[name]) for name in wanted), tuple(feeds)


@dataclass(frozen=True, slots=True)
class Outputs:
    """The outputs that count: a label, and numbers, which are probabilities beside a label."""

    label: str | None
    scores: str | None


def outputs(source: Source) -> Outputs:
    """UnsupportedModel: it is not clear which output is the prediction."""
    every = source.session.get_outputs()
    labels = [output.name for output in every if output.type in _LABELS]
    numbers = [output.name for output in every if output.type in _NUMBERS]
    maps = [output.name for output in every if output.type.startswith("seq(map(")]
    if len(labels) > 1 or (not labels and len(numbers) != 1):
        shown = ", ".join(f"{output.name} ({output.type})" for output in every)
        raise UnsupportedModel(
            f"the ONNX model has the outputs {shown}, of which none is clearly the prediction: keep one of labels, with one of "
            "probabilities beside it, or one of numbers"
        )
    if not labels:
        return Outputs(None, numbers[0])
    shares = maps or [name for name in numbers if _is_probability(source, name)]
    return Outputs(labels[0], shares[0] if len(shares) == 1 else None)


def producers(source: Source) -> dict[str, Any]:
    """The node that each tensor comes from."""
    return {name: node for node in source.model.graph.node for name in node.output}


def origin(source: Source, name: str, passed: frozenset[str]) -> Any:
    """The node that makes a tensor, looked for behind operators that hand it on; None for an input or a constant."""
    nodes = producers(source)
    node = nodes.get(name)
    while node is not None and node.op_type in passed and node.input:
        node = nodes.get(node.input[0])
    return node


def _is_probability(source: Source, name: str) -> bool:
    """An output beside a label that has the name of one, comes from a softmax, or is a classifier's second output."""
    node = origin(source, name, frozenset({"Identity", "Cast", "Reshape", "Normalizer"}))
    if node is None:
        return False
    return "prob" in name.lower() or node.op_type == "Softmax" or node.op_type.endswith("Classifier")


def _tensor(given: Any) -> _Tensor:
    kind = given.type.WhichOneof("value")
    if kind != "tensor_type":
        raise UnsupportedModel(
            f"the input {given.name!r} of the ONNX model is not a tensor: export it with tensors as inputs"
        )
    tensor = given.type.tensor_type
    if tensor.elem_type not in _TYPES:
        raise UnsupportedModel(
            f"the input {given.name!r} of the ONNX model is of type {TensorProto.DataType.Name(tensor.elem_type)}: inputs are "
            f"{', '.join(sorted(_TYPES.values()))}"
        )
    dims = tensor.shape.dim
    if len(dims) not in (1, 2):
        raise UnsupportedModel(
            f"the input {given.name!r} of the ONNX model has {len(dims)} dimensions: rows of a table need (rows, columns) or (rows)"
        )
    if dims[0].HasField("dim_value"):
        raise UnsupportedModel(
            f"the input {given.name!r} of the ONNX model has a fixed number of rows, {dims[0].dim_value}: export it with a dynamic "
            "first dimension (dynamic_axes or dynamic_shapes of torch.onnx.export)"
        )
    if len(dims) == 1:
        width: int | None = 1
    else:
        width = dims[1].dim_value if dims[1].HasField("dim_value") and dims[1].dim_value else None
    return _Tensor(given.name, _TYPES[tensor.elem_type], width, len(dims))


def _check_type(tensor: _Tensor, name: str, type_name: str) -> None:
    kind = kind_of(type_name)
    if kind is None:
        raise UnsupportedModel(
            f"the ONNX model takes the input {name!r} of type {type_name}: "
            "models take numbers, boolean and text; derive one of these from it"
        )
    fits = {
        "string": kind == "text",
        "bool": base_type(type_name) == "boolean",
        "int64": has_no_nan(type_name),
        "int32": has_no_nan(type_name),
    }.get(tensor.type, kind == "number")
    if not fits:
        wanted = {"string": "text", "bool": "boolean", "int64": "whole numbers", "int32": "whole numbers"}
        raise UnsupportedModel(
            f"the input {name!r} is {type_name}, but the ONNX model reads {wanted.get(tensor.type, 'numbers')} "
            f"({tensor.type}) there: bind an input of that kind"
        )


def width(source: Source, name: str) -> int | None:
    """How many columns a tensor of the graph has, where shape inference knows; 1 of a tensor of shape (rows)."""
    for value in _inferred(source.content):
        if value.name == name and value.type.HasField("tensor_type") and value.type.tensor_type.HasField("shape"):
            dims = value.type.tensor_type.shape.dim
            if len(dims) == 1:
                return 1
            if len(dims) == 2 and dims[1].HasField("dim_value"):
                return int(dims[1].dim_value)
    return None


@lru_cache(maxsize=4)
def _inferred(content: bytes) -> tuple[Any, ...]:
    graph = shape_inference.infer_shapes(load_model_from_string(content)).graph
    return (*graph.output, *graph.value_info)
