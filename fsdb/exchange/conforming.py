"""A data frame's columns in the Arrow types that its values would have after a way through PostgreSQL."""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from fsdb.asof.description import Column, plain_type
from fsdb.errors import InvalidData
from fsdb.exchange.frames import decoded
from fsdb.exchange.types import arrow_type

_FIRST_MOMENT = -210_866_803_200_000_000  # of PostgreSQL, 4714-11-24 BC, in microseconds from 1970


def conformed(table: pa.Table, columns: Sequence[Column]) -> pa.Table:
    """The table in the Arrow types of `columns`, which fsdb.exchange.frames.columns_of gave for it.

    Raises InvalidData for what PostgreSQL would not take: nanoseconds, times before its first, texts with a zero byte.
    """
    fields = [pa.field(c.name, arrow_type(c.type), metadata={"postgresql_type": c.type}) for c in columns]
    arrays = [_conformed(table.column(n), column, fields[n].type) for n, column in enumerate(columns)]
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))


def _conformed(given: pa.ChunkedArray, column: Column, kind: pa.DataType) -> pa.ChunkedArray:
    values = decoded(given) if pa.types.is_dictionary(given.type) else given
    try:
        values = values if values.type == kind else values.cast(kind)
    except pa.ArrowInvalid as error:
        if plain_type(column.type).startswith("timestamp"):
            raise InvalidData(
                f"Column {column.name!r} has nanoseconds, or times beyond PostgreSQL's: round it to microseconds."
            ) from error
        raise InvalidData(
            f"Column {column.name!r} does not fit PostgreSQL's {column.type}: {error}. Round or convert it first."
        ) from error
    if plain_type(column.type).startswith("timestamp"):
        first = pc.min(values.cast(pa.int64())).as_py()
        if first is not None and first < _FIRST_MOMENT:
            raise InvalidData(f"Column {column.name!r} has times before PostgreSQL's first, 4714-11-24 BC.")
    if pa.types.is_string(kind) and pc.any(pc.match_substring(values, "\0")).as_py():
        raise InvalidData(f"Column {column.name!r} has texts with a zero byte, which PostgreSQL does not take.")
    return values
