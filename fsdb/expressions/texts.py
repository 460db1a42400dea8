"""Texts: characters are code points, and letters are ASCII's."""

import string
from collections.abc import Callable
from typing import Any

import numpy as np

from fsdb.expressions.values import Values, each

_UPPER = str.maketrans(string.ascii_lowercase, string.ascii_uppercase)
_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def letters(operator: str, value: Values) -> Values:
    """upper and lower."""
    table = _UPPER if operator == "upper" else _LOWER
    return Values(each(lambda text: text.translate(table), value.valid, "", value.data), value.valid, "text")


def concat(left: Values, right: Values) -> Values:
    """One text after the other."""
    rows = left.valid & right.valid
    return Values(each(str.__add__, rows, "", left.data, right.data), rows, "text")


def length(value: Values) -> Values:
    """The number of characters."""
    return Values(each(len, value.valid, 0, value.data).astype(np.int32), value.valid, "integer")


def starts_with(left: Values, right: Values) -> Values:
    """Whether one text begins with the other."""
    return _found(str.startswith, left, right, "boolean", np.bool_)


def position(left: Values, right: Values) -> Values:
    """Where one text begins in the other, counted from 1."""
    return _found(lambda text, sought: text.find(sought) + 1, left, right, "integer", np.int32)


def _found(function: Callable[[str, str], Any], left: Values, right: Values, kind: str, numpy: Any) -> Values:
    rows = left.valid & right.valid
    return Values(each(function, rows, 0, left.data, right.data).astype(numpy), rows, kind)
