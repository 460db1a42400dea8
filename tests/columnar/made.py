"""Sets with copies, and what a copy holds beside what history holds."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
from psycopg.sql import SQL, Identifier

from fsdb import history
from fsdb.catalog.feature_sets import RegisteredSet, get_set
from fsdb.columnar import Copy, read_copy
from fsdb.definitions import Feature, FeatureSet


def simple_set(
    connection: psycopg.Connection, name: str = "readings", features: Sequence[str] = ("x",)
) -> RegisteredSet:
    """A set with one bigint key and features of double precision."""
    made = FeatureSet(name, keys={"k": "bigint"}, features=[Feature(f, "double precision") for f in features])
    return history.create(connection, made)


def write(connection: psycopg.Connection, count: int, name: str = "readings", first: int = 1) -> None:
    """One new version of each of `count` keys."""
    connection.execute(
        SQL(
            "INSERT INTO {} (k, x) SELECT i, random() FROM generate_series(%s::bigint, %s::bigint) i"
            " ON CONFLICT (k) DO UPDATE SET x = excluded.x"
        ).format(Identifier(name)),
        (first, first + count - 1),
    )


def arrow_rows(copy: Copy, *, ordered: bool = True) -> pa.Table:
    """The rows of a copy's files by the columns' names of now, whatever the files called them; in order of version_id."""
    schema = pa.schema([(column.name, column.type) for column in copy.columns])
    tables = [schema.empty_table()]
    for file in copy.files:
        held = pq.ParquetFile(file.path).read()
        by_id = {int(field.metadata[b"PARQUET:field_id"]): field.name for field in held.schema}
        assert held.num_rows == file.rows
        assert Path(file.path).stat().st_size == file.bytes
        columns = [
            held.column(by_id[column.field_id]).cast(column.type)
            if column.field_id in by_id
            else pa.chunked_array([pa.nulls(held.num_rows, column.type)])
            for column in copy.columns
        ]
        tables.append(pa.Table.from_arrays(columns, schema=schema))
    table = pa.concat_tables(tables)
    return table.sort_by("version_id") if ordered else table


def copied(copy: Copy) -> list[dict[str, Any]]:
    """The rows of a copy in order of version_id."""
    rows: list[dict[str, Any]] = arrow_rows(copy).to_pylist()
    return rows


def ids(copy: Copy | None) -> list[int]:
    """The version_ids in a copy, in order, each as often as it is there."""
    return [] if copy is None else [row["version_id"] for row in copied(copy)]


def history_ids(connection: psycopg.Connection, name: str = "readings") -> list[int]:
    """The version_ids in history, in order."""
    table = get_set(connection, name).history
    return [row[0] for row in connection.execute(SQL("SELECT version_id FROM {} ORDER BY 1").format(table))]


def tail_ids(connection: psycopg.Connection, name: str = "readings") -> list[int]:
    """The version_ids that a reader must add to the copy of now."""
    copy = read_copy(connection, name)
    condition = SQL("true") if copy is None else copy.watermark.tail("v")
    table = get_set(connection, name).history
    statement = SQL("SELECT version_id FROM {} v WHERE {} ORDER BY 1").format(table, condition)
    return [row[0] for row in connection.execute(statement)]
