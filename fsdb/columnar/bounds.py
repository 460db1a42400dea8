"""Bounds of a file's columns, as Iceberg's manifests keep them, and as readers ask for them."""

import struct
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

LONGEST = 16  # characters of a text bound
_PACKED = {
    pa.int32(): "<i",
    pa.int64(): "<q",
    pa.float32(): "<f",
    pa.float64(): "<d",
    pa.date32(): "<i",
    pa.timestamp("us", "UTC"): "<q",
    pa.bool_(): "<?",
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_STORED = {pa.date32(): pa.int32(), pa.timestamp("us", "UTC"): pa.int64()}

Packed = dict[int, bytes]


def bounds(columns: Iterable[tuple[int, pa.ChunkedArray]]) -> tuple[Packed, Packed]:
    """Lower and upper bounds of columns by field id, in Iceberg's bytes. Columns without any value have none."""
    lower: Packed = {}
    upper: Packed = {}
    for field_id, column in columns:
        plain = column.cast(_STORED[column.type]) if column.type in _STORED else column
        least, most = pc.min_max(plain).as_py().values()
        if least is None:
            continue
        if pa.types.is_string(column.type):
            lower[field_id] = least[:LONGEST].encode()
            above = _above(most)
            if above is not None:
                upper[field_id] = above
        else:
            lower[field_id] = struct.pack(_PACKED[column.type], least)
            upper[field_id] = struct.pack(_PACKED[column.type], most)
    return lower, upper


def unpacked(packed: Mapping[int, bytes], names: Mapping[int, tuple[str, pa.DataType]], upper: bool) -> dict[str, Any]:
    """Bounds by column name as Python has them. Times that Python cannot hold are cut to a bound that still holds, or left out."""
    found: dict[str, Any] = {}
    for field_id, data in packed.items():
        name, kind = names.get(field_id, ("", pa.null()))
        if pa.types.is_string(kind):
            found[name] = data.decode()
        elif kind in _PACKED:
            # A field that was widened keeps bounds of its old width in older files.
            code = (
                _PACKED[kind]
                if len(data) == struct.calcsize(_PACKED[kind])
                else {"<q": "<i", "<d": "<f"}[_PACKED[kind]]
            )
            value = _time(kind, struct.unpack(code, data)[0], upper)
            if value is not None:
                found[name] = value
    return found


def _time(kind: pa.DataType, value: Any, upper: bool) -> Any:
    if kind not in _STORED:
        return value
    try:
        if pa.types.is_date(kind):
            return date(1970, 1, 1) + timedelta(days=value)
        return _EPOCH + timedelta(microseconds=value)
    except OverflowError:
        if upper and value < 0:
            return date.min if pa.types.is_date(kind) else datetime.min.replace(tzinfo=UTC)
        if not upper and value > 0:
            return date.max if pa.types.is_date(kind) else datetime.max.replace(tzinfo=UTC)
        return None


def _above(text: str) -> bytes | None:
    """A short text that no text with this beginning exceeds; None where there is none."""
    if len(text) <= LONGEST:
        return text.encode()
    cut = text[:LONGEST]
    while cut:
        code = ord(cut[-1]) + 1
        if code == 0xD800:  # surrogates are no characters
            code = 0xE000
        if code <= 0x10FFFF:
            return (cut[:-1] + chr(code)).encode()
        cut = cut[:-1]
    return None
