"""Whether an ONNX model is contained in its bytes: it names no file, and asks nothing of the machine that loads it.

onnxruntime reads what a model names: weights in other files, by paths that begin in the folder where the process works, which in a
database server is the cluster's data. So nothing loads a model that was not looked at here, wherever its bytes come from. The walk follows
the descriptors of the format, so that a place for tensors that a later ONNX adds is looked at as well.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from fsdb.errors import UnsupportedModel

DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml", "com.microsoft"})
MOST_NODES = 200_000  # with every call of a function of the model's counted as the nodes that it stands for
MOST_NUMBERS = 1 << 24  # of a sparse tensor, zeros included
_CONTEXTS = frozenset({"EPContext"})  # operators that name a file with a graph that was compiled elsewhere
_OPTIONS = (
    "ort_config"  # metadata by which a model sets options of the session that loads it, profiling into files among them
)
_MOST_DEPTH = 96  # messages within messages; the format's own reader takes 100


def parsed(content: bytes) -> Any:
    """The onnx.ModelProto of these bytes, contained in them. Raises UnsupportedModel for bytes that are none, and for one that is not."""
    try:
        model = onnx.load_model_from_string(content)
    except (DecodeError, ValueError, RecursionError):
        raise UnsupportedModel(
            f"these {len(content):,} bytes are not an ONNX model: give the bytes of a file that onnx.save wrote"
        ) from None
    check(model)
    return model


def check(model: Any) -> None:
    """Raises UnsupportedModel for an onnx.ModelProto that names a file, has operators of others, or is larger than it may be."""
    if not model.graph.node or not model.ir_version:
        raise UnsupportedModel("the ONNX model has no graph: give the bytes of a file that onnx.save wrote")
    known = model.__class__()
    known.CopyFrom(model)
    known.DiscardUnknownFields()
    if known.ByteSize() != model.ByteSize():
        raise UnsupportedModel(
            "the ONNX model has fields that the installed onnx does not know, so that it cannot be checked: export it again, or install a newer onnx"
        )
    functions = {(function.domain, function.name) for function in model.functions}
    for message in _messages(model):
        match message.DESCRIPTOR.name:
            case "TensorProto":
                _check_tensor(message)
            case "SparseTensorProto":
                _check_dense(message)
            case "NodeProto":
                _check_node(message, functions)
    if any(entry.key == _OPTIONS for entry in model.metadata_props):
        raise UnsupportedModel(
            f"the ONNX model sets options of onnxruntime (metadata {_OPTIONS}), which are not its own: save it without them"
        )
    _check_count(model)


def nodes(graph: Any) -> Iterator[Any]:
    """The nodes of a graph or function and of the graphs inside it."""
    for message in _messages(graph):
        if message.DESCRIPTOR.name == "NodeProto":
            yield message


def _messages(message: Any) -> Iterator[Any]:
    """A message and every one inside it, in no order that means anything."""
    waiting = [(message, 0)]
    while waiting:
        one, depth = waiting.pop()
        if depth > _MOST_DEPTH:
            raise UnsupportedModel(f"the ONNX model is nested more than {_MOST_DEPTH} deep: export a simpler one")
        yield one
        for field, value in one.ListFields():
            if field.type == field.TYPE_STRING and any(type(text) is bytes for text in _all(value)):
                raise UnsupportedModel(
                    f"the ONNX model has a {field.name} that is not a text in UTF-8: export it again"
                )
            if field.message_type is not None:
                inside = [value] if hasattr(value, "ListFields") else value
                waiting.extend((found, depth + 1) for found in inside)


def _all(value: Any) -> Sequence[Any]:
    """The values of a field that may have several."""
    return [value] if isinstance(value, str | bytes) else value


def _check_tensor(tensor: Any) -> None:
    if tensor.data_location != onnx.TensorProto.DEFAULT or tensor.external_data:
        raise UnsupportedModel(
            "the ONNX model keeps weights in other files: save it as one, with onnx.save(…, save_as_external_data=False)"
        )
    # Two numbers of four bits in a byte are the most that are written.
    if any(size < 0 for size in tensor.dims) or math.prod(tensor.dims) > 2 * tensor.ByteSize():
        raise UnsupportedModel(
            f"the ONNX model has a tensor {tensor.name!r} whose shape is larger than what is written of it: export it again"
        )


def _check_dense(tensor: Any) -> None:
    """A sparse tensor takes the room of all its zeros when it is loaded."""
    if any(size < 0 for size in tensor.dims) or math.prod(tensor.dims) > MOST_NUMBERS:
        raise UnsupportedModel(
            f"the ONNX model has a sparse tensor of more than {MOST_NUMBERS:,} numbers, as many as one may have: make it smaller"
        )


def _check_node(node: Any, functions: set[tuple[str, str]]) -> None:
    if node.op_type in _CONTEXTS:
        raise UnsupportedModel(
            f"the ONNX model has the operator {node.op_type}, which names a file that was compiled for other hardware: export the model without it"
        )
    if node.domain not in DOMAINS and (node.domain, node.op_type) not in functions:
        raise UnsupportedModel(
            f"the ONNX model has the custom operator {node.op_type} of the domain {node.domain!r}, which onnxruntime does "
            "not have: export the model with operators of ONNX"
        )


def _check_count(model: Any) -> None:
    """Counts nodes as onnxruntime has them when it has put each function in the place of its calls: ten small functions can be billions."""
    calls = {
        (one.domain, one.name): Counter((node.domain, node.op_type) for node in nodes(one)) for one in model.functions
    }
    if len(calls) != len(model.functions):
        raise UnsupportedModel("the ONNX model has two functions of one name: export it again")
    of_graph = Counter((node.domain, node.op_type) for node in nodes(model.graph))
    uses: dict[tuple[str, str], int] = defaultdict(int)
    for called in calls.values():
        for name in called.keys() & calls.keys():
            uses[name] += 1
    ready = [name for name in calls if not uses[name]]
    order: list[tuple[str, str]] = []
    while ready:  # a function comes before those that it calls
        name = ready.pop()
        order.append(name)
        for inner in calls[name].keys() & calls.keys():
            uses[inner] -= 1
            if not uses[inner]:
                ready.append(inner)
    if len(order) < len(calls):
        raise UnsupportedModel("the ONNX model has a function that calls itself: export it without functions")
    sizes: dict[tuple[str, str], int] = {}
    for name in reversed(order):
        sizes[name] = sum(count * sizes.get(called, 1) for called, count in calls[name].items())
    total = sum(count * sizes.get(called, 1) for called, count in of_graph.items())
    if total > MOST_NODES:
        raise UnsupportedModel(
            f"the ONNX model has more than {MOST_NODES:,} operators, as many as a model may have: make it smaller"
        )
