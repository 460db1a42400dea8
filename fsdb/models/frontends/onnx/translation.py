"""The steps of a program as they grow out of a graph, and the nodes that they come from."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from onnx import helper, numpy_helper

from fsdb.models.frontends.boosters.columns import Steps
from fsdb.models.frontends.onnx.values import Constant, Label, Shares, Tensor, Untranslatable, Value
from fsdb.models.steps import Feed, Single, Step

_NOTHING: frozenset[int] = frozenset()


class Node:
    """A node with its attributes and the values of its inputs; an input that is left out is None."""

    def __init__(self, proto: Any, inputs: Sequence[Value | None], uses: Mapping[str, int]) -> None:
        """`uses`: how often each tensor of the graph is read."""
        self.operator: str = proto.op_type
        self.inputs = inputs
        self._uses = [uses[name] for name in proto.input]
        self._attributes = {given.name: helper.get_attribute_value(given) for given in proto.attribute}

    def attribute(self, name: str, default: Any = None) -> Any:
        """An attribute as plain Python: texts decoded, tensors as arrays."""
        value = self._attributes.get(name, default)
        if isinstance(value, bytes):
            return value.decode()
        if isinstance(value, list) and value and isinstance(value[0], bytes):
            return [text.decode() for text in value]
        return numpy_helper.to_array(value) if hasattr(value, "raw_data") else value

    def sole(self, place: int) -> bool:
        """Whether nothing else reads an input."""
        return self._uses[place] == 1

    def value(self, place: int) -> Value | None:
        """An input, None where it is left out."""
        return self.inputs[place] if place < len(self.inputs) else None

    def tensor(self, place: int = 0) -> Tensor:
        """An input that is a tensor of slots."""
        value = self.value(place)
        if not isinstance(value, Tensor):
            raise Untranslatable(self.operator)
        return value

    def numbers(self, place: int = 0) -> Tensor:
        """An input that is a tensor of numbers."""
        value = self.tensor(place)
        if value.type == "string":
            raise Untranslatable(self.operator)
        return value

    def table(self, place: int = 0) -> Tensor:
        """An input of numbers, of shape (rows, columns)."""
        value = self.numbers(place)
        if len(value.shape) != 1:
            raise Untranslatable(self.operator)
        return value

    def constant(self, place: int) -> Any:
        """An input that is an array of the file."""
        value = self.value(place)
        if not isinstance(value, Constant):
            raise Untranslatable(self.operator)
        return value.array


class Translation:
    """Steps, and for each slot the inputs that make it missing when they are. `required` are inputs that may not be missing.

    `last` are the slots of the last step.
    """

    def __init__(self, count: int) -> None:
        self.required: set[int] = set()
        self.last: tuple[int, ...] = ()
        self._steps = Steps(count)
        self._missing: dict[int, frozenset[int]] = {}
        self._single: dict[int, int] = {}

    @property
    def steps(self) -> list[Step]:
        """The steps so far; the last may be replaced."""
        return self._steps.steps

    def fed(self, feed: Feed) -> Tensor:
        """The tensor that inputs are bound to."""
        fractions = feed.type in ("float", "double")
        for column in feed.columns:
            self._missing[column] = frozenset({column}) if fractions else _NOTHING
        shape = (len(feed.columns),) if feed.rank == 2 else ()
        return Tensor(feed.columns, feed.type, shape, rounded=feed.type != "float")

    def add(self, step: Step, carry: Sequence[int] | None = None) -> tuple[int, ...]:
        """The slots of a step; each is missing where the one of `carry` at its place is, or never."""
        slots = self.last = tuple(self._steps.add(step))
        for place, slot in enumerate(slots):
            self._missing[slot] = _NOTHING if carry is None else self._missing[carry[place]]
        return slots

    def needs(self, tensor: Tensor) -> None:
        """Tells that a tensor may have no missing numbers."""
        for slot in tensor.slots:
            self.required |= self._missing[slot]

    def single(self, tensor: Tensor) -> Tensor:
        """The tensor with its float32 numbers as they are after rounding."""
        if tensor.rounded or tensor.type != "float":
            return tensor
        new = tuple(slot for slot in tensor.slots if slot not in self._single)
        for slot, found in zip(new, self.add(Single(new), new) if new else (), strict=True):
            self._single[slot] = found
        slots = tuple(self._single[slot] for slot in tensor.slots)
        return Tensor(slots, tensor.type, tensor.shape, tensor.exact)

    def each(self, tensor: Tensor, make: Callable[[tuple[int, ...]], Step], exact: bool = True) -> Tensor:
        """A step of as many slots as it reads, on numbers after rounding; the result is rounded as the graph rounds it.

        `exact`: float64 arithmetic, rounded to float32, is what the graph computes in float32.
        """
        given = self.single(tensor)
        slots = self.add(make(given.slots), given.slots)
        exact = exact and given.exact
        if tensor.type == "float" and exact:
            slots = self.add(Single(slots), slots)
        return Tensor(slots, tensor.type, tensor.shape, exact)


def spread(array: Any, tensor: Tensor, operator: str) -> tuple[float, ...]:
    """A constant as one number for each slot of a tensor, as ONNX broadcasts it. Untranslatable where that has more rows."""
    values = np.asarray(array)
    if values.dtype.kind not in "fiub":
        raise Untranslatable(operator)
    try:
        found = np.broadcast_to(values.astype(np.float64), (1, *tensor.shape))
    except ValueError:
        raise Untranslatable(operator) from None
    if values.ndim > len(tensor.shape) + 1:
        raise Untranslatable(operator)
    return tuple(found.ravel().tolist())


def renamed(value: Value, labels: Sequence[Any]) -> Label:
    """A class by other labels."""
    if not isinstance(value, Label) or not all(isinstance(at, int) and 0 <= at < len(labels) for at in value.labels):
        raise Untranslatable("labels")
    return Label(value.rule, tuple(labels[int(at)] for at in value.labels))


def is_labels(value: Value | None) -> bool:
    """Whether a value is of classes, which operators on shapes and types hand on."""
    return isinstance(value, Label | Shares)
