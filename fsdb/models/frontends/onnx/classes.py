"""Classes, and numbers that depend on all columns of a row."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from fsdb.models.frontends.onnx.translation import Node, Translation
from fsdb.models.frontends.onnx.values import Label, Shares, Tensor, Untranslatable, Value
from fsdb.models.program import Argmax
from fsdb.models.steps import Multiply, Normalize, Softmax, SoftmaxSingle


def labels_of(node: Node) -> tuple[int, ...] | tuple[str, ...]:
    """The labels of a classifier of ai.onnx.ml, two or more."""
    for name in ("classlabels_int64s", "classlabels_ints", "classlabels_strings"):
        found = node.attribute(name)
        if found:
            if len(found) < 2:
                break
            return tuple(found)
    raise Untranslatable(node.operator)


def argument(node: Node, translation: Translation) -> Value:
    """ArgMax and ArgMin over the columns: the classes 0, 1, …"""
    tensor = node.table()
    if node.attribute("axis", 0) not in (1, -1) or node.attribute("select_last_index", 0) or len(tensor.slots) < 2:
        raise Untranslatable(node.operator)
    translation.needs(tensor)
    slots = translation.single(tensor).slots
    if node.operator == "ArgMin":
        slots = translation.add(Multiply(slots, (-1.0,) * len(slots)))
    return Label(Argmax(slots, None), tuple(range(len(slots))))


def softmax(node: Node, translation: Translation) -> Value:
    """Softmax over the columns."""
    tensor = node.table()
    if node.attribute("axis", -1) not in (1, -1):
        raise Untranslatable(node.operator)
    translation.needs(tensor)
    return softmax_of(tensor, translation)


def softmax_of(tensor: Tensor, translation: Translation) -> Tensor:
    """In float64; in float32 where the scores are float32."""
    given = translation.single(tensor)
    single = tensor.type == "float" and given.exact
    slots = translation.add(SoftmaxSingle(given.slots) if single else Softmax(given.slots))
    return Tensor(slots, tensor.type, tensor.shape, exact=False)


def normalizer(node: Node, translation: Translation) -> Value:
    """Normalizer of ai.onnx.ml by the sum of sizes or of squares; a row of zeros stays."""
    tensor = node.table()
    norm = node.attribute("norm", "MAX").lower()
    if norm not in ("l1", "l2") or tensor.type != "float":
        raise Untranslatable(node.operator)
    translation.needs(tensor)
    given = translation.single(tensor)
    least = float(np.finfo(np.float32).smallest_subnormal)
    # Squares below half of it are 0 as float32.
    slots = translation.add(Normalize(given.slots, norm, math.sqrt(least / 2) if norm == "l2" else least))
    return Tensor(slots, tensor.type, tensor.shape, exact=False)


def zip_map(node: Node, translation: Translation) -> Value:
    """ZipMap."""
    del translation
    labels: Sequence[Any] = node.attribute("classlabels_int64s") or node.attribute("classlabels_strings") or ()
    tensor = node.table()
    if len(labels) != len(tensor.slots):
        raise Untranslatable(node.operator)
    return Shares(tensor, tuple(labels))
