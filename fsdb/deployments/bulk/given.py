"""Data that is to be scored: its columns in Arrow, and those that the model table takes in that table's types."""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from psycopg import Connection
from psycopg.sql import Identifier

from fsdb.asof import Column
from fsdb.errors import InvalidData
from fsdb.exchange import copy_out, files, frames
from fsdb.exchange.conforming import conformed
from fsdb.exchange.numbers import float64
from fsdb.exchange.plain import DIGITS, plain
from fsdb.exchange.queries import describe, query_text
from fsdb.listing import listed
from fsdb.sql import query

FILE = "deployments/bulk"
WHAT = "data"


def taken(connection: Connection[Any], data: Any, wanted: Mapping[str, str], users: bool = True) -> pa.Table:
    """The data as an Arrow table, in its order.

    data: an SQL query, a pandas, polars or Arrow table, or what names Parquet or CSV files. wanted: PostgreSQL's types of columns that
    are taken, which a CSV file does not tell. users: whether a query is a user's own. Raises InvalidData, and
    InvalidDefinition for a query that does not run.
    """
    if files.is_file(data):
        table = files.read_files(data, WHAT, wanted)
    elif isinstance(data, str):
        text = query_text(data)
        columns = describe(connection, text, WHAT, users)
        values = [Identifier("given", column.name) for column in columns]
        table = copy_out.read(connection, columns, values, query(FILE, "given", given=text), users)
        table = table.cast(pa.schema([_marked(*of) for of in zip(table.schema, columns, strict=True)]))
    else:
        table = frames.as_arrow(data, WHAT, wanted)
    frames.check_names(table.column_names, WHAT)
    return table


def fitted(table: pa.Table, columns: Mapping[str, str], owner: str) -> dict[str, pa.Array]:
    """The columns that a model table takes, by name, as fsdb.exchange.types has its types: numeric and uuid as text.

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
            "rename the data's columns to these."
        )


def check_free(table: pa.Table, outputs: Collection[str], deployment: str) -> None:
    """Raises InvalidData where the data has a column that scoring gives."""
    twice = [repr(name) for name in table.column_names if name in outputs]
    if twice:
        raise InvalidData(
            f"The data has a column {listed(twice)}, which {deployment} fills in itself: rename it, or leave it out."
        )


def _marked(field: pa.Field, column: Column) -> pa.Field:
    """The field of a query's column; one of numeric without a scale, which Arrow has as text, says so."""
    return field.with_metadata({DIGITS: b""}) if column.type == "numeric" else field


def _fitted(given: pa.ChunkedArray, field: pa.Field, kind: str, owner: str) -> pa.Array:
    values = conformed(given, field, kind, owner=owner, takes_zone=False)
    return pa.concat_arrays(values.chunks) if values.num_chunks else pa.array([], values.type)


def further_columns(
    table: pa.Table, there: Collection[str], taken: Collection[str], recorded: Collection[str]
) -> list[str]:
    """The columns of the data that a model table has besides those that its model takes: they are recorded as they are."""
    return [name for name in table.column_names if name in there and name not in taken and name not in recorded]


def whole(given: pa.ChunkedArray) -> pa.Array:
    """A column in one piece, without a dictionary or another encoding."""
    values = plain(given)
    return pa.concat_arrays(values.chunks) if values.num_chunks else pa.array([], values.type)


def as_numpy(array: pa.Array, kind: str) -> Any:
    """A column of a model's inputs as models take it: an array of numbers, or a list with None for what is missing."""
    if kind == "text":
        return array.to_pylist()
    if kind == "numeric":
        array = float64(array)
    elif array.null_count and kind == "boolean":
        array = array.cast(pa.int8()).cast(pa.float64())
    elif array.null_count and kind != "double precision":
        return array.to_pylist()
    numbers = array.to_numpy(zero_copy_only=False)
    return np.ascontiguousarray(numbers)
