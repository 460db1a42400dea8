"""What a tensor of the graph is while it is translated."""

from dataclasses import dataclass
from typing import Any

from fsdb.models.program import Argmax, Threshold


class Untranslatable(Exception):
    """What the steps of a program do not express: the graph is then kept whole."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """Slots as the elements of a row, in order; `shape` is the tensor's without its rows.

    `type` is that of the elements. `exact` tells that the slots have the very numbers of the tensor, so that they may be compared
    with thresholds; `rounded` that float32 numbers are those already, not the float64 ones that they come from.
    """

    slots: tuple[int, ...]
    type: str
    shape: tuple[int, ...]
    exact: bool = True
    rounded: bool = True


@dataclass(frozen=True, slots=True)
class Constant:
    """An array that the file has."""

    array: Any


@dataclass(frozen=True, slots=True)
class Label:
    """A class: the rule that chooses it, and its labels by number."""

    rule: Threshold | Argmax
    labels: tuple[int, ...] | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Shares:
    """A map from labels to probabilities for each row."""

    tensor: Tensor
    labels: tuple[int, ...] | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sizes:
    """A shape, or a part of one; None is the number of rows."""

    items: tuple[int | None, ...]


Value = Tensor | Constant | Label | Shares | Sizes
