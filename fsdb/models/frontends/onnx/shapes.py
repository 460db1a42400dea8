"""Operators that move numbers about, or leave them as they are."""

from typing import Any

import numpy as np
from onnx import TensorProto

from fsdb.models.frontends.onnx import sizes
from fsdb.models.frontends.onnx.translation import Node, Translation, is_labels, renamed
from fsdb.models.frontends.onnx.values import Constant, Label, Tensor, Untranslatable, Value
from fsdb.models.steps import Single, WholePart

_TYPES = {
    TensorProto.FLOAT: "float",
    TensorProto.DOUBLE: "double",
    TensorProto.INT64: "int64",
    TensorProto.INT32: "int32",
}


def constant(node: Node, translation: Translation) -> Value:
    """Constant."""
    del translation
    for name in ("value", "value_float", "value_floats", "value_int", "value_ints"):
        found = node.attribute(name)
        if found is not None:
            single = name.startswith("value_float")
            return Constant(np.asarray(found, dtype=np.float32) if single else np.asarray(found))
    raise Untranslatable(node.operator)


def identity(node: Node, translation: Translation) -> Value:
    """Identity, and Dropout when nothing is trained."""
    del translation
    value = node.value(0)
    if value is None or (node.operator == "Dropout" and node.value(2) is not None and np.any(node.constant(2))):
        raise Untranslatable(node.operator)
    return value


def cast(node: Node, translation: Translation) -> Value:
    """Cast between numbers; labels keep what they are."""
    value = node.value(0)
    wanted = node.attribute("to")
    if isinstance(value, Label):
        texts = isinstance(value.labels[0], str)
        if (wanted == TensorProto.STRING) if texts else (wanted in _TYPES and _are_small(value.labels)):
            return value
        raise Untranslatable(node.operator)
    tensor = node.numbers()
    if wanted not in _TYPES:
        raise Untranslatable(node.operator)
    kind = _TYPES[wanted]
    if kind in ("int64", "int32"):
        if tensor.type in ("int64", "int32", "bool"):
            return Tensor(tensor.slots, kind, tensor.shape, tensor.exact)
        translation.needs(tensor)
        given = translation.single(tensor)
        slots = translation.add(WholePart(given.slots, float32=False), given.slots)
        return Tensor(slots, kind, tensor.shape, tensor.exact)
    if kind == "float" and tensor.type not in ("float", "bool"):
        slots = translation.add(Single(tensor.slots), tensor.slots)
        return Tensor(slots, kind, tensor.shape, tensor.exact)
    given = translation.single(tensor)
    return Tensor(given.slots, kind, tensor.shape, tensor.exact)


def _are_small(labels: tuple[Any, ...]) -> bool:
    """Whether every number type holds the labels."""
    return all(isinstance(label, int) and abs(label) < 2**24 for label in labels)


def reshaped(node: Node, translation: Translation) -> Value:
    """Reshape, Flatten, Squeeze and Unsqueeze that keep the rows: (rows, …) to (rows, k) or (rows)."""
    del translation
    value = node.value(0)
    if value is not None and is_labels(value):
        return value
    tensor = node.tensor()
    size = len(tensor.slots)
    match node.operator:
        case "Flatten":
            if node.attribute("axis", 1) != 1:
                raise Untranslatable(node.operator)
            shape: tuple[int, ...] = (size,)
        case "Reshape":
            shape = _shape(sizes.wanted(node, 1), size, tensor)
        case _:
            axes = node.attribute("axes") or (node.constant(1).tolist() if node.value(1) is not None else None)
            if axes is None or any(axis == 0 for axis in axes):
                raise Untranslatable(node.operator)
            shape = _squeezed(tensor.shape, axes) if node.operator == "Squeeze" else _widened(tensor.shape, axes)
    return Tensor(tensor.slots, tensor.type, shape, tensor.exact, tensor.rounded)


def _shape(wanted: list[int], size: int, tensor: Tensor) -> tuple[int, ...]:
    rest = [tensor.shape[at - 1] if dim == 0 and 0 < at <= len(tensor.shape) else dim for at, dim in enumerate(wanted)]
    head, *tail = rest or [1]
    known = int(np.prod([dim for dim in tail if dim > 0])) if tail else 1
    if head == -1 and all(dim > 0 for dim in tail) and known == size:
        return tuple(tail)
    if head == 0 and tail.count(-1) == 1 and size % known == 0:
        return tuple(size // known if dim == -1 else dim for dim in tail)
    if head == 0 and all(dim > 0 for dim in tail) and known == size:
        return tuple(tail)
    raise Untranslatable("Reshape")


def _squeezed(shape: tuple[int, ...], axes: list[int]) -> tuple[int, ...]:
    dropped = {axis - 1 if axis > 0 else axis + len(shape) for axis in axes}
    if not all(0 <= axis < len(shape) and shape[axis] == 1 for axis in dropped):
        raise Untranslatable("Squeeze")
    return tuple(dim for axis, dim in enumerate(shape) if axis not in dropped)


def _widened(shape: tuple[int, ...], axes: list[int]) -> tuple[int, ...]:
    rank = len(shape) + 1 + len(axes)
    places = {axis % rank for axis in axes}
    if 0 in places:
        raise Untranslatable("Unsqueeze")
    rest = iter(shape)
    return tuple(1 if place in places else next(rest) for place in range(1, rank))


def concat(node: Node, translation: Translation) -> Value:
    """Concat of columns, and FeatureVectorizer, which makes float32 of them."""
    parts = [node.tensor(place) for place in range(len(node.inputs))]
    vector = node.operator == "FeatureVectorizer"
    last = len(parts[0].shape)
    if not vector and node.attribute("axis") not in (last, -1):
        raise Untranslatable(node.operator)
    if any(part.type != parts[0].type or part.shape[:-1] != parts[0].shape[:-1] or not part.shape for part in parts):
        raise Untranslatable(node.operator)
    if any(size != 1 for size in parts[0].shape[:-1]):  # each row would be in pieces
        raise Untranslatable(node.operator)
    if len({part.rounded for part in parts}) > 1 or vector:
        parts = [translation.single(part) for part in parts]
    slots = tuple(slot for part in parts for slot in part.slots)
    shape = (*parts[0].shape[:-1], len(slots))
    result = Tensor(slots, parts[0].type, shape, all(part.exact for part in parts), parts[0].rounded)
    if vector and result.type != "float":
        return Tensor(translation.add(Single(slots), slots), "float", result.shape, result.exact)
    return result


def chosen(node: Node, translation: Translation) -> Value:
    """ArrayFeatureExtractor and Gather: some of the columns, or the labels of classes."""
    del translation
    data, places = node.value(0), node.value(1)
    if isinstance(data, Constant) and isinstance(places, Label):
        labels = _labels(np.asarray(data.array).ravel().tolist())
        return renamed(places, labels)
    tensor = node.tensor()
    if len(tensor.shape) != 1 or (node.operator == "Gather" and node.attribute("axis", 0) not in (1, -1)):
        raise Untranslatable(node.operator)
    wanted = np.asarray(node.constant(1))
    slots = tuple(tensor.slots[int(place)] for place in wanted.ravel())
    flat = wanted.ndim == 0 and node.operator == "Gather"
    return Tensor(slots, tensor.type, () if flat else (len(slots),), tensor.exact, tensor.rounded)


def _labels(values: list[Any]) -> list[Any]:
    plain = [value.decode() if isinstance(value, bytes) else value for value in values]
    if all(isinstance(value, str) for value in plain) or all(type(value) is int for value in plain):
        return plain
    raise Untranslatable("labels")
