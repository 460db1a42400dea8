"""JSON for jsonb columns, from Python's values and from nested Arrow columns: what JSON has no form for is refused, never guessed."""

import json
import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa

from fsdb.errors import InvalidData


def document(value: Any, name: str, row: int) -> str:
    """A value as JSON: dicts, lists, arrays of numpy, texts, numbers with all their digits, booleans, None.

    Raises InvalidData naming column, row and the place inside the value.
    """
    try:
        return _text(value, "")
    except _Refused as refused:
        raise InvalidData(
            f"Column {name!r} holds {refused} in row {row}, which JSON has no form for: {_ADVICE}."
        ) from None
    except RecursionError:
        raise InvalidData(
            f"Column {name!r} holds a value in row {row} that is nested too deeply: flatten it."
        ) from None


def documents(array: pa.Array, name: str, first: int) -> pa.Array:
    """A column of structs, lists or maps as JSON; a map is an object. `first`: the number of the first row."""
    values = [_plain(scalar, name, first + row) for row, scalar in enumerate(array)]
    texts = [None if v is None else document(v, name, first + row) for row, v in enumerate(values)]
    return pa.array(texts, pa.string())


def is_document(text: str) -> bool:
    """Whether a text is JSON that PostgreSQL keeps in a jsonb."""
    try:
        json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return False
    return "\\u0000" not in text


def _no_constant(name: str) -> None:
    raise ValueError(name)


_ADVICE = "convert it to text, a number, a list or a dict first"


class _Refused(Exception):
    pass


def _plain(scalar: pa.Scalar, name: str, row: int) -> Any:
    try:
        return scalar.as_py(maps_as_pydicts="strict")
    except (KeyError, TypeError) as error:
        raise InvalidData(
            f"Column {name!r} holds a map with one key twice in row {row}, which no JSON object can have: leave one of them out."
        ) from error
    except (ValueError, OverflowError) as error:
        raise InvalidData(f"Column {name!r} holds a value in row {row} that Python cannot hold: {error}.") from error


def _text(value: Any, place: str) -> str:
    if isinstance(value, np.generic):
        value = value.item() if not isinstance(value, (np.datetime64, np.timedelta64, np.void)) else _Unknown(value)
    if value is None or isinstance(value, (bool, str, int)):
        return json.dumps(value, ensure_ascii=True)
    if isinstance(value, float):
        return _number(value, math.isfinite(value), place)
    if isinstance(value, Decimal):
        return _number(value, value.is_finite(), place)
    if isinstance(value, Mapping):
        return _object(value, place)
    if isinstance(value, np.ndarray):
        value = list(value)
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_text(one, f"{place}[{n}]") for n, one in enumerate(value)) + "]"
    kind = type(value.value if isinstance(value, _Unknown) else value).__name__
    raise _Refused(f"a {kind}" + _at(place))


class _Unknown:
    def __init__(self, value: Any) -> None:
        self.value = value


def _number(value: Any, finite: bool, place: str) -> str:
    if not finite:
        raise _Refused(f"the number {value}" + _at(place))
    return repr(value) if isinstance(value, float) else str(value)


def _object(value: Mapping[Any, Any], place: str) -> str:
    entries = {}
    for key, one in value.items():
        if isinstance(key, bool) or not isinstance(key, (str, int, np.integer)):
            raise _Refused(f"a dict with the key {key!r}" + _at(place))
        text = str(key)
        if text in entries:
            raise _Refused(f"a dict with the key {text!r} twice" + _at(place))
        entries[text] = f"{json.dumps(text)}: {_text(one, f'{place}.{text}')}"
    return "{" + ", ".join(entries.values()) + "}"


def _at(place: str) -> str:
    return f" at {place.lstrip('.')}" if place else ""
