"""What a request brings for expressions, beside the keys: checked by name and type before anything is asked of the database."""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from numbers import Integral, Real
from typing import Any

from fsdb.errors import InvalidData

_BITS = {"smallint": 15, "integer": 31, "bigint": 63}
_MISSING = ("NAType", "NaTType")


@dataclass(frozen=True)
class Requested:
    """A value that a request brings: its name, its type, and an expression that reads it."""

    name: str
    type: str
    expression: str


def split(
    given: Mapping[str, Any], request: tuple[Requested, ...], keys: frozenset[str]
) -> tuple[Mapping[str, Any], list[Any]]:
    """The keys among what was given, and the request's values in their order. Raises InvalidData for one that is missing or of a wrong type."""
    if not request:
        return given, []
    names = {one.name for one in request}
    own = {name: value for name, value in given.items() if name in keys or name not in names}
    return own, [_value(given, one) for one in request]


def _value(given: Mapping[str, Any], wanted: Requested) -> Any:
    if wanted.name not in given:
        raise InvalidData(
            f"Expression {wanted.expression} reads {wanted.name} ({wanted.type}): give a value beside the keys, or None."
        )
    value = given[wanted.name]
    if value is None or type(value).__name__ in _MISSING:
        return None
    taken = _taken(value, wanted.type)
    if taken is None:
        raise InvalidData(
            f"Expression {wanted.expression} reads {wanted.name} as {wanted.type}; {str(value)[:80]!r} is of type {type(value).__name__} and no such value."
        )
    return taken


def _taken(value: Any, kind: str) -> Any:
    boolean = type(value).__name__ in ("bool", "bool_")
    if kind == "boolean":
        return bool(value) if boolean else None
    if kind in _BITS:
        whole = isinstance(value, Integral) and not boolean
        return int(value) if whole and -(2 ** _BITS[kind]) <= int(value) < 2 ** _BITS[kind] else None
    if kind in ("real", "double precision"):
        return _floating(value, kind) if isinstance(value, Real | Decimal) and not boolean else None
    if kind.startswith("numeric"):
        return (
            Decimal(int(value))
            if isinstance(value, Integral) and not boolean
            else value
            if isinstance(value, Decimal)
            else None
        )
    if kind == "date":
        return value if isinstance(value, date) and not isinstance(value, datetime) else None
    if kind == "timestamp with time zone":
        zoned = isinstance(value, datetime) and value.utcoffset() is not None and not getattr(value, "nanosecond", 0)
        return value if zoned else None
    return str(value) if isinstance(value, str) and "\0" not in value else None


def _floating(value: Any, kind: str) -> float | None:
    try:
        number = float(value)
        return struct.unpack("f", struct.pack("f", number))[0] if kind == "real" else number
    except OverflowError:
        return None
