"""Columns of Python objects, as pandas and polars have them, in Arrow: exact, or refused by row and value.

Arrow's own way cuts nanoseconds and the time of day where a column's first value has none, takes sets for lists, and bytes for texts.
"""

import datetime as dt
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy as np
import pyarrow as pa

from fsdb.errors import InvalidData
from fsdb.exchange.documents import document
from fsdb.exchange.plain import DIGITS
from fsdb.exchange.timezones import Zone

_KINDS: tuple[tuple[str, tuple[type, ...]], ...] = (  # the first that a type belongs to
    ("text", (str,)),
    ("boolean", (bool, np.bool_)),
    ("integer", (int, np.integer)),
    ("float", (float, np.floating)),
    ("decimal", (Decimal,)),
    ("moment", (dt.datetime, np.datetime64)),
    ("date", (dt.date,)),
    ("uuid", (UUID,)),
    ("bytes", (bytes, bytearray, memoryview)),
    ("list", (list, tuple, np.ndarray)),
    ("dict", (dict,)),
    ("other", (dt.time, dt.timedelta, np.timedelta64)),
)
_LARGEST = 2**63
_EPOCH = dt.datetime(1970, 1, 1)
_MICROSECOND = dt.timedelta(microseconds=1)


def object_column(
    values: Sequence[Any], name: str, kind: str | None, zone: Zone | None
) -> tuple[pa.Array, dict[bytes, bytes] | None]:
    """Python's values as an Arrow array, with the metadata of its field; None, NaN, NaT and pandas.NA are NULL.

    kind: PostgreSQL's type that the column is wanted in, if that is known: a jsonb takes any value that JSON has a form for.
    zone: what times without a zone are of. Raises InvalidData naming the row and the value.
    """
    values = [None if _missing(value) else value for value in values]
    if kind == "jsonb":
        texts = [v if v is None or isinstance(v, str) else document(v, name, row) for row, v in enumerate(values)]
        return _by_arrow(texts, name, zone) if any(text is not None for text in texts) else (pa.nulls(len(texts)), None)
    found = {of: _kind_of(of) for of in set(map(type, values)) if of is not type(None)}
    unknown = [of for of, its in found.items() if its is None]
    if unknown:
        raise _refused(
            values, name, lambda v: type(v) in unknown, "for which PostgreSQL has no type: convert it, or leave it out"
        )
    kinds = set(found.values())
    if not kinds:
        return pa.nulls(len(values)), None
    if len(kinds) == 1:
        return _MAKING[str(kinds.pop())](values, name, zone)
    if kinds <= {"integer", "float", "decimal"}:
        return _numbers(values, name, zone)
    if kinds == {"uuid", "text"}:
        return pa.array([None if v is None else str(v) for v in values], pa.string()), None
    first = found[next(type(v) for v in values if v is not None)]
    what = (
        f"where others are of type {next(type(v).__name__ for v in values if v is not None)}: give the column one type"
    )
    raise _refused(values, name, lambda v: found[type(v)] != first, what)


def _kind_of(of: type) -> str | None:
    return next((kind for kind, types in _KINDS if issubclass(of, types)), None)


def _missing(value: Any) -> bool:
    if value is None:
        return True
    if isinstance(value, Decimal):
        return value.is_nan()  # a signalling one must not be compared
    of = type(value).__name__
    if of in ("NAType", "NaTType"):
        return True
    return isinstance(value, (float, np.floating, np.datetime64, np.timedelta64)) and bool(value != value)  # noqa: PLR0124 - NaN


def _refused(values: Sequence[Any], name: str, bad: Callable[[Any], bool], what: str) -> InvalidData:
    row, value = next((row, value) for row, value in enumerate(values) if value is not None and bad(value))
    shown = repr(value)
    shown = shown if len(shown) <= 60 else shown[:57] + "…"
    return InvalidData(f"Column {name!r} holds {shown}, of type {type(value).__name__}, in row {row}, {what}.")


_NOTHING = ("NAType", "NaTType")
Made = tuple[pa.Array, dict[bytes, bytes] | None]


def _by_arrow(values: list[Any], name: str, _zone: Zone | None, from_pandas: bool = True) -> Made:
    try:
        return pa.array(values, from_pandas=from_pandas), None
    except (pa.ArrowException, ValueError, TypeError, OverflowError) as error:
        said = str(error).splitlines()[0].rstrip(".") if str(error) else type(error).__name__
        raise InvalidData(f"Column {name!r} cannot be taken: {said}. Give its values one type.") from error


def _integers(values: list[Any], _name: str, _zone: Zone | None) -> Made:
    whole = [None if v is None else int(v) for v in values]
    given = [v for v in whole if v is not None]
    least, most = min(given), max(given)
    if least >= -_LARGEST and most < _LARGEST:
        return pa.array(whole, pa.int64()), None
    if least >= 0 and most < 2 * _LARGEST:
        return pa.array(whole, pa.uint64()), None
    return _digits([None if v is None else str(v) for v in whole])


def _digits(texts: list[str | None]) -> Made:
    return pa.array(texts, pa.string()), {DIGITS: b""}


def _decimals(values: list[Any], name: str, zone: Zone | None) -> Made:
    try:
        return pa.array(values), None
    except (pa.ArrowException, ValueError, TypeError, OverflowError):  # too many digits, or infinite
        return _numbers(values, name, zone)


def _numbers(values: list[Any], name: str, _zone: Zone | None) -> Made:
    """Numbers of several types: as float64 where that holds each, else as digits."""
    numbers = [None if v is None else v.item() if isinstance(v, np.generic) else v for v in values]
    try:
        if any(isinstance(v, float) for v in numbers) and all(v is None or float(v) == v for v in numbers):
            return pa.array([None if v is None else float(v) for v in numbers], pa.float64()), None
        return _digits([None if v is None else repr(v) if isinstance(v, float) else f"{v}" for v in numbers])
    except (ValueError, OverflowError) as error:
        raise InvalidData(f"Column {name!r} cannot be taken: {error}. Give its values one type.") from error


def _moments(values: list[Any], name: str, zone: Zone | None) -> Made:
    """Times as microseconds; those without a zone are of `zone`, whose offset their `fold` chooses at a change of clocks."""
    times = [_python_time(value, name, row) for row, value in enumerate(values)]
    naive = [t for t in times if t is not None and t.utcoffset() is None]
    if len(naive) == sum(t is not None for t in times) and (zone is None or not any(t.fold for t in naive)):
        return pa.array([None if t is None else (t - _EPOCH) // _MICROSECOND for t in times], pa.timestamp("us")), None
    if naive and zone is None:
        raise _refused(
            times,
            name,
            lambda t: t.utcoffset() is None,
            "which is naive where others have a time zone: give the zone of such times with timezone=",
        )
    moments = [None if t is None else _moment(t, zone) for t in times]
    return pa.array(moments, pa.timestamp("us", "UTC")), None


def _python_time(value: Any, name: str, row: int) -> dt.datetime | None:
    if value is None:
        return None
    if getattr(value, "nanosecond", 0) or (isinstance(value, np.datetime64) and value.astype("M8[us]") != value):
        raise InvalidData(f"Column {name!r} has nanoseconds, as {value!s} in row {row}: round it to microseconds.")
    if isinstance(value, np.datetime64):
        value = value.astype("M8[us]").item()
        if not isinstance(value, dt.datetime):
            raise InvalidData(f"Column {name!r} has a time beyond the years 1 to 9999 in row {row}: leave it out.")
    time: dt.datetime = value.to_pydatetime() if hasattr(value, "to_pydatetime") else value
    return time


def _moment(time: dt.datetime, zone: Zone | None) -> int:
    if time.utcoffset() is None:
        assert zone is not None
        return zone.moment(time)
    return (time - _EPOCH.replace(tzinfo=dt.UTC)) // _MICROSECOND


def _uuids(values: list[Any], _name: str, _zone: Zone | None) -> Made:
    return pa.array([None if v is None else v.bytes for v in values], pa.uuid()), None


def _bytes(values: list[Any], _name: str, _zone: Zone | None) -> Made:
    return pa.array([None if v is None else bytes(v) for v in values], pa.binary()), None


def _lists(values: list[Any], name: str, zone: Zone | None) -> Made:
    for row, value in enumerate(values):
        if isinstance(value, np.ndarray) and value.ndim != 1:
            raise InvalidData(
                f"Column {name!r} holds an array of {value.ndim} dimensions in row {row}: store each as one list."
            )
    # A NaN in a list is that number; what is missing in it is None, or pandas' own NA.
    given = [
        [None if type(item).__name__ in _NOTHING else item for item in value]
        if isinstance(value, (list, tuple))
        else value
        for value in values
    ]
    return _by_arrow(given, name, zone, from_pandas=False)


_MAKING: dict[str, Callable[[list[Any], str, Zone | None], Made]] = {
    "text": _by_arrow,
    "boolean": _by_arrow,
    "integer": _integers,
    "float": _by_arrow,
    "decimal": _decimals,
    "moment": _moments,
    "date": _by_arrow,
    "uuid": _uuids,
    "bytes": _bytes,
    "list": _lists,
    "dict": _by_arrow,
    "other": _by_arrow,
}
