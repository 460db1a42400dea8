"""The aggregates of a column over windows, by name: each gives an Arrow array for each width, a value for each request.

A NULL is not counted. An empty window has the count 0 and is NULL otherwise; a deviation is NULL for fewer than two values. NaN is the
greatest; -0 comes out as 0, but for first and last.
"""

from collections.abc import Callable
from functools import cached_property

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fsdb.windows.kernel.doubles import Sums
from fsdb.windows.kernel.extremes import extremes
from fsdb.windows.kernel.integers import Totals
from fsdb.windows.kernel.spans import Numbers, Spans

_ORDERED = {pa.date32(): pa.int32()}


class Column:
    """A column of events in the order of `spans`, of which those count that are not NULL and `counted` (all, if not given)."""

    def __init__(self, values: pa.Array, spans: Spans, counted: NDArray[np.bool_] | None = None) -> None:
        counts = values.is_valid().to_numpy(zero_copy_only=False)
        self._counted = counts if counted is None else counts & counted
        self.spans = spans.among(self._counted)
        self.values: pa.Array = values if self._counted.all() else values.filter(pa.array(self._counted))

    @property
    def is_integer(self) -> bool:
        """Whether its sums are integers."""
        return bool(pa.types.is_integer(self.values.type))

    @cached_property
    def amounts(self) -> Sums | Totals:
        """What sums, means and deviations are made from. Raises TypeError for a column without arithmetic."""
        kind = self.values.type
        if not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
            raise TypeError(f"a column of the type {kind} has no sum")
        plain = self.values.to_numpy(zero_copy_only=False)
        ends = self.spans.ends
        return Totals(plain.astype(np.int64), ends) if self.is_integer else Sums(plain.astype(np.float64), ends)


def _count(column: Column) -> list[pa.Array]:
    return [pa.array(column.spans.ends - begins) for begins in column.spans.begins]


def _sum(column: Column) -> list[pa.Array]:
    amounts = column.amounts
    return [_given(amounts.sums(begins), column, begins) for begins in column.spans.begins]


def _mean(column: Column) -> list[pa.Array]:
    """The sum as a double by the count: one division."""
    amounts, ends = column.amounts, column.spans.ends
    found = []
    for begins in column.spans.begins:
        total = amounts.doubles(begins) if isinstance(amounts, Totals) else amounts.sums(begins)
        with np.errstate(all="ignore"):
            found.append(_given(total / (ends - begins).astype(np.float64) + 0.0, column, begins))
    return found


def _stddev(column: Column) -> list[pa.Array]:
    amounts = column.amounts
    return [_given(amounts.spreads(begins), column, begins, 2) for begins in column.spans.begins]


def _min(column: Column) -> list[pa.Array]:
    plain = _plain(column)
    if plain.dtype.kind != "f":
        return _least(column, plain)
    nan = np.isnan(plain)
    present = np.concatenate(([0], np.cumsum(~nan)))
    found = []
    for begins, least in zip(
        column.spans.begins, extremes(column.spans, np.where(nan, np.inf, plain), np.minimum), strict=True
    ):
        only_nan = present[column.spans.ends] == present[begins]
        found.append(_given(np.where(only_nan, np.nan, least + 0).astype(plain.dtype), column, begins))
    return found


def _least(column: Column, plain: NDArray[np.generic]) -> list[pa.Array]:
    return [
        _given(least, column, begins).cast(column.values.type)
        for begins, least in zip(column.spans.begins, extremes(column.spans, plain, np.minimum), strict=True)
    ]


def _max(column: Column) -> list[pa.Array]:
    """numpy's greatest of NaN and another is NaN, as it is here."""
    plain = _plain(column)
    found = zip(column.spans.begins, extremes(column.spans, plain, np.maximum), strict=True)
    zero = plain.dtype.type(0)
    return [_given(most + zero, column, begins).cast(column.values.type) for begins, most in found]


def _first(column: Column) -> list[pa.Array]:
    return [_taken(column, begins, begins) for begins in column.spans.begins]


def _last(column: Column) -> list[pa.Array]:
    return [_taken(column, begins, column.spans.ends - 1) for begins in column.spans.begins]


AGGREGATES: dict[str, Callable[[Column], list[pa.Array]]] = {
    "count": _count,
    "sum": _sum,
    "mean": _mean,
    "min": _min,
    "max": _max,
    "stddev": _stddev,
    "first": _first,
    "last": _last,
}


def _plain(column: Column) -> NDArray[np.generic]:
    """A column with an order as numbers. Raises TypeError for one without."""
    kind = column.values.type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return np.asarray(column.values.to_numpy(zero_copy_only=False))
    if pa.types.is_timestamp(kind):
        return np.asarray(column.values.cast(pa.int64()).to_numpy(zero_copy_only=False))
    if kind in _ORDERED:
        return np.asarray(column.values.cast(_ORDERED[kind]).to_numpy(zero_copy_only=False))
    raise TypeError(f"a column of the type {kind} has no least and greatest value")


def _given(values: NDArray[np.generic], column: Column, begins: Numbers, fewest: int = 1) -> pa.Array:
    """Values of windows as Arrow's, NULL where fewer events count."""
    return pa.array(values, mask=column.spans.ends - begins < fewest)


def _taken(column: Column, begins: Numbers, rows: Numbers) -> pa.Array:
    empty = column.spans.ends == begins
    return column.values.take(pa.array(rows, mask=empty))
