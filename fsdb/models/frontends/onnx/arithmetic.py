"""Elementwise arithmetic and functions."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from fsdb.models.frontends.onnx.logistic import logistic_of
from fsdb.models.frontends.onnx.translation import Node, Translation, spread
from fsdb.models.frontends.onnx.values import Constant, Tensor, Untranslatable, Value
from fsdb.models.steps import Above, Apply, Clip, Layer, Linear, Multiply, Products, Scale, Step

_NOT_ROUNDED_ALIKE = frozenset({"exp", "log", "tanh"})  # float32 functions are not correctly rounded
_FUNCTIONS = {
    "Abs": "absolute",
    "Neg": "negative",
    "Exp": "exp",
    "Log": "log",
    "Sqrt": "sqrt",
    "Floor": "floor",
    "Ceil": "ceil",
    "Round": "rint",
    "Sign": "sign",
    "Tanh": "tanh",
}


def binary(node: Node, translation: Translation) -> Value:
    """Add, Sub, Mul and Div with a constant; Add, Sub and Mul of two tensors."""
    left, right = node.value(0), node.value(1)
    if isinstance(left, Tensor) and isinstance(right, Tensor):
        return _pair(node, left, right, translation)
    if isinstance(left, Constant):
        if not isinstance(right, Tensor):
            raise Untranslatable(node.operator)
        return _reversed(node, left, right, translation)
    tensor = _fraction(node)
    values = spread(node.constant(1), tensor, node.operator)
    zeros, ones = (0.0,) * len(values), (1.0,) * len(values)
    match node.operator:
        case "Add" if node.sole(0) and _bias(tensor, values, translation):
            return tensor
        case "Add":
            return translation.each(tensor, lambda slots: Scale(slots, tuple(-value for value in values), ones))
        case "Sub":
            return translation.each(tensor, lambda slots: Scale(slots, values, ones))
        case "Mul":
            return translation.each(tensor, lambda slots: Multiply(slots, values))
        case _:
            if not all(values):
                raise Untranslatable(node.operator)
            return translation.each(tensor, lambda slots: Scale(slots, zeros, values))


def function(node: Node, translation: Translation) -> Value:
    """A function of one number."""
    tensor = _fraction(node)
    if node.operator == "Tanh" and node.sole(0) and _activated(tensor, "tanh", translation):
        return tensor
    name = _FUNCTIONS[node.operator]
    if name in ("log", "sqrt"):
        translation.needs(tensor)
    return translation.each(tensor, lambda slots: Apply(name, slots), exact=name not in _NOT_ROUNDED_ALIKE)


def sigmoid(node: Node, translation: Translation) -> Value:
    """Sigmoid."""
    tensor = _fraction(node)
    translation.needs(tensor)
    if node.sole(0) and _activated(tensor, "logistic", translation):
        return tensor
    return logistic_of(tensor, translation)


def relu(node: Node, translation: Translation) -> Value:
    """Relu."""
    tensor = _fraction(node)
    translation.needs(tensor)
    if node.sole(0) and _activated(tensor, "relu", translation):
        return tensor
    count = len(tensor.slots)
    return translation.each(tensor, lambda slots: Clip(slots, (0.0,) * count, (math.inf,) * count))


def leaky_relu(node: Node, translation: Translation) -> Value:
    """LeakyRelu: the positive part and a share of the negative one."""
    tensor = _fraction(node)
    translation.needs(tensor)
    given = translation.single(tensor)
    count = len(given.slots)
    alpha = float(node.attribute("alpha", 0.01))
    above = translation.add(Clip(given.slots, (0.0,) * count, (math.inf,) * count))
    below = translation.add(Clip(given.slots, (-math.inf,) * count, (0.0,) * count))
    slots = tuple(
        translation.add(Linear((positive, negative), ((1.0, alpha),), (0.0,)))[0]
        for positive, negative in zip(above, below, strict=True)
    )
    return Tensor(slots, tensor.type, tensor.shape, exact=False)


def clip(node: Node, translation: Translation) -> Value:
    """Clip."""
    tensor = _fraction(node)
    limits = []
    for place, (name, default) in enumerate((("min", -math.inf), ("max", math.inf)), start=1):
        given = node.constant(place) if node.value(place) is not None else node.attribute(name, default)
        limits.append(spread(given, tensor, node.operator))
    return translation.each(tensor, lambda slots: Clip(slots, limits[0], limits[1]))


def scaler(node: Node, translation: Translation) -> Value:
    """Scaler of ai.onnx.ml: (x - offset) * scale, in float32."""
    tensor = node.table()
    if tensor.type != "float":
        tensor = Tensor(tensor.slots, "float", tensor.shape, exact=False)
    offset = spread(np.float32(node.attribute("offset", [0.0])), tensor, node.operator)
    factor = spread(np.float32(node.attribute("scale", [1.0])), tensor, node.operator)
    moved = translation.each(tensor, lambda slots: Scale(slots, offset, (1.0,) * len(offset)))
    return translation.each(moved, lambda slots: Multiply(slots, factor))


def binarizer(node: Node, translation: Translation) -> Value:
    """Binarizer of ai.onnx.ml."""
    tensor = translation.single(_fraction(node))
    if not tensor.exact:
        raise Untranslatable(node.operator)
    translation.needs(tensor)
    limit = float(np.float32(node.attribute("threshold", 0.0)))
    slots = translation.add(Above(tensor.slots, (limit,) * len(tensor.slots)))
    return Tensor(slots, tensor.type, tensor.shape)


def batch_normalization(node: Node, translation: Translation) -> Value:
    """BatchNormalization as it predicts: (x - mean) / sqrt(variance + epsilon) * scale + bias, in float64."""
    tensor = _fraction(node)
    if len(tensor.shape) != 1 or node.attribute("training_mode", 0):
        raise Untranslatable(node.operator)
    scale, bias, mean, variance = (np.asarray(node.constant(place), dtype=np.float64) for place in range(1, 5))
    factors = scale / np.sqrt(variance + float(node.attribute("epsilon", 1e-5)))
    given = translation.single(tensor)
    slots = translation.add(Scale(given.slots, tuple(mean.tolist()), (1.0,) * len(mean)), given.slots)
    slots = translation.add(Multiply(slots, tuple(factors.tolist())), slots)
    slots = translation.add(Scale(slots, tuple((-bias).tolist()), (1.0,) * len(bias)), slots)
    return Tensor(slots, tensor.type, tensor.shape, exact=False)


def _pair(node: Node, left: Tensor, right: Tensor, translation: Translation) -> Tensor:
    if node.operator == "Div" or left.type != right.type or left.type not in ("float", "double"):
        raise Untranslatable(node.operator)
    if left.shape != right.shape:
        raise Untranslatable(node.operator)
    translation.needs(left)
    translation.needs(right)
    pairs = list(zip(translation.single(left).slots, translation.single(right).slots, strict=True))
    if node.operator == "Mul":
        slots = translation.add(Products(tuple(pairs)))
    else:
        sign = 1.0 if node.operator == "Add" else -1.0
        slots = tuple(translation.add(Linear(pair, ((1.0, sign),), (0.0,)))[0] for pair in pairs)
    return Tensor(slots, left.type, left.shape, exact=False)


def _reversed(node: Node, left: Constant, right: Tensor, translation: Translation) -> Tensor:
    """A constant and a tensor."""
    if node.operator == "Div" or right.type not in ("float", "double"):
        raise Untranslatable(node.operator)
    values = spread(left.array, right, node.operator)
    ones = (1.0,) * len(values)
    if node.operator == "Mul":
        return translation.each(right, lambda slots: Multiply(slots, values))
    if node.operator == "Add":
        if node.sole(1) and _bias(right, values, translation):
            return right
        return translation.each(right, lambda slots: Scale(slots, tuple(-value for value in values), ones))
    opposite = translation.each(right, lambda slots: Multiply(slots, tuple(-one for one in ones)))
    return translation.each(opposite, lambda slots: Scale(slots, tuple(-value for value in values), ones))


def _fraction(node: Node) -> Tensor:
    """Numbers with fractions: whole ones have another arithmetic."""
    tensor = node.numbers()
    if tensor.type not in ("float", "double"):
        raise Untranslatable(node.operator)
    return tensor


def _last_layer(tensor: Tensor, translation: Translation) -> Layer | None:
    """The layer that a tensor is, when it is the last step and has no activation yet."""
    last = translation.steps[-1] if translation.steps else None
    if isinstance(last, Layer) and last.activation == "identity" and tensor.slots == translation.last:
        return last
    return None


def _bias(tensor: Tensor, values: tuple[float, ...], translation: Translation) -> bool:
    """Adds to the biases of the layer before, where there is one."""
    layer = _last_layer(tensor, translation)
    if layer is None or any(layer.biases):
        return False
    return _replaced(layer, lambda given: replace(given, biases=values), translation)


def _activated(tensor: Tensor, activation: str, translation: Translation) -> bool:
    """Makes a function the activation of the layer before, where there is one."""
    layer = _last_layer(tensor, translation)
    if layer is None:
        return False
    return _replaced(layer, lambda given: replace(given, activation=activation), translation)


def _replaced(layer: Layer, change: Callable[[Layer], Step], translation: Translation) -> bool:
    translation.steps[-1] = change(layer)
    return True
