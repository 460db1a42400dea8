"""The spine as a Parquet file that Spark reads, numbered in its order."""

from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from psycopg import Connection
from psycopg.sql import SQL, Identifier

from fsdb.asof import Column, Spine
from fsdb.engines.spark.staging import Staging
from fsdb.exchange import copy_out
from fsdb.sql import query

FILE = "engines/spark"


@dataclass(frozen=True)
class Moments:
    """The first and the last moment of a spine, in microseconds since 1970. Without rows the last is before the first."""

    first: int
    last: int


def stage_spine(connection: Connection[Any], spine: Spine, folder: Staging, name: str) -> Moments:
    """Writes `ordinal` and the spine's columns as s0…; gives its first and last moment."""
    columns = [Column("ordinal", "bigint"), *(Column(f"s{n}", c.type) for n, c in enumerate(spine.columns))]
    if spine.rows is not None:
        ordinals = pa.array(range(spine.row_count), pa.int64())
        rows = pa.Table.from_arrays([ordinals, *spine.rows.columns], names=[column.name for column in columns])
    else:
        assert spine.relation is not None
        names = [spine.ordinal, *(column.name for column in spine.columns)]
        relation = SQL(".").join(map(Identifier, spine.relation))
        source = query(FILE, "spine", relation=relation, ordinal=Identifier("spine", spine.ordinal))
        rows = copy_out.read(connection, columns, [Identifier("spine", column) for column in names], source)
    folder.put(name, rows.schema, rows.to_batches())
    position = [column.name for column in spine.columns].index(spine.timestamp) + 1
    bounds = pc.min_max(rows.column(position).cast(pa.int64()))
    return Moments(bounds["min"].as_py(), bounds["max"].as_py()) if rows.num_rows else Moments(0, -1)
