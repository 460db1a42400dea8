"""Categories, and missing numbers."""

import math
from typing import Any

import numpy as np

from fsdb.models.frontends.onnx.translation import Node, Translation, is_labels, renamed
from fsdb.models.frontends.onnx.values import Label, Tensor, Untranslatable, Value
from fsdb.models.steps import ImputeNumber, Indicators, LookupNumber, LookupText

_EXACT = 2**53


def imputer(node: Node, translation: Translation) -> Value:
    """Imputer of ai.onnx.ml that replaces NaN."""
    tensor = node.table()
    fills = node.attribute("imputed_value_floats")
    if fills is None or not math.isnan(node.attribute("replaced_value_float", 0.0)) or tensor.type != "float":
        raise Untranslatable(node.operator)
    values = np.broadcast_to(np.float32(fills), (len(tensor.slots),)).astype(np.float64)
    given = translation.single(tensor)
    slots = translation.add(ImputeNumber(given.slots, tuple(values.tolist())))
    return Tensor(slots, tensor.type, tensor.shape, tensor.exact)


def one_hot(node: Node, translation: Translation) -> Value:
    """OneHotEncoder of ai.onnx.ml: for each element as many numbers as there are categories."""
    tensor = node.tensor()
    texts, numbers = node.attribute("cats_strings"), node.attribute("cats_int64s")
    keys = texts or numbers or []
    unknown = -1.0 if node.attribute("zeros", 1) else None
    slots: list[int] = []
    for slot in tensor.slots:
        found = _looked_up(tensor.type, slot, keys, list(range(len(keys))), unknown, translation)
        slots += translation.add(Indicators(found, len(keys)))
    shape = (*tensor.shape, len(keys))
    return Tensor(tuple(slots), "float", shape)


def label_encoder(node: Node, translation: Translation) -> Value:
    """LabelEncoder of ai.onnx.ml from texts and whole numbers to numbers; of a class, from labels to labels."""
    keys = _first(node, "keys_strings", "keys_int64s", "keys_floats", "keys_tensor")
    values = _first(node, "values_strings", "values_int64s", "values_floats", "values_tensor")
    if keys is None or values is None:
        raise Untranslatable(node.operator)
    value = node.value(0)
    if is_labels(value):
        if not isinstance(value, Label):
            raise Untranslatable(node.operator)
        table = dict(zip(keys, values, strict=True))
        if any(label not in table for label in value.labels):
            raise Untranslatable(node.operator)
        order = Label(value.rule, tuple(range(len(value.labels))))
        return renamed(order, [table[label] for label in value.labels])
    tensor = node.tensor()
    if isinstance(values[0], str) or isinstance(keys[0], float):
        raise Untranslatable(node.operator)
    whole = isinstance(values[0], int)
    default = node.attribute("default_int64" if whole else "default_float", -1 if whole else -0.0)
    given = node.attribute("default_tensor")
    if given is not None:
        default = np.asarray(given).ravel().tolist()[0]
    slots = tuple(_looked_up(tensor.type, slot, keys, values, float(default), translation) for slot in tensor.slots)
    return Tensor(slots, "int64" if whole else _kind(node), tensor.shape)


def _kind(node: Node) -> str:
    given = node.attribute("values_tensor")
    return "double" if given is not None and given.dtype == np.float64 else "float"


def _first(node: Node, *names: str) -> list[Any] | None:
    for name in names:
        found = node.attribute(name)
        if found is not None:
            plain: list[Any] = np.asarray(found, dtype=object).ravel().tolist() if name.endswith("tensor") else found
            return [value.decode() if isinstance(value, bytes) else value for value in plain]
    return None


def _looked_up(
    kind: str, slot: int, keys: list[Any], values: list[Any], unknown: float | None, translation: Translation
) -> int:
    """The slot with the value of a key. An absent one is refused: the tensor has no place for it."""
    if not keys or not all(math.isfinite(value) and float(value) == value for value in values):
        raise Untranslatable("values")
    numbers = tuple(map(float, values))
    if kind == "string" and all(isinstance(key, str) for key in keys):
        return translation.add(LookupText(slot, tuple(keys), numbers, None, unknown))[0]
    if kind in ("int64", "int32") and all(type(key) is int and abs(key) <= _EXACT for key in keys):
        return translation.add(LookupNumber(slot, tuple(map(float, keys)), numbers, None, unknown))[0]
    raise Untranslatable("keys")
