"""ONNX models made by hand."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

FLOAT, DOUBLE, INT64, INT32 = TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.INT64, TensorProto.INT32
BOOL, STRING = TensorProto.BOOL, TensorProto.STRING


def model(
    nodes: Sequence[Any],
    inputs: Sequence[tuple[str, int, Sequence[Any] | None]],
    outputs: Sequence[tuple[str, int, Sequence[Any] | None]],
    constants: Mapping[str, Any] | None = None,
    opset: int = 21,
    ml: int = 5,
    domains: Sequence[tuple[str, int]] = (),
) -> Any:
    """An onnx.ModelProto; inputs and outputs are (name, element type, shape)."""
    graph = helper.make_graph(
        list(nodes),
        "by_hand",
        [helper.make_tensor_value_info(*given) for given in inputs],
        [helper.make_tensor_value_info(*given) for given in outputs],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in (constants or {}).items()],
    )
    imports = [("", opset), ("ai.onnx.ml", ml), *domains]
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid(*given) for given in imports])
    made.ir_version = 10
    return made


def node(operator: str, inputs: Sequence[str], outputs: Sequence[str], domain: str = "", **attributes: Any) -> Any:
    """A node."""
    return helper.make_node(operator, list(inputs), list(outputs), domain=domain, **attributes)


def perceptron(
    last: Sequence[Any], outputs: Sequence[tuple[str, int, Sequence[Any]]], width: int, seed: int = 3
) -> Any:
    """Three columns, a hidden layer with Relu, `width` scores in the tensor 'scores', then `last`; as torch.onnx.export has it."""
    rng = np.random.default_rng(seed)
    constants = {
        "w1": rng.normal(size=(5, 3)).astype(np.float32),
        "b1": rng.normal(size=5).astype(np.float32),
        "w2": rng.normal(size=(width, 5)).astype(np.float32),
        "b2": rng.normal(size=width).astype(np.float32),
    }
    nodes = [
        node("Gemm", ["x", "w1", "b1"], ["hidden"], transB=1),
        node("Relu", ["hidden"], ["active"]),
        node("Gemm", ["active", "w2", "b2"], ["scores"], transB=1),
        *last,
    ]
    return model(nodes, [("x", FLOAT, ["batch", 3])], outputs, constants)
