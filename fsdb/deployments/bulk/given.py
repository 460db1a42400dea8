"""Data that is to be scored: its columns in Arrow, and those that the model table takes in that table's types."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from psycopg import Connection
from psycopg.sql import Identifier

from fsdb.asof import Column
from fsdb.errors import InvalidData
from fsdb.exchange import copy_out, frames, parquet
from fsdb.exchange.queries import describe, query_text
from fsdb.listing import listed
from fsdb.sql import query

FILE = "deployments/bulk"
WHAT = "data"
_INSTANT = "timestamp with time zone"
_DIGITS = b"fsdb_digits"  # marks a column of texts that are numbers
_WHOLE_FLOATS = 2.0**63  # below it, every whole float64 is a bigint


def taken(connection: Connection[Any], data: Any) -> pa.Table:
    """The data as an Arrow table, in its order.

    data: an SQL query, a pandas, polars or Arrow table, or what names Parquet files. Raises InvalidData, and
    InvalidDefinition for a query that does not run.
    """
    if parquet.is_parquet(data):
        table = parquet.read_files(data, WHAT)
    elif isinstance(data, str):
        text = query_text(data)
        columns = describe(connection, text, WHAT)
        values = [Identifier("given", column.name) for column in columns]
        table = copy_out.read(connection, columns, values, query(FILE, "given", given=text))
        table = table.cast(pa.schema([_marked(*of) for of in zip(table.schema, columns, strict=True)]))
    else:
        table = frames.as_arrow(data, WHAT)
    frames.check_names(table.column_names, WHAT)
    return table


def fitted(table: pa.Table, columns: Mapping[str, str], owner: str) -> dict[str, pa.Array]:
    """The columns that a model table takes, by name, as its types hold them: numeric and uuid as text, all others in Arrow's own.

    columns: with PostgreSQL's types; owner: whose they are. Raises InvalidData where one is missing, or of another kind.
    """
    check_there(table, columns, owner)
    return {name: _fitted(table.column(name), table.schema.field(name), kind, owner) for name, kind in columns.items()}


def check_there(table: pa.Table, columns: Collection[str], owner: str) -> None:
    """Raises InvalidData where the data lacks a column."""
    missing = [name for name in columns if name not in table.column_names]
    if missing:
        raise InvalidData(
            f"The data has no column {listed([repr(name) for name in missing])}, and {owner} needs {listed([repr(name) for name in columns])}: "
            "name the data's columns so."
        )


def check_free(table: pa.Table, outputs: Collection[str], deployment: str) -> None:
    """Raises InvalidData where the data has a column that scoring gives."""
    twice = [repr(name) for name in table.column_names if name in outputs]
    if twice:
        raise InvalidData(
            f"The data has a column {listed(twice)}, which scoring by {deployment} gives itself: rename it, or leave it out."
        )


def _marked(field: pa.Field, column: Column) -> pa.Field:
    """The field of a query's column; one of numeric without a scale, which Arrow has as text, says so."""
    return field.with_metadata({_DIGITS: b""}) if column.type == "numeric" else field


def _fitted(given: pa.ChunkedArray, field: pa.Field, kind: str, owner: str) -> pa.Array:
    name = field.name
    array = plain(given)
    if pa.types.is_null(array.type):
        return pa.nulls(len(array), _TYPES[kind])
    of_digits = _DIGITS in (field.metadata or {}) and kind in _FROM_DIGITS
    found = _FROM_DIGITS[kind](array, name) if of_digits else _FITTING[kind](array, name)
    if found is None:
        hint = ": say of which time zone it is" if kind == _INSTANT and pa.types.is_timestamp(array.type) else ""
        raise InvalidData(
            f"Column {name!r} of the data is of type {given.type}, and {owner} takes it as {kind}{hint or ': convert it first'}."
        )
    return found


def further_columns(
    table: pa.Table, there: Collection[str], taken: Collection[str], recorded: Collection[str]
) -> list[str]:
    """The columns of the data that a model table has besides those that its model takes: they are recorded as they are."""
    return [name for name in table.column_names if name in there and name not in taken and name not in recorded]


def plain(given: pa.ChunkedArray) -> pa.Array:
    """A column in one piece, without a dictionary."""
    values = frames.decoded(given) if pa.types.is_dictionary(given.type) else given
    return pa.concat_arrays(values.chunks) if values.num_chunks else pa.array([], values.type)


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or kind == pa.string_view())


def _bigint(array: pa.Array, name: str) -> pa.Array | None:
    if not _is_number(array.type):
        return None
    try:
        if pa.types.is_integer(array.type):
            return array.cast(pa.int64())
        if pa.types.is_decimal(array.type):
            return array.cast(pa.decimal128(38, array.type.scale)).cast(pa.int64())
        # pandas has whole numbers with gaps as floats, and the gaps as NaN.
        numbers = array.cast(pa.float64())
        if pc.all(pc.less(pc.abs(numbers), _WHOLE_FLOATS)).as_py() is not False:
            return numbers.cast(pa.int64())
    except pa.ArrowInvalid:
        pass
    raise _no_bigint(name)


def _no_bigint(name: str) -> InvalidData:
    return InvalidData(
        f"Column {name!r} of the data holds numbers that are no bigint, such as fractions: round them first."
    )


def _double(array: pa.Array, _name: str) -> pa.Array | None:
    if not _is_number(array.type):
        return None
    if pa.types.is_decimal(array.type):
        return array.cast(pa.string()).cast(pa.float64())  # Arrow's own way rounds twice
    return array.cast(pa.float64(), safe=False)


def _numeric(array: pa.Array, _name: str) -> pa.Array | None:
    """Digits as text. A float has as many as PostgreSQL gives it on its way into a numeric."""
    if not _is_number(array.type):
        return None
    if not pa.types.is_floating(array.type):
        return array.cast(pa.string())
    digits = 15 if array.type == pa.float64() else 6
    return pa.array([None if v is None else f"{v:.{digits}g}" for v in array.to_pylist()], pa.string())


def _bigint_of_digits(array: pa.Array, name: str) -> pa.Array:
    try:
        return pc.replace_substring_regex(array, r"\.0*$", "").cast(pa.int64())
    except pa.ArrowInvalid:
        raise _no_bigint(name) from None


def _boolean(array: pa.Array, _name: str) -> pa.Array | None:
    return array if pa.types.is_boolean(array.type) else None


def _text(array: pa.Array, name: str) -> pa.Array | None:
    if not _is_text(array.type):
        return None
    texts = array.cast(pa.string())
    if pc.any(pc.match_substring(texts, "\0")).as_py():
        raise InvalidData(f"Column {name!r} has texts with a zero byte, which PostgreSQL does not take.")
    return texts


def _date(array: pa.Array, _name: str) -> pa.Array | None:
    return array.cast(pa.date32()) if pa.types.is_date(array.type) else None


def _instant(array: pa.Array, name: str) -> pa.Array | None:
    if not pa.types.is_timestamp(array.type) or array.type.tz is None:
        return None
    try:
        return array.cast(pa.timestamp("us", "UTC"))
    except pa.ArrowInvalid as error:
        raise InvalidData(
            f"Column {name!r} has nanoseconds, or times beyond PostgreSQL's: round it to microseconds."
        ) from error


_FITTING: dict[str, Callable[[pa.Array, str], pa.Array | None]] = {
    "bigint": _bigint,
    "double precision": _double,
    "numeric": _numeric,
    "boolean": _boolean,
    "text": _text,
    "uuid": _text,
    "date": _date,
    _INSTANT: _instant,
}
_FROM_DIGITS: dict[str, Callable[[pa.Array, str], pa.Array]] = {
    "bigint": _bigint_of_digits,
    "double precision": lambda array, _: array.cast(pa.float64()),
    "numeric": lambda array, _: array,
}
_TYPES = {
    "bigint": pa.int64(),
    "double precision": pa.float64(),
    "numeric": pa.string(),
    "boolean": pa.bool_(),
    "text": pa.string(),
    "uuid": pa.string(),
    "date": pa.date32(),
    _INSTANT: pa.timestamp("us", "UTC"),
}


def as_numpy(array: pa.Array, kind: str) -> Any:
    """A column of a model's inputs as models take it: an array of numbers, or a list with None for what is missing."""
    if kind == "text":
        return array.to_pylist()
    if kind == "numeric":
        array = array.cast(pa.float64())
    elif array.null_count and kind == "boolean":
        array = array.cast(pa.int8()).cast(pa.float64())
    elif array.null_count and kind != "double precision":
        return array.to_pylist()
    numbers = array.to_numpy(zero_copy_only=False)
    return np.ascontiguousarray(numbers)
