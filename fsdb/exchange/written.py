"""Values written as text, as CSV files have them: read as the type that is wanted, or refused by row. Dates and times are in ISO's form."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from fsdb.array_text import items_of, python_items
from fsdb.asof.description import plain_type
from fsdb.errors import InvalidData
from fsdb.exchange.timezones import Zone
from fsdb.exchange.wanted import Wanted, first_of

WRITTEN = b"fsdb_written"  # in a field's metadata: a column of texts that say values of whatever type is wanted
_NOTHING = ["NA", "N/A", "NULL", "null", "None", "\\N"]
_TEXTS = ("text", "character varying", "jsonb")
_TRUE, _FALSE = ["true", "t", "yes", "1"], ["false", "f", "no", "0"]
_NUMBER = r"^[+-]?((\d+\.?\d*|\.\d+)(e[+-]?\d+)?|inf(inity)?|nan)$"
_WHOLE = r"^-?(0|[1-9]\d*)$"
_DAY = r"^\d{4}-\d{2}-\d{2}"
_LOOKS: tuple[tuple[str, pa.DataType], ...] = (
    (_WHOLE, pa.int64()),
    (r"(?i)^-?(0|[1-9]\d{0,14})(\.\d*)?(e[+-]?\d+)?$|^-?\.\d+$|^nan$", pa.float64()),
    ("(?i)^(true|false)$", pa.bool_()),
    (_DAY + "$", pa.date32()),
    (_DAY + r"[T ].*(Z|[+-]\d{2}:?\d{2})$", pa.timestamp("us", "UTC")),
    (_DAY + "[T ]", pa.timestamp("us")),
)
_TIME = re.compile(
    r"(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?) ?(Z|[+-]\d{2}(?::?\d{2})?)?|(\d{4}-\d{2}-\d{2})"
)
_EPOCH = datetime(1970, 1, 1)
_MICROSECOND = timedelta(microseconds=1)


def read_texts(array: pa.Array, wanted: Wanted, zone: Zone | None) -> tuple[pa.Array, bool]:
    """The texts as an array that `wanted` can be made from, and whether it holds digits. Raises InvalidData."""
    plain = plain_type(wanted.kind)
    if plain in _TEXTS:
        return array, False
    texts = pc.utf8_trim_whitespace(array)
    texts = pc.if_else(pc.is_in(texts, pa.array(["", *_NOTHING])), pa.scalar(None, pa.string()), texts)
    if plain in ("smallint", "integer", "bigint", "real", "double precision", "numeric"):
        _check(texts, pc.match_substring_regex(texts, f"(?i){_NUMBER}"), wanted, "which is not a number")
        return texts, True
    if plain == "boolean":
        lower = pc.utf8_lower(texts)
        known = pc.is_in(lower, pa.array([*_TRUE, *_FALSE, None]))
        _check(texts, known, wanted, "which is not a boolean, as true and false are")
        return pc.if_else(pc.is_null(lower), None, pc.is_in(lower, pa.array(_TRUE))), False
    if plain == "date":
        return _each(texts, wanted, lambda text: datetime.strptime(text, "%Y-%m-%d").date(), pa.date32()), False
    if plain == "timestamp with time zone":
        return _moments(texts, wanted, zone), False
    if wanted.kind.endswith("[]"):
        return _each(texts, wanted, partial(_list, kind=wanted.kind), None), False
    if plain == "bytea":
        return _each(texts, wanted, lambda text: bytes.fromhex(text.removeprefix("\\x")), pa.binary()), False
    return texts, False


def looks_like(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    """Texts as the type that all of them look like: whole numbers, numbers, booleans, dates or times; others, and 007, stay texts."""
    if texts.null_count == len(texts):
        return pa.chunked_array([pa.nulls(len(texts))])
    for pattern, kind in _LOOKS:
        if pc.all(pc.match_substring_regex(texts, pattern)).as_py():
            try:
                return texts.cast(kind)
            except pa.ArrowInvalid:  # numbers of too many digits, times of several kinds
                break
    return texts


def _check(texts: pa.Array, good: pa.Array, wanted: Wanted, why: str) -> None:
    row = first_of(pc.and_(pc.invert(good), texts.is_valid()))
    if row is not None:
        raise wanted.refused(texts, row, f"{why}: correct it, or leave the field empty")


def _each(texts: pa.Array, wanted: Wanted, read: Callable[[str], Any], kind: pa.DataType | None) -> pa.Array:
    values = []
    for row, text in enumerate(texts.to_pylist()):
        try:
            values.append(None if text is None else read(text))
        except ValueError:
            raise wanted.refused(
                texts, row, f"which is not of type {wanted.kind}: correct it, or leave the field empty"
            ) from None
    try:
        return pa.array(values, kind)
    except (pa.ArrowException, ValueError, TypeError, OverflowError) as error:
        raise wanted.unfit() from error


def _list(text: str, kind: str) -> list[Any]:
    """[1, 2], or {1,2} as PostgreSQL writes it."""
    if text.startswith("{") and text.endswith("}"):
        item = kind.removesuffix("[]")
        if item == "boolean" and not set(items_of(text)) <= {"t", "f", None}:
            raise ValueError(text)
        return python_items(text, item)
    found = json.loads(text)
    if not isinstance(found, list):
        raise ValueError(text)
    return found


def _moments(texts: pa.Array, wanted: Wanted, zone: Zone | None) -> pa.Array:
    try:
        return texts.cast(pa.timestamp("us", "UTC"))
    except pa.ArrowInvalid:
        pass
    try:
        return texts.cast(pa.timestamp("us"))
    except pa.ArrowInvalid:
        pass
    moments = [
        None if text is None else _moment(text, texts, row, wanted, zone) for row, text in enumerate(texts.to_pylist())
    ]
    return pa.array(moments, pa.timestamp("us", "UTC"))


def _moment(text: str, texts: pa.Array, row: int, wanted: Wanted, zone: Zone | None) -> int:
    found = _TIME.fullmatch(text)
    try:
        if found is None:
            raise ValueError(text)
        time = datetime.fromisoformat(text.replace(" +", "+").replace(" -", "-"))
    except ValueError:
        raise wanted.refused(texts, row, "which is not a time: write it as 2024-07-01T12:00:00Z") from None
    if found[2] and len(found[2].partition(".")[2].rstrip("0")) > 6:
        raise wanted.refused(texts, row, "which has nanoseconds: round it to microseconds")
    if time.utcoffset() is not None:
        return (time - _EPOCH.replace(tzinfo=UTC)) // _MICROSECOND
    if zone is None:
        raise InvalidData(
            f"The time {text} of column {wanted.name!r}{wanted.in_row(row)} is naive: give the time zone of such times with timezone='UTC' or timezone='America/New_York'."
        )
    return zone.moment(time)
