"""A column as the splits on it see it: few rows, in each of which all of its values go the same ways."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np
from psycopg.sql import Composed, Literal

from fsdb.models.backends.sql.emitter import Body, Value, expression, integer
from fsdb.models.steps import Tree, TreeEnsemble


@dataclass(frozen=True, slots=True)
class Split:
    """A node's condition. `first` is the smallest number that goes right, NaN where none does; codes in `left_codes` go left."""

    feature: int
    first: float
    missing_left: bool
    left_codes: tuple[int, ...]

    @property
    def column(self) -> tuple[int, bool]:
        """The feature, and whether this is a split on its codes: a feature with both counts as two columns."""
        return self.feature, bool(self.left_codes)


def split_of(tree: Tree, node: int, strict: bool) -> Split:
    """The condition of a node whose threshold is compared as float64."""
    first = tree.threshold[node]
    if not strict:
        first = math.nan if first == math.inf else float(np.nextafter(first, math.inf))
    codes = tree.left_codes[node] if tree.left_codes else ()
    return Split(tree.feature[node], 0.0 if codes else first, tree.missing_left[node], codes)


@dataclass(frozen=True, slots=True)
class Sides:
    """A split with the exits of a tree on its left and on its right, as bits."""

    split: Split
    left: int
    right: int


class Column(Protocol):
    """The rows of a column for some splits on it."""

    rows: int

    def row(self, value: Composed) -> Composed:
        """The number of a value's row, from 0."""

    def segments(self, every: int, sides: Sequence[Sides]) -> Iterator[tuple[int, int]]:
        """Of a tree's exits those that its splits on the column leave: in row 0, then in each row in which they may be others."""


def column_of(splits: Sequence[Split], value: Value) -> Column:
    """The rows of the column that all the splits are on."""
    return Codes(splits) if splits[0].left_codes else Numbers(splits, value.nullable)


class Numbers:
    """A column of numbers: row n has those that n of the sorted bounds are not above; the last row is for missing values."""

    def __init__(self, splits: Iterable[Split], nullable: bool) -> None:
        bounds = sorted({_sortable(split.first) for split in splits})
        self.bounds = [math.nan if never else first for never, first in bounds]
        self.rows = len(bounds) + 1 + nullable
        self._rows = {bound: row for row, bound in enumerate(bounds, 1)}
        self._nullable = nullable

    def rank(self, split: Split) -> int:
        """The first row that goes right."""
        return self._rows[_sortable(split.first)]

    def row(self, value: Composed) -> Composed:
        """A bound of NaN is one that only NaN reaches."""
        found = expression("rank", value=value, bounds=bounds_of(self.bounds))
        return expression("coalesce", value=found, fill=integer(self.rows - 1)) if self._nullable else found

    def segments(self, every: int, sides: Sequence[Sides]) -> Iterator[tuple[int, int]]:
        ranked = sorted((self.rank(each.split), each.left, each.right) for each in sides)
        going_left = [every]  # what is left by the last splits while they go left
        for _, _, right in reversed(ranked):
            going_left.append(going_left[-1] & ~right)
        yield 0, going_left.pop()
        going_right = every
        for (rank, left, _), (following, *_) in pairwise([*ranked, (0, 0, 0)]):
            going_right &= ~left
            rest = going_left.pop()
            if following != rank:
                yield rank, going_right & rest
        if self._nullable and sides:
            for each in sides:
                every &= ~(each.right if each.split.missing_left else each.left)
            yield self.rows - 1, every


class Codes:
    """A column of codes: a row for missing, one for each code up to the last that a split names, one for all above."""

    def __init__(self, splits: Iterable[Split]) -> None:
        self._last = max(code for split in splits for code in split.left_codes)
        self.rows = self._last + 3

    def row(self, value: Composed) -> Composed:
        return expression("code_row", code=value, last=integer(self._last + 1))

    def right(self, split: Split, row: int) -> bool:
        """Whether the codes of a row go right."""
        return not split.missing_left if row == 0 else row - 1 not in split.left_codes

    def segments(self, every: int, sides: Sequence[Sides]) -> Iterator[tuple[int, int]]:
        for row in range(self.rows if sides else 1):
            segment = every
            for each in sides:
                segment &= ~(each.left if self.right(each.split, row) else each.right)
            yield row, segment


def bounds_of(values: Sequence[float]) -> Composed:
    """An array constant of numbers that may be NaN, without its type."""
    return Composed([Literal("{" + ",".join(map(repr, values)) + "}")])


def values_of(step: TreeEnsemble, uses: Iterable[int], body: Body) -> dict[int, Value]:
    """The slots of features; those that are used more than once in variables."""
    counts: dict[int, int] = {}
    for feature in uses:
        counts[feature] = counts.get(feature, 0) + 1
    return {
        feature: body.kept(step.columns[feature]) if count > 1 else body.values[step.columns[feature]]
        for feature, count in counts.items()
    }


def _sortable(first: float) -> tuple[bool, float]:
    return (True, 0.0) if math.isnan(first) else (False, first)
