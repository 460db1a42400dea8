"""Data frames as Arrow tables, and their rows into the database by COPY on the caller's connection, types kept."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.csv as pv
from psycopg import Connection
from psycopg.sql import SQL, Composable, Composed, Identifier

from fsdb.asof import Column
from fsdb.asof.description import plain_type
from fsdb.errors import InvalidData
from fsdb.exchange.arrays import array_texts, hex_texts
from fsdb.exchange.conforming import INSTANT, LOCAL, conformed
from fsdb.exchange.naming import counterpart
from fsdb.exchange.objects import object_column
from fsdb.exchange.plain import DIGITS, holds_digits
from fsdb.exchange.timezones import Zone
from fsdb.exchange.types import arrow_type
from fsdb.exchange.written import WRITTEN
from fsdb.search_path import of_user
from fsdb.sql import joined, query
from fsdb.types import type_sql

FILE = "exchange/frames"
STAGED = "_fsdb_frame"
_BATCH = 100_000
_INSTANTS = (INSTANT, LOCAL)
_TRAVELLING = "text", "character varying"


def as_arrow(frame: Any, what: str, wanted: Mapping[str, str] | None = None, zone: Zone | None = None) -> pa.Table:
    """A pandas, polars or Arrow table, or another that hands out Arrow data, as an Arrow table; pandas' missing markers are NULL.

    what: how errors call the frame, such as "spine". wanted: PostgreSQL's types of columns, where they are known: a jsonb may
    hold any values that JSON has a form for. zone: what times without a zone are of, in columns of Python objects. Raises InvalidData.
    """
    library = type(frame).__module__.partition(".")[0]
    try:
        if isinstance(frame, pa.Table):
            return _named(frame, what)
        if isinstance(frame, pa.RecordBatch):
            return _named(pa.Table.from_batches([frame]), what)
        if library == "pandas" and hasattr(frame, "columns"):
            return _of_pandas(frame, what, wanted or {}, zone)
        if library == "polars" and hasattr(frame, "get_columns"):
            return _of_polars(frame, what, wanted or {}, zone)
        if hasattr(frame, "__arrow_c_stream__") or hasattr(frame, "__arrow_c_array__"):
            return _named(pa.table(frame), what)
    except InvalidData:
        raise
    except Exception as error:  # of whatever library hands out the data
        said = str(error).splitlines()[0].rstrip(".") if str(error) else type(error).__name__
        raise InvalidData(f"The {what} cannot be taken: {said}. Give each column one type.") from error
    raise InvalidData(
        f"A {type(frame).__name__} cannot be the {what}: give an SQL query, or a pandas, polars or Arrow table."
    )


def columns_of(schema: pa.Schema, what: str) -> list[Column]:
    """The columns with the PostgreSQL types that they are kept in. Raises InvalidData naming one that has none."""
    check_names(schema.names, what)
    return [Column(field.name, _sql_type(field, what)) for field in schema]


def check_names(names: Sequence[str], what: str) -> None:
    """Raises InvalidData where two columns bear one name. what: how the error calls the frame."""
    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice:
        raise InvalidData(f"The {what} has two columns named {twice[0]!r}: rename one.")


def names_of(frame: Any, what: str) -> list[str]:
    """The names of a pandas frame's columns, as texts. Raises InvalidData for columns of several levels, and for a name that comes twice."""
    if getattr(frame.columns, "nlevels", 1) > 1:
        raise InvalidData(f"The {what}'s columns have names of {frame.columns.nlevels} levels: give each one name.")
    names = [str(label) for label in frame.columns]
    check_names(names, what)
    return names


@contextmanager
def staged(
    connection: Connection[Any], schema: pa.Schema, batches: Iterable[pa.RecordBatch], columns: Sequence[Column]
) -> Iterator[Composed]:
    """Copies the rows into a temporary table, for the block; gives the query of them, in order and in the columns' types.

    The types are those of `columns_of`, of the query that the rows came from, or what they were conformed to. Raises InvalidData.
    """
    names = [Identifier(f"c{number}") for number in range(len(columns))]
    kinds = [_wire_type(column.type) for column in columns]
    declared = [Identifier("ordinal") + SQL(" bigint"), *_declared(names, kinds)]
    connection.execute(query(FILE, "create", table=Identifier(STAGED), columns=joined(declared)))
    try:
        with connection.cursor().copy(query(FILE, "copy", table=Identifier(STAGED))) as copy:
            for lines in _lines(schema, batches, columns):
                copy.write(lines)
    except psycopg.DataError as error:
        raise InvalidData(f"PostgreSQL rejects the data frame: {str(error).strip().splitlines()[0]}.") from error
    expressions = [
        SQL("{} AS {}").format(_arriving(name, column.type), Identifier(column.name))
        for name, column in zip(names, columns, strict=True)
    ]
    yield query(FILE, "rows", expressions=joined(expressions), table=Identifier(STAGED))
    connection.execute(query(FILE, "drop", table=Identifier(STAGED)))


@contextmanager
def staged_query(connection: Connection[Any], given: Composable, columns: Sequence[Column]) -> Iterator[Composed]:
    """As `staged`, of the rows of a user's query: it runs once, alone, under the user's search path."""
    names = [Identifier(f"c{number}") for number in range(len(columns))]
    parts = {"table": Identifier(STAGED), "columns": joined(names), "given": given}
    with of_user(connection):
        connection.execute(query(FILE, "create_from_query", **parts))
    expressions = [
        SQL("{} AS {}").format(name, Identifier(column.name)) for name, column in zip(names, columns, strict=True)
    ]
    yield query(FILE, "rows", expressions=joined(expressions), table=Identifier(STAGED))
    connection.execute(query(FILE, "drop", table=Identifier(STAGED)))


def _declared(names: Sequence[Identifier], kinds: Sequence[str]) -> list[Composed]:
    return [SQL("{} {}").format(name, type_sql(kind)) for name, kind in zip(names, kinds, strict=True)]


def _named(table: pa.Table, what: str) -> pa.Table:
    check_names(table.column_names, what)
    return table


def _of_pandas(frame: Any, what: str, wanted: Mapping[str, str], zone: Zone | None) -> pa.Table:
    names = names_of(frame, what)
    made = [_series(frame.iloc[:, n], name, what, wanted.get(name), zone) for n, name in enumerate(names)]
    if not made:
        raise InvalidData(f"The {what} has no column.")
    fields = [pa.field(name, array.type, metadata=told) for name, (array, told) in zip(names, made, strict=True)]
    return pa.Table.from_arrays([array for array, _ in made], schema=pa.schema(fields))


def _series(
    series: Any, name: str, what: str, kind: str | None, zone: Zone | None
) -> tuple[pa.Array, dict[bytes, bytes] | None]:
    if series.dtype == object:
        return object_column(series.tolist(), name, kind, zone)
    if hasattr(series, "cat") and series.cat.categories.dtype == object:
        categories, told = object_column(series.cat.categories.tolist(), name, kind, zone)
        codes = pa.array(series.cat.codes.to_numpy(), mask=series.isna().to_numpy())
        return categories.take(codes), told
    try:
        series = series.sparse.to_dense() if hasattr(series, "sparse") else series
        array = pa.Array.from_pandas(series)
    except (pa.ArrowException, ValueError, TypeError, OverflowError, AttributeError) as error:
        raise InvalidData(
            f"The {what}'s column {name!r} is of type {series.dtype}, for which PostgreSQL has no type: convert it, or leave it out."
        ) from error
    return (pa.concat_arrays(array.chunks) if isinstance(array, pa.ChunkedArray) and array.num_chunks else array), None


def _of_polars(frame: Any, what: str, wanted: Mapping[str, str], zone: Zone | None) -> pa.Table:
    check_names(frame.columns, what)
    fields, arrays = [], []
    for series in frame.get_columns():
        told = None
        if str(series.dtype).startswith("Object"):
            array, told = object_column(series.to_list(), series.name, wanted.get(series.name), zone)
        elif str(series.dtype) in ("Int128", "UInt128"):
            array, told = (
                pa.array([None if v is None else str(v) for v in series.to_list()], pa.string()),
                {DIGITS: b""},
            )
        else:
            array = pa.table(series.to_frame()).column(0)
        fields.append(pa.field(series.name, array.type, metadata=told))
        arrays.append(array)
    if not arrays:
        raise InvalidData(f"The {what} has no column.")
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))


def kind_of(field: pa.Field) -> str | None:
    """PostgreSQL's type that a column is kept in by itself; None where there is none."""
    return "numeric" if holds_digits(field) else counterpart(field.type)


def _sql_type(field: pa.Field, what: str) -> str:
    kind = kind_of(field)
    if kind is None:
        raise InvalidData(
            f"The {what}'s column {field.name!r} is of type {field.type}, for which PostgreSQL has no type: convert it, or leave it out."
        )
    return kind


def _lines(schema: pa.Schema, batches: Iterable[pa.RecordBatch], columns: Sequence[Column]) -> Iterator[bytes]:
    """The rows as CSV, numbered, a batch at a time."""
    names = ["ordinal", *(f"c{number}" for number in range(len(columns)))]
    start = 0
    for whole in batches:
        for batch in pa.Table.from_batches([whole]).to_batches(max_chunksize=_BATCH):
            table = pa.Table.from_batches([batch])
            arrays = [
                _travelling(_held(table.column(n), schema.field(n), column, start), column)
                for n, column in enumerate(columns)
            ]
            ordinal = pa.chunked_array([pa.array(range(start, start + table.num_rows), pa.int64())])
            start += table.num_rows
            sink = pa.BufferOutputStream()
            pv.write_csv(pa.table([ordinal, *arrays], names=names), sink, pv.WriteOptions(include_header=False))
            yield sink.getvalue().to_pybytes()


def _held(values: pa.ChunkedArray, field: pa.Field, column: Column, start: int) -> pa.ChunkedArray:
    """The values in the Arrow type of their column; what has been conformed is so already."""
    target = arrow_type(column.type)
    if values.type == target:
        return values
    if pa.types.is_string(values.type) and not pa.types.is_string(target):
        field = field.with_metadata({WRITTEN: b""})
    return conformed(values, field.with_name(column.name), column.type, first=start)


def _travelling(values: pa.ChunkedArray, column: Column) -> pa.ChunkedArray:
    """The values as CSV can carry them."""
    plain = plain_type(column.type)
    if plain in _INSTANTS:
        return values.cast(pa.int64())
    if plain == "date":
        return values.cast(pa.int32())
    if pa.types.is_list(values.type):
        return pa.chunked_array([array_texts(chunk) for chunk in values.chunks], type=pa.string())
    if pa.types.is_binary(values.type):
        return pa.chunked_array([hex_texts(chunk) for chunk in values.chunks], type=pa.string())
    return values


def _wire_type(kind: str) -> str:
    plain = plain_type(kind)
    if plain in _INSTANTS:
        return "bigint"
    if plain == "date":
        return "integer"
    kept = arrow_type(kind)
    return "text" if pa.types.is_string(kept) or pa.types.is_list(kept) or pa.types.is_binary(kept) else kind


def _arriving(value: Composable, kind: str) -> Composable:
    plain = plain_type(kind)
    if plain in _INSTANTS:
        return query(FILE, "instant", type=type_sql(plain), value=value)
    if plain == "date":
        return query(FILE, "day", value=value)
    # A cast to varchar(n) would cut a text; the table that takes it refuses one that is too long.
    return SQL("{}::{}").format(value, type_sql("text" if plain in _TRAVELLING else kind))
