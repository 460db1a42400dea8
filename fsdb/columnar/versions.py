"""Versions of history as a copy takes them."""

from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa
from psycopg import Connection
from psycopg.sql import SQL, Composable, Identifier
from pyiceberg.schema import Schema

from fsdb.catalog.feature_sets import RegisteredSet
from fsdb.columnar.schema import FIXED, arrow_schema
from fsdb.columnar.watermark import NOTHING, Watermark
from fsdb.errors import InvalidData
from fsdb.exchange import copy_binary
from fsdb.sql import query
from fsdb.types import base_name

FILE = "columnar/sync"
FIXED_NAMES = frozenset(field.name for field in FIXED)
BATCH_VALUES = 1_500_000


def versions(
    connection: Connection[Any], registered: RegisteredSet, schema: Schema, before: Watermark | None
) -> Iterator[pa.RecordBatch]:
    """The versions that a transaction sees and a copy lacks, in the copy's columns. Raises InvalidData for what Arrow cannot hold."""
    kinds = {**registered.keys, **{f.history_column: f.type for f in registered.features + registered.dropped_features}}
    columns = arrow_schema(schema)
    expressions = [_expression(field, kinds) for field in columns]
    condition = NOTHING if before is None else before.tail("version")
    source = query(FILE, "versions", history=registered.history, condition=condition)
    rows = max(1, min(copy_binary.ROWS, BATCH_VALUES // len(expressions)))
    try:
        yield from copy_binary.stream(connection, columns, expressions, source, rows)
    except InvalidData as error:
        raise InvalidData(
            f"A columnar copy cannot hold what {registered.name} has: {error} Nothing was written; the database is as it was."
        ) from error


def _expression(field: pa.Field, kinds: Mapping[str, str]) -> Composable:
    """A column of history as a field of the copy takes it."""
    kind = kinds.get(field.name)
    value = Identifier("version", field.name)
    if kind is None:
        return value if field.name in FIXED_NAMES else SQL("NULL")
    plain = base_name(kind)
    if pa.types.is_string(field.type) or pa.types.is_list(field.type):
        return value if plain in ("text", "character varying") else query(FILE, "as_text", value=value)
    if field.type == pa.int32() and plain != "integer":
        return query(FILE, "as_integer", value=value)
    if field.type == pa.int64() and plain != "bigint":
        return query(FILE, "as_bigint", value=value)
    if field.type == pa.float64() and plain != "double precision":
        return query(FILE, "as_float", value=value)
    return value
