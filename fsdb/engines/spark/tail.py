"""The tail of a set for Spark: what its copy lacks, from PostgreSQL over the caller's connection, as a Parquet file like the copy's."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
from psycopg import Connection
from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from fsdb.asof import AsOf, SetRead
from fsdb.columnar.copies import Copy
from fsdb.columnar.types import copy_type
from fsdb.columnar.watermark import NOTHING
from fsdb.config import HISTORY_SCHEMA
from fsdb.engines.postgres.lookup import seen
from fsdb.engines.spark.spine import Moments
from fsdb.exchange.copy_binary import stream
from fsdb.sql import query

FILE = "engines/spark"
_CASTS = {pa.int32(): "integer", pa.string(): "text"}  # of what a copy holds otherwise than history


def columns(read: SetRead) -> list[tuple[str, str, str]]:
    """What is read of a version: the column in history, its type there, and its name in the files that Spark reads."""
    return [
        ("version_id", "bigint", "version_id"),
        ("event_time", "timestamp with time zone", "event_time"),
        ("recorded_at", "timestamp with time zone", "recorded_at"),
        ("deleted", "boolean", "deleted"),
        *((key.column, key.type, f"k{number}") for number, key in enumerate(read.keys)),
        *((feature.column, feature.type, f"f{number}") for number, feature in enumerate(read.features)),
    ]


def schema(read: SetRead) -> pa.Schema:
    """The columns in the copy's types."""
    return pa.schema([pa.field(name, copy_type(kind)) for _, kind, name in columns(read)])


@contextmanager
def tail(
    connection: Connection[Any], description: AsOf, read: SetRead, copy: Copy | None, moments: Moments
) -> Iterator[Iterator[pa.RecordBatch]]:
    """The versions that are not in the copy and that the description's snapshot holds, none later than the last of `moments`.

    The connection is of no other use in the block. Raises InvalidData for times that Arrow cannot hold.
    """
    source = query(
        FILE,
        "tail",
        history=Identifier(HISTORY_SCHEMA, read.history_table),
        missing=NOTHING if copy is None else copy.watermark.tail("version"),
        latest=query("exchange/frames", "instant", type=SQL("timestamp with time zone"), value=Literal(moments.last)),
        seen=Composed(seen(read.feature_set, description.snapshot)),
    )
    named = pa.schema([pa.field(column, copy_type(kind)) for column, kind, _ in columns(read)])
    expressions = [_expression(column, kind) for column, kind, _ in columns(read)]
    with connection.transaction(force_rollback=True):
        batches = stream(connection, named, expressions, source)
        try:
            yield (pa.RecordBatch.from_arrays(batch.columns, schema=schema(read)) for batch in batches)
        finally:
            for _ in batches:  # a stream that is broken off would cost the caller the connection
                pass


def _expression(column: str, kind: str) -> Composed:
    held = copy_type(kind)
    cast = "text" if pa.types.is_list(held) else _CASTS.get(held)
    parts: dict[str, Composable] = {"column": Identifier(column)}
    if cast is None:
        return query(FILE, "as_is", **parts)
    return query(FILE, "cast", type=SQL(cast), **parts)
