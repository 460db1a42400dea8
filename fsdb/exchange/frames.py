"""Data frames into the database: pandas, polars and Arrow data by COPY on the caller's connection, types kept."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pv
from psycopg import Connection
from psycopg.sql import SQL, Composable, Composed, Identifier

from fsdb.asof import Column
from fsdb.asof.description import plain_type
from fsdb.errors import InvalidData
from fsdb.sql import joined, query

FILE = "exchange/frames"
STAGED = "_fsdb_frame"
_BATCH = 100_000
_TYPES = {
    pa.null(): "text",
    pa.bool_(): "boolean",
    pa.int8(): "smallint",
    pa.int16(): "smallint",
    pa.int32(): "integer",
    pa.int64(): "bigint",
    pa.uint8(): "smallint",
    pa.uint16(): "integer",
    pa.uint32(): "bigint",
    pa.uint64(): "numeric(20,0)",
    pa.float16(): "real",
    pa.float32(): "real",
    pa.float64(): "double precision",
    pa.string(): "text",
    pa.large_string(): "text",
    pa.string_view(): "text",
    pa.date32(): "date",
    pa.date64(): "date",
}
_INSTANTS = ("timestamp with time zone", "timestamp without time zone")
_ARRAYS = ("real[]", "double precision[]")


def as_arrow(frame: Any, what: str) -> pa.Table:
    """A pandas, polars or Arrow table as an Arrow table; pandas' missing markers are NULL. Raises InvalidData.

    what: how errors call the frame, such as "spine".
    """
    try:
        if isinstance(frame, pa.Table):
            return frame
        if type(frame).__module__.partition(".")[0] == "pandas" and hasattr(frame, "columns"):
            check_names([str(name) for name in frame.columns], what)
            return pa.Table.from_pandas(frame, preserve_index=False)
        if hasattr(frame, "__arrow_c_stream__"):
            return pa.table(frame)
    except (pa.ArrowException, ValueError, TypeError) as error:
        raise InvalidData(f"The {what} cannot be taken: {error}. Give each column one type.") from error
    raise InvalidData(f"A {type(frame).__name__} is no {what}: give an SQL query, or a pandas, polars or Arrow table.")


def columns_of(schema: pa.Schema, what: str) -> list[Column]:
    """The columns with the PostgreSQL types that they are kept in. Raises InvalidData naming one that has none."""
    check_names(schema.names, what)
    return [Column(field.name, _sql_type(field, what)) for field in schema]


@contextmanager
def staged(
    connection: Connection[Any], schema: pa.Schema, batches: Iterable[pa.RecordBatch], columns: Sequence[Column]
) -> Iterator[Composed]:
    """Copies the rows into a temporary table, for the block; gives the query of them, in order and in the columns' types.

    The types are those of `columns_of`, or of the query that the rows came from. Raises InvalidData.
    """
    names = [Identifier(f"c{number}") for number in range(len(columns))]
    nothing = schema.empty_table()
    travelling = [_travelling(nothing.column(n), column).type for n, column in enumerate(columns)]
    kinds = [_wire_type(kind, column.type) for kind, column in zip(travelling, columns, strict=True)]
    declared = [SQL("{} {}").format(name, SQL(kind)) for name, kind in zip(names, kinds, strict=True)]
    connection.execute(query(FILE, "create", table=Identifier(STAGED), columns=joined(declared)))
    try:
        with connection.cursor().copy(query(FILE, "copy", table=Identifier(STAGED))) as copy:
            for lines in _lines(batches, columns):
                copy.write(lines)
    except psycopg.DataError as error:
        raise InvalidData(f"PostgreSQL does not take the data frame: {str(error).strip().splitlines()[0]}.") from error
    expressions = [
        SQL("{} AS {}").format(_arriving(name, column.type), Identifier(column.name))
        for name, column in zip(names, columns, strict=True)
    ]
    yield query(FILE, "rows", expressions=joined(expressions), table=Identifier(STAGED))
    connection.execute(query(FILE, "drop", table=Identifier(STAGED)))


def _lines(batches: Iterable[pa.RecordBatch], columns: Sequence[Column]) -> Iterator[bytes]:
    """The rows as CSV, numbered, a batch at a time."""
    names = ["ordinal", *(f"c{number}" for number in range(len(columns)))]
    start = 0
    for whole in batches:
        for batch in pa.Table.from_batches([whole]).to_batches(max_chunksize=_BATCH):
            table = pa.Table.from_batches([batch])
            arrays = [_travelling(table.column(n), column) for n, column in enumerate(columns)]
            ordinal = pa.chunked_array([pa.array(range(start, start + table.num_rows), pa.int64())])
            start += table.num_rows
            sink = pa.BufferOutputStream()
            pv.write_csv(pa.table([ordinal, *arrays], names=names), sink, pv.WriteOptions(include_header=False))
            yield sink.getvalue().to_pybytes()


def check_names(names: Sequence[str], what: str) -> None:
    """Raises InvalidData where two columns bear one name. what: how the error calls the frame."""
    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice:
        raise InvalidData(f"The {what} has two columns named {twice[0]!r}: rename one.")


def _sql_type(field: pa.Field, what: str) -> str:
    kind = field.type
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if pa.types.is_timestamp(kind):
        return _INSTANTS[0] if kind.tz else _INSTANTS[1]
    if pa.types.is_decimal(kind) and 0 <= kind.scale <= kind.precision:
        return f"numeric({kind.precision},{kind.scale})"
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        if kind.value_type == pa.float32():
            return "real[]"
        if kind.value_type == pa.float64():
            return "double precision[]"
    if kind not in _TYPES:
        raise InvalidData(
            f"The {what}'s column {field.name!r} is of type {kind}, which has no counterpart: convert it, or leave it out."
        )
    return _TYPES[kind]


def _travelling(column: pa.ChunkedArray, target: Column) -> pa.ChunkedArray:
    """The column as CSV can carry it."""
    if pa.types.is_dictionary(column.type):
        column = decoded(column)
    plain = plain_type(target.type)
    if plain in _INSTANTS:
        unit = pa.timestamp("us", column.type.tz)
        try:
            return column.cast(unit).cast(pa.int64())
        except pa.ArrowInvalid as error:
            raise InvalidData(
                f"Column {target.name!r} has nanoseconds, or times beyond PostgreSQL's: round it to microseconds."
            ) from error
    if plain == "date":
        return column.cast(pa.date32()).cast(pa.int32())
    if plain in _ARRAYS:
        return pa.chunked_array([_array_texts(chunk) for chunk in column.chunks], type=pa.string())
    if column.type in (pa.null(), pa.string_view(), pa.float16()):
        return column.cast(pa.float32() if column.type == pa.float16() else pa.string())
    return column


def decoded(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column of dictionary-encoded values without its dictionary."""
    kind = column.type.value_type
    kind = pa.string() if kind == pa.string_view() else kind  # views cannot be decoded
    decoded = [
        pa.DictionaryArray.from_arrays(c.indices, c.dictionary.cast(kind)).dictionary_decode() for c in column.chunks
    ]
    return pa.chunked_array(decoded, type=kind)


def _array_texts(chunk: pa.Array) -> pa.Array:
    """Lists of numbers as PostgreSQL writes arrays: {1,NULL,nan}."""
    lists = chunk.cast(pa.list_(chunk.type.value_type))
    items = pc.fill_null(lists.flatten().cast(pa.string()), "NULL")
    lengths = pc.fill_null(pc.list_value_length(lists), 0)
    offsets = pa.concat_arrays([pa.array([0], pa.int32()), pc.cumulative_sum(lengths).cast(pa.int32())])
    inner = pc.binary_join(pa.ListArray.from_arrays(offsets, items), ",")
    texts = pc.binary_join_element_wise("{", inner, "}", "")
    return pc.if_else(pc.is_null(chunk), None, texts)


def _wire_type(travelling: pa.DataType, kind: str) -> str:
    plain = plain_type(kind)
    if plain in _INSTANTS:
        return "bigint"
    if plain == "date":
        return "integer"
    return "text" if pa.types.is_string(travelling) or pa.types.is_large_string(travelling) else kind


def _arriving(value: Composable, kind: str) -> Composable:
    plain = plain_type(kind)
    if plain in _INSTANTS:
        return query(FILE, "instant", type=SQL(plain), value=value)
    if plain == "date":
        return query(FILE, "day", value=value)
    return SQL("{}::{}").format(value, SQL(kind))
