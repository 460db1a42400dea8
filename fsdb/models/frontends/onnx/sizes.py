"""Shapes that a graph computes from the shape of a tensor, as TorchScript exports a view or a flattening."""

from collections.abc import Callable

import numpy as np

from fsdb.models.frontends.onnx.translation import Node, Translation
from fsdb.models.frontends.onnx.values import Constant, Sizes, Untranslatable, Value


def shape(node: Node, translation: Translation) -> Value:
    """Shape of a tensor, whole."""
    del translation
    if node.attribute("start", 0) or node.attribute("end") is not None:
        raise Untranslatable(node.operator)
    return Sizes((None, *node.tensor().shape))


def sliced(node: Node, translation: Translation) -> Value:
    """Slice of a shape."""
    del translation
    start, end = (int(np.asarray(node.constant(place)).item()) for place in (1, 2))
    further = [np.asarray(node.constant(place)).tolist() for place in (3, 4) if node.value(place) is not None]
    if further not in ([], [[0]], [[0], [1]]):
        raise Untranslatable(node.operator)
    return Sizes(_sizes(node, 0)[start:end])


def or_else(handler: Callable[[Node, Translation], Value]) -> Callable[[Node, Translation], Value]:
    """A handler of tensors for an operator that is also used on shapes."""

    def handled(node: Node, translation: Translation) -> Value:
        if any(isinstance(value, Sizes) for value in node.inputs):
            return _computed(node)
        return handler(node, translation)

    return handled


def wanted(node: Node, place: int) -> list[int]:
    """The shape that an input says, the number of rows as 0. Untranslatable: it has that elsewhere than in front."""
    sizes = _sizes(node, place)
    if None in sizes[1:]:
        raise Untranslatable(node.operator)
    return [0 if size is None else size for size in sizes]


def _computed(node: Node) -> Sizes:
    match node.operator:
        case "Cast" | "Identity" | "Squeeze" | "Unsqueeze":
            return Sizes(_sizes(node, 0))
        case "Concat":
            return Sizes(tuple(size for place in range(len(node.inputs)) for size in _sizes(node, place)))
        case "Gather" if node.attribute("axis", 0) == 0 and isinstance(node.value(1), Constant):
            sizes = _sizes(node, 0)
            return Sizes(tuple(sizes[place] for place in np.asarray(node.constant(1)).ravel().tolist()))
    raise Untranslatable(node.operator)


def _sizes(node: Node, place: int) -> tuple[int | None, ...]:
    value = node.value(place)
    return value.items if isinstance(value, Sizes) else tuple(np.asarray(node.constant(place)).ravel().tolist())
