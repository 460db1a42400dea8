"""A training set's Arrow table as data frames for learners."""

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

_EXACT = 2**53  # whole numbers that a float64 holds
_NUMERIC = b"numeric"


def to_pandas(table: pa.Table) -> Any:
    """The table for pandas: numbers that a learner takes, text as str.

    Integers and booleans with NULLs become float64 with NaN (booleans 1.0 and 0.0); integers beyond 2^53 that have
    NULLs become Int64. numeric becomes float64. Times are datetime64[us, UTC], dates datetime64.
    """
    table = _renewed(
        table, [_learned(column, field) for column, field in zip(table.columns, table.schema, strict=True)]
    )
    import pandas as pd

    wide = {pa.int64(): pd.Int64Dtype()}
    whole = {
        f.name
        for f, c in zip(table.schema, table.columns, strict=True)
        if pa.types.is_integer(f.type) and not c.null_count
    }
    frame = table.to_pandas(types_mapper=wide.get, date_as_object=False)
    nullable = frame.dtypes[frame.dtypes == "Int64"].index
    return frame.astype({name: "int64" for name in nullable if name in whole})


def to_polars(table: pa.Table) -> Any:
    """The table for polars: as in Arrow, but for numeric without fixed digits, which becomes Float64."""
    columns = [
        column if pa.types.is_decimal(field.type) else _floats(column, field)
        for column, field in zip(table.columns, table.schema, strict=True)
    ]
    import polars as pl

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
    kind = (field.metadata or {}).get(b"postgresql_type", b"")
    return column.cast(pa.float64()) if kind.startswith(_NUMERIC) and not kind.endswith(b"]") else column


def _fits_float(column: pa.ChunkedArray) -> bool:
    bounds = pc.min_max(column.cast(pa.int64())).as_py()
    return bounds["min"] is None or (bounds["min"] >= -_EXACT and bounds["max"] <= _EXACT)
