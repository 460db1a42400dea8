"""A training set's Arrow table as data frames for learners."""

import re
from importlib import import_module
from math import isfinite
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from fsdb.errors import FsdbError
from fsdb.exchange.numbers import float64

_EXACT = 2**53  # whole numbers that a float64 holds
_NUMERIC = b"numeric"
_WHOLE = re.compile(rb"numeric\(\d+,0\)")
_MOST_UNSIGNED, _MOST_SIGNED = 2**64, 2**63


def _library(name: str, wanted_by: str) -> Any:
    """A library of data frames. Raises FsdbError where it is not installed."""
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise FsdbError(
            f"{wanted_by} needs {name}, which is not installed: pip install 'fsdb-postgres[{name}]', or take the rows with to_arrow()."
        ) from error


def to_pandas(table: pa.Table) -> Any:
    """The table for pandas: numbers that a learner takes, text as str.

    Integers and booleans with NULLs become float64 with NaN (booleans 1.0 and 0.0); integers beyond 2^53 that have
    NULLs become Int64. numeric becomes the float64 that Python's float() and PostgreSQL's cast give. Whole numbers of a numeric(p, 0) that
    a float64 does not hold stay what they are: int64 or uint64 (with NULLs Int64 or UInt64), beyond these Python's own integers; so are lists
    of such with NULLs. Times are
    datetime64[us, UTC], dates datetime64.
    """
    pd = _library("pandas", "to_pandas()")
    large = {
        place: _large_whole(column)
        for place, (column, field) in enumerate(zip(table.columns, table.schema, strict=True))
        if _WHOLE.fullmatch(_kind(field)) and not _fits_float(column)
    }
    table = _renewed(
        table,
        [
            large[place] if place in large else _learned(column, field)
            for place, (column, field) in enumerate(zip(table.columns, table.schema, strict=True))
        ],
    )
    wide = {pa.int64(): pd.Int64Dtype(), pa.uint64(): pd.UInt64Dtype()}
    columns = list(zip(table.column_names, table.columns, strict=True))
    if any(column.type in wide and column.null_count for column in table.columns):
        frame = table.to_pandas(types_mapper=wide.get, date_as_object=False)
        frame = frame.astype({name: str(c.type) for name, c in columns if c.type in wide and not c.null_count})
    else:  # without integers of pandas' own kind, which would be copied twice
        frame = table.to_pandas(date_as_object=False)
    for name, column in columns:
        if pa.types.is_decimal(column.type):
            frame[name] = pd.Series([None if v is None else int(v) for v in column.to_pylist()], dtype=object)
        elif _lists_of_gaps(column.type, column):
            frame[name] = pd.Series(column.to_pylist(), dtype=object)
    return frame


def to_polars(table: pa.Table) -> Any:
    """The table for polars: as in Arrow, but for numeric without fixed digits, which becomes Float64 where that loses no whole number."""
    pl = _library("polars", "to_polars()")
    columns = [
        column
        if pa.types.is_decimal(field.type) or (_WHOLE.fullmatch(_kind(field)) and not _fits_float(column))
        else _floats(column, field)
        for column, field in zip(table.columns, table.schema, strict=True)
    ]
    return pl.from_arrow(_renewed(table, columns))


def _renewed(table: pa.Table, columns: list[pa.ChunkedArray]) -> pa.Table:
    """The table with other columns under the same names."""
    return pa.Table.from_arrays(columns, names=table.column_names)


def _learned(column: pa.ChunkedArray, field: pa.Field) -> pa.ChunkedArray:
    """A column as learners take it."""
    column = _floats(column, field)
    if column.null_count and pa.types.is_boolean(column.type):
        return column.cast(pa.uint8()).cast(pa.float64())
    if column.null_count and pa.types.is_integer(column.type) and _fits_float(column):
        return column.cast(pa.float64())
    return column


def _floats(column: pa.ChunkedArray, field: pa.Field) -> pa.ChunkedArray:
    """numeric as float64: decimals are poison to learners."""
    kind = _kind(field)
    return float64(column) if kind.startswith(_NUMERIC) and not kind.endswith(b"]") else column


def _kind(field: pa.Field) -> bytes:
    kind: bytes = (field.metadata or {}).get(b"postgresql_type", b"")
    return kind


def _fits_float(column: pa.ChunkedArray) -> bool:
    """Whether a float64 holds each of the whole numbers."""
    if pa.types.is_integer(column.type):
        bounds = pc.min_max(column.cast(pa.int64())).as_py()
        return bounds["min"] is None or (bounds["min"] >= -_EXACT and bounds["max"] <= _EXACT)
    nearest = float64(column).to_pylist()
    return all(
        v is None or not isfinite(f) or int(f) == int(v) for v, f in zip(column.to_pylist(), nearest, strict=True)
    )


def _lists_of_gaps(kind: pa.DataType, column: pa.ChunkedArray) -> bool:
    """Whether these are lists of whole numbers with NULLs among them, of which pandas would make floats that do not hold each."""
    if not pa.types.is_list(kind) or not pa.types.is_integer(kind.value_type):
        return False
    items = pc.list_flatten(column)
    return bool(items.null_count) and not _fits_float(items)


def _large_whole(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Whole numbers of a numeric(p, 0) in the narrowest type that holds them."""
    values = [None if v is None else int(v) for v in column.to_pylist()]
    least, most = min(v for v in values if v is not None), max(v for v in values if v is not None)
    if least >= -_MOST_SIGNED and most < _MOST_SIGNED:
        kind = pa.int64()
    elif least >= 0 and most < _MOST_UNSIGNED:
        kind = pa.uint64()
    else:
        kind = pa.decimal256(76, 0)
    return pa.chunked_array([pa.array(values, kind)])
