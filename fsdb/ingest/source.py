"""What can be ingested, as the columns that it has and a query of its rows in the database."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from psycopg import Connection
from psycopg.sql import Composable

from fsdb.asof import Column
from fsdb.errors import InvalidData
from fsdb.exchange import frames
from fsdb.exchange.queries import describe, query_text

WHAT = "data"
NOTHING = "unknown"  # PostgreSQL's type of a bare NULL: a column without any value
Progress = Callable[[int], None]


@contextmanager
def opened(
    connection: Connection[Any], data: Any, types: Mapping[str, str], progress: Progress | None
) -> Iterator[tuple[list[Column], Composable]]:
    """The data's columns and, for the block, the query of its rows in their order.

    data: a pandas, polars or Arrow table, an Arrow RecordBatchReader, the path of a Parquet file, or an SQL query. types: PostgreSQL's types of
    columns by name; those that are to be jsonb may hold dicts and lists. progress: called with the rows sent so far.
    """
    if is_query(data):
        given = query_text(data)
        yield list(describe(connection, given, WHAT)), given
        return
    schema, batches = _batches(data, types)
    columns = frames.columns_of(schema, WHAT)
    with frames.staged(connection, schema, _counted(batches, progress), columns) as rows:
        yield (
            [Column(c.name, NOTHING) if pa.types.is_null(f.type) else c for c, f in zip(columns, schema, strict=True)],
            rows,
        )


def _batches(data: Any, types: Mapping[str, str]) -> tuple[pa.Schema, Iterable[pa.RecordBatch]]:
    if isinstance(data, (str, Path)):
        file = parquet_file(data)
        return _with_json(file.schema_arrow, types), (_json_batch(batch, types) for batch in file.iter_batches())
    if isinstance(data, pa.RecordBatchReader):
        return _with_json(data.schema, types), (_json_batch(batch, types) for batch in data)
    table = frames.as_arrow(_json_objects(data, types), WHAT)
    return _with_json(table.schema, types), (_json_batch(batch, types) for batch in table.to_batches())


def parquet_file(path: str | Path) -> pq.ParquetFile:
    """The Parquet file at that path. Raises InvalidData."""
    try:
        return pq.ParquetFile(Path(path))
    except (OSError, pa.ArrowInvalid) as error:
        raise InvalidData(f"The Parquet file {str(path)!r} cannot be read: {error}.") from error


def is_query(data: Any) -> bool:
    """Whether the data is an SQL query."""
    return isinstance(data, str) and not data.lower().endswith(".parquet")


def _json_objects(data: Any, types: Mapping[str, str]) -> Any:
    """A pandas frame with dicts and lists of jsonb columns as JSON: Arrow would give every dict the keys of all."""
    if type(data).__module__.partition(".")[0] != "pandas" or not hasattr(data, "columns"):
        return data
    named = [name for name in data.columns if types.get(str(name)) == "jsonb" and data[name].dtype == object]
    texts = {name: [json.dumps(v) if isinstance(v, (dict, list)) else v for v in data[name]] for name in named}
    return data.assign(**{str(name): column for name, column in texts.items()}) if texts else data


def _nested(field: pa.Field, types: Mapping[str, str]) -> bool:
    return types.get(field.name) == "jsonb" and pa.types.is_nested(field.type)


def _with_json(schema: pa.Schema, types: Mapping[str, str]) -> pa.Schema:
    return pa.schema([pa.field(f.name, pa.string()) if _nested(f, types) else f for f in schema])


def _json_batch(batch: pa.RecordBatch, types: Mapping[str, str]) -> pa.RecordBatch:
    """The batch with structs, maps and lists of jsonb columns as JSON."""
    if not any(_nested(field, types) for field in batch.schema):
        return batch
    arrays = [
        pa.array([None if v is None else json.dumps(v) for v in column.to_pylist()], pa.string())
        if _nested(field, types)
        else column
        for field, column in zip(batch.schema, batch.columns, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=_with_json(batch.schema, types))


def _counted(batches: Iterable[pa.RecordBatch], progress: Progress | None) -> Iterator[pa.RecordBatch]:
    sent = 0
    for batch in batches:
        yield batch
        sent += batch.num_rows
        if progress is not None:
            progress(sent)
