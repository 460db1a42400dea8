"""The value of a tree for one row in plain Python: fractions and bits, written apart from the evaluator."""

import math
import struct
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from fsdb.expressions import Call, Case, Constant, Input, Node

BITS = {"smallint": 15, "integer": 31, "bigint": 63}


class OutOfRangeError(Exception):
    """PostgreSQL raises an error for this row."""


def value_of(node: Node, row: Mapping[str, Any]) -> Any:
    """None is NULL; an integer, a float (a float32 of type real), a bool or a text."""
    if isinstance(node, Input):
        return row[node.name]
    if isinstance(node, Constant):
        return read(node.text, node.type)
    if isinstance(node, Case):
        for condition, result in zip(node.conditions, node.results, strict=True):
            if value_of(condition, row) is True:
                return value_of(result, row)
        return value_of(node.otherwise, row)
    return _call(node, row)


def read(text: str | None, kind: str) -> Any:
    """A constant."""
    if text is None or kind == "text":
        return text
    if kind == "boolean":
        return text == "true"
    return int(text) if kind in BITS else float(text)


def _call(node: Call, row: Mapping[str, Any]) -> Any:
    name, given = node.operator, node.arguments
    if name in ("and", "or"):
        unknown = False
        for one in given:
            value = value_of(one, row)
            if value is (name == "or"):
                return value
            unknown |= value is None
        return None if unknown else name == "and"
    if name == "coalesce":
        return next((value for value in (value_of(one, row) for one in given) if value is not None), None)
    values = [value_of(one, row) for one in given]
    if name.startswith("is_"):
        wanted = {"null": None, "true": True, "false": False}[name.rpartition("_")[2]]
        return (values[0] is wanted) != ("_not_" in name)
    if name in ("distinct", "not_distinct"):
        same = values[0] is values[1] if None in values else order(*values) == 0
        return same == (name == "not_distinct")
    if name in ("greatest", "least"):
        best = None
        for value in values:
            if value is not None and (best is None or order(value, best) * (1 if name == "greatest" else -1) > 0):
                best = value
        return best
    if name == "nullif":
        return None if None not in values and order(*values) == 0 else values[0]
    if name == "in":
        if values[0] is None:
            return None
        if any(other is not None and order(values[0], other) == 0 for other in values[1:]):
            return True
        return None if None in values[1:] else False
    if None in values:
        return None
    if name in _COMPARED:
        return _COMPARED[name](order(*values))
    if name == "bytewise":
        return values[0]
    if name == "not":
        return not values[0]
    if name == "cast":
        return _cast(values[0], given[0].type, node.type)
    if name in ("add", "subtract", "multiply", "divide", "div", "mod", "negate", "abs"):
        return _whole(name, values, node.type) if node.type in BITS else _float(name, values, node.type)
    return {"floor": _rounded(math.floor), "ceil": _rounded(math.ceil), "trunc": _rounded(math.trunc), "sign": lambda x: float((x > 0) - (x < 0))}[name](*values)  # fmt: skip


_COMPARED = {
    "equal": lambda c: c == 0,
    "different": lambda c: c != 0,
    "less": lambda c: c < 0,
    "at_most": lambda c: c <= 0,
    "greater": lambda c: c > 0,
    "at_least": lambda c: c >= 0,
}


def order(a: Any, b: Any) -> int:
    """-1, 0 or 1; NaN is above all numbers."""
    if isinstance(a, float) and isinstance(b, float):
        if math.isnan(a) or math.isnan(b):
            return math.isnan(a) - math.isnan(b)
    elif isinstance(a, str):
        a, b = a.encode(), b.encode()
    return (a > b) - (a < b)


def _checked(value: int, kind: str) -> int:
    if not -(2 ** BITS[kind]) <= value < 2 ** BITS[kind]:
        raise OutOfRangeError
    return value


def _whole(name: str, values: list[int], kind: str) -> int | None:
    a, b = values[0], values[-1]
    if name in ("div", "mod"):
        if b == 0:
            return None
        quotient = math.trunc(Fraction(a, b))
        return _checked(quotient, kind) if name == "div" else a - quotient * b
    return _checked({"add": a + b, "subtract": a - b, "multiply": a * b, "negate": -a, "abs": abs(a)}[name], kind)


def _float(name: str, values: list[float], kind: str) -> float | None:
    a, b = values[0], values[-1]
    if name in ("negate", "abs"):
        return -a if name == "negate" else abs(a)
    if name == "divide" and b == 0:
        return None
    if math.isfinite(a) and math.isfinite(b):
        negative = math.copysign(1, a) * math.copysign(1, b) < 0
        if name == "multiply":
            return _nearest(Fraction(a) * Fraction(b), negative, kind)
        if name == "divide":
            return _nearest(Fraction(a) / Fraction(b), negative, kind)
        b = b if name == "add" else -b
        return _nearest(Fraction(a) + Fraction(b), math.copysign(1, a) < 0 and math.copysign(1, b) < 0, kind)
    if name == "divide":
        return a / b
    return a * b if name == "multiply" else a + b if name == "add" else a - b


def _nearest(exact: Fraction, negative: bool, kind: str) -> float:
    try:
        value = struct.unpack("f", struct.pack("f", float(exact)))[0] if kind == "real" else float(exact)
    except OverflowError:
        raise OutOfRangeError from None
    if value == 0 and exact != 0:
        raise OutOfRangeError
    return -0.0 if exact == 0 and negative else value


def _rounded(function: Any) -> Any:
    return lambda x: x if not math.isfinite(x) else math.copysign(float(function(x)), x)


def _cast(value: Any, source: str, kind: str) -> Any:
    if kind == "boolean":
        return value != 0
    if kind in BITS:
        if isinstance(value, float):
            if not math.isfinite(value):
                raise OutOfRangeError
            value = round(value)  # halves go to even
        return _checked(int(value), kind)
    if kind in ("real", "double precision"):
        if isinstance(value, float) and (not math.isfinite(value) or kind == "double precision"):
            return value
        if kind == "real" and source == "bigint":
            return _single(value)
        return _nearest(Fraction(value), math.copysign(1, value) < 0, kind)
    return ("true" if value else "false") if source == "boolean" else str(value)


def _single(value: int) -> float:
    size = abs(value)
    spare = max(size.bit_length() - 24, 0)
    return math.copysign(float(round(Fraction(size, 2**spare)) * 2**spare), value)
