"""Matrix products and linear models."""

from typing import Any

import numpy as np

from fsdb.models.frontends.onnx.classes import labels_of, softmax_of
from fsdb.models.frontends.onnx.logistic import logistic_of
from fsdb.models.frontends.onnx.translation import Node, Translation
from fsdb.models.frontends.onnx.values import Label, Tensor, Untranslatable, Value
from fsdb.models.program import Argmax
from fsdb.models.steps import Layer, Linear, Multiply, Scale, Single

_MOST_EXACT = 64  # weights of a float32 product that is followed digit by digit
_MOST_WEIGHTS = 50_000  # more are faster in onnxruntime than a function can be


def gemm(node: Node, translation: Translation) -> Value:
    """Gemm with constant weights."""
    if node.attribute("transA", 0):
        raise Untranslatable(node.operator)
    weights = np.asarray(node.constant(1), dtype=np.float64) * float(node.attribute("alpha", 1.0))
    if not node.attribute("transB", 0):
        weights = weights.T
    biases = np.zeros(1)
    if node.value(2) is not None:
        biases = np.asarray(node.constant(2), dtype=np.float64) * float(node.attribute("beta", 1.0))
    return _product(node, weights, biases, translation)


def matmul(node: Node, translation: Translation) -> Value:
    """MatMul with a constant on its right side."""
    weights = np.asarray(node.constant(1), dtype=np.float64)
    if weights.ndim != 2:
        raise Untranslatable(node.operator)
    return _product(node, weights.T, np.zeros(1), translation)


def linear_regressor(node: Node, translation: Translation) -> Value:
    """LinearRegressor of ai.onnx.ml."""
    targets = int(node.attribute("targets", 1))
    if node.attribute("post_transform", "NONE") != "NONE":
        raise Untranslatable(node.operator)
    weights = np.asarray(node.attribute("coefficients"), dtype=np.float32).reshape(targets, -1)
    biases = np.asarray(node.attribute("intercepts") or [0.0] * targets, dtype=np.float32)
    return _product(node, weights.astype(np.float64), biases.astype(np.float64), translation)


def linear_classifier(node: Node, translation: Translation) -> tuple[Value, Value]:
    """LinearClassifier of ai.onnx.ml with a score for each class."""
    labels = labels_of(node)
    weights = np.asarray(node.attribute("coefficients"), dtype=np.float32).astype(np.float64)
    biases = np.asarray(node.attribute("intercepts") or [0.0] * len(labels), dtype=np.float32).astype(np.float64)
    if len(biases) != len(labels) or len(weights) % len(labels):
        raise Untranslatable(node.operator)
    scores = _product(node, weights.reshape(len(labels), -1), biases, translation)
    label = Label(Argmax(scores.slots, None), labels)
    match node.attribute("post_transform", "NONE"):
        case "NONE":
            return label, scores
        case "LOGISTIC":
            return label, logistic_of(scores, translation)
        case "SOFTMAX":
            return label, softmax_of(scores, translation)
    raise Untranslatable(node.operator)


def _product(node: Node, weights: Any, biases: Any, translation: Translation) -> Tensor:
    """A layer without activation. Small products of exact float32 numbers are exact; of large ones the rounding is not followed."""
    tensor = node.table()
    if node.operator.startswith("Linear") and tensor.type != "float":
        raise Untranslatable(node.operator)
    if tensor.type not in ("float", "double") or weights.ndim != 2 or weights.shape[1] != len(tensor.slots):
        raise Untranslatable(node.operator)
    if biases.size not in (1, len(weights)) or weights.size > _MOST_WEIGHTS or not np.isfinite(weights).all():
        raise Untranslatable(node.operator)
    translation.needs(tensor)
    given = translation.single(tensor)
    every = np.broadcast_to(biases.ravel(), (len(weights),))
    if tensor.type == "float" and given.exact and weights.size <= _MOST_EXACT:
        return Tensor(_exact(given, weights, every, translation), tensor.type, (len(weights),))
    step = Layer(given.slots, tuple(map(tuple, weights.tolist())), tuple(every.tolist()), "identity")
    return Tensor(translation.add(step), tensor.type, (len(weights),), exact=False)


def _exact(tensor: Tensor, weights: Any, biases: Any, translation: Translation) -> tuple[int, ...]:
    """A float32 product as onnxruntime makes it: a fused multiply-add for each column in order, the bias at the end.

    float64 holds a product of float32 numbers, so rounding the sum to float32 is the one rounding of a fused operation.
    """
    if len(weights) == 2 and np.array_equal(weights[0], -weights[1]) and biases[0] == -biases[1]:
        second = _exact(tensor, weights[1:], biases[1:], translation)  # rounding is symmetric
        return (*translation.add(Multiply(second, (-1.0,))), *second)
    count = len(weights)
    ones = np.eye(count)
    totals: tuple[int, ...] = ()
    for column, slot in enumerate(tensor.slots):
        rows = [((*ones[row].tolist(),) if totals else ()) + (float(weights[row, column]),) for row in range(count)]
        totals = translation.add(Single(translation.add(Linear((*totals, slot), tuple(rows), (0.0,) * count))))
    moved = translation.add(Scale(totals, tuple(-float(bias) for bias in biases), (1.0,) * count))
    return translation.add(Single(moved))
