"""Order and equality as PostgreSQL has them: NaN is equal to NaN and above all numbers, -0 is 0, texts go byte by byte."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import numpy as np

from fsdb.expressions.kinds import FLOATS
from fsdb.expressions.values import Array, Mask, Values, each


def compare(operator: str, left: Values, right: Values) -> Values:
    """A comparison; NULL where either is."""
    rows = left.valid & right.valid
    found = {
        "equal": lambda: _equal(left, right, rows),
        "different": lambda: ~_equal(left, right, rows),
        "less": lambda: _less(left, right, rows),
        "greater": lambda: _less(right, left, rows),
        "at_most": lambda: ~_less(right, left, rows),
        "at_least": lambda: ~_less(left, right, rows),
    }[operator]()
    return Values(found, rows, "boolean")


def distinct(left: Values, right: Values) -> Mask:
    """Whether two values differ, where NULL is equal to NULL."""
    both = left.valid & right.valid
    return np.asarray((left.valid != right.valid) | (both & ~_equal(left, right, both)))


def among(value: Values, others: Sequence[Values]) -> Values:
    """Whether a value is one of others; NULL where it is not and a NULL is among them."""
    found, unknown = np.zeros(len(value.data), bool), np.zeros(len(value.data), bool)
    for other in others:
        both = value.valid & other.valid
        found |= both & _equal(value, other, both)
        unknown |= ~other.valid
    return Values(found, value.valid & (found | ~unknown), "boolean")


def without(value: Values, other: Values) -> Values:
    """The value, NULL where it is equal to the other."""
    both = value.valid & other.valid
    return Values(value.data, value.valid & ~(both & _equal(value, other, both)), value.type)


def extreme(operator: str, values: Sequence[Values]) -> Values:
    """The greatest or least that is not NULL; of equal ones the first."""
    result = values[0]
    for value in values[1:]:
        both = result.valid & value.valid
        better = _less(result, value, both) if operator == "greatest" else _less(value, result, both)
        taken = value.valid & (~result.valid | (both & better))
        result = Values(np.where(taken, value.data, result.data), result.valid | value.valid, result.type)
    return result


def _equal(left: Values, right: Values, rows: Mask) -> Mask:
    a, b = left.data, right.data
    if left.type in FLOATS:
        return np.asarray((a == b) | (np.isnan(a) & np.isnan(b)))
    if left.type == "numeric":
        return _each(lambda x, y: _key(x) == _key(y), rows, a, b)
    return np.asarray(a == b).astype(bool)


def _less(left: Values, right: Values, rows: Mask) -> Mask:
    a, b = left.data, right.data
    if left.type in FLOATS:
        return np.asarray((a < b) | (~np.isnan(a) & np.isnan(b)))
    if left.type == "numeric":
        return _each(lambda x, y: _key(x) < _key(y), rows, a, b)
    return np.asarray(a < b).astype(bool)


def _key(value: Decimal) -> tuple[bool, Decimal]:
    return (True, Decimal(0)) if value.is_nan() else (False, value)


def _each(function: Callable[[Any, Any], bool], rows: Mask, a: Array, b: Array) -> Mask:
    return each(function, rows, False, a, b).astype(bool)
