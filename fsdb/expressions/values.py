"""Values of many rows as numpy has them, and Arrow's columns in and out."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from fsdb.expressions.kinds import IN_UTC, MOMENT, UNKNOWN

Array = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]
NUMPY: dict[str, Any] = {
    "smallint": np.int16,
    "integer": np.int32,
    "bigint": np.int64,
    "real": np.float32,
    "double precision": np.float64,
    "boolean": np.bool_,
    "date": np.int64,  # days since 1970
    MOMENT: np.int64,  # microseconds since 1970
    IN_UTC: np.int64,
    "numeric": object,  # Decimal
    "text": object,
    UNKNOWN: object,
}
FOREVER = 2**63 - 1  # an infinite moment; its negative is the other one
FOREVER_DAYS = 2**31 - 1
_ARROW: dict[str, pa.DataType] = {
    "smallint": pa.int16(),
    "integer": pa.int32(),
    "bigint": pa.int64(),
    "real": pa.float32(),
    "double precision": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    MOMENT: pa.timestamp("us", "UTC"),
    "numeric": pa.string(),
    "text": pa.string(),
}


class OutOfRange(ArithmeticError):
    """A row whose value PostgreSQL refuses, too; the message says what it is, in a few words."""


@dataclass(frozen=True, slots=True)
class Values:
    """One value for each row, of one type. Where `valid` is false it is NULL, and `data` is anything of the type."""

    data: Array
    valid: Mask
    type: str

    def where(self, rows: Mask) -> "Values":
        """The same values, NULL but for some rows."""
        return Values(self.data, self.valid & rows, self.type)


def nothing(kind: str, count: int) -> Values:
    """NULL in each row."""
    return Values(_blank(kind, count), np.zeros(count, bool), kind)


def _blank(kind: str, count: int) -> Array:
    if kind == "numeric":
        return np.full(count, Decimal(0), dtype=object)
    if NUMPY[kind] is object:
        return np.full(count, "", dtype=object)
    return np.zeros(count, NUMPY[kind])


def from_arrow(column: pa.Array | pa.ChunkedArray, kind: str) -> Values:
    """A column of the Arrow type that fsdb gives a type of PostgreSQL."""
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    valid = np.asarray(column.is_valid().to_numpy(zero_copy_only=False), dtype=bool)
    if NUMPY[kind] is object:
        data = _blank(kind, len(column))
        for at, value in enumerate(column.to_pylist()):
            if value is not None:
                data[at] = value if kind == "text" or isinstance(value, Decimal) else Decimal(value)
        return Values(data, valid, kind)
    if kind == "date":
        column = column.cast(pa.int32()).cast(pa.int64())
    elif kind == MOMENT:
        column = column.cast(pa.int64())
    if column.null_count:
        column = column.fill_null(False if kind == "boolean" else 0)
    return Values(np.asarray(column.to_numpy(zero_copy_only=False)).astype(NUMPY[kind]), valid, kind)


def to_arrow(values: Values) -> pa.Array:
    """A column of Arrow; NaN is the one of Python, whichever bits arithmetic gave it."""
    kind, data, missing = values.type, values.data, ~values.valid
    if kind in ("real", "double precision"):
        data = np.where(np.isnan(data), NUMPY[kind](np.nan), data)
    if kind == "numeric":
        return pa.array(
            [digits(one) if there else None for one, there in zip(data, values.valid, strict=True)], pa.string()
        )
    if kind == "text":
        return pa.array(data, pa.string(), mask=missing)
    if kind == "date":
        return pa.array(data.astype(np.int32), pa.int32(), mask=missing).cast(pa.date32())
    if kind == MOMENT:
        return pa.array(data, pa.int64(), mask=missing).cast(_ARROW[kind])
    return pa.array(data, _ARROW[kind], mask=missing)


def digits(value: Decimal) -> str:
    """A numeric as PostgreSQL prints it."""
    if not value.is_finite():
        return "NaN" if value.is_nan() else "Infinity" if value > 0 else "-Infinity"
    return format(value if value else abs(value), "f")


def each(function: Callable[..., Any], rows: Mask, blank: Any, *columns: Array) -> Array:
    """A Python function of the values of some rows; `blank` in the others."""
    result = np.full(len(rows), blank, dtype=object)
    for at in np.flatnonzero(rows):
        result[at] = function(*(column[at] for column in columns))
    return result
