"""The spine as a join reads it: its rows in Arrow, and of these the positions, moments and keys as numbers and plain texts."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from psycopg import Connection
from psycopg.sql import SQL, Identifier

from fsdb.asof import AsOf, SetRead
from fsdb.asof.description import plain_type
from fsdb.exchange.copy_out import read
from fsdb.runs import Asked
from fsdb.sql import query

FILE = "engines/duckdb_tail"
POSITION, MOMENT = "position", "moment"


@dataclass(frozen=True)
class SpineRows:
    """rows: all columns. narrow: position, moment (microseconds since 1970) and each key column under `names`. known: what `asked` gave before."""

    rows: pa.Table
    narrow: pa.Table
    names: dict[str, str]
    known: dict[tuple[str, ...], Asked] = field(default_factory=dict)

    @property
    def moments(self) -> tuple[int, int] | None:
        """The first and last moment; None without rows."""
        bounds = pc.min_max(self.narrow.column(MOMENT))
        return None if bounds["min"].as_py() is None else (bounds["min"].as_py(), bounds["max"].as_py())

    def asked(self, read: SetRead) -> Asked:
        """What is asked of a set; the same for sets of the same keys."""
        columns = tuple(self.names[key.spine_column] for key in read.keys)
        if columns not in self.known:
            moments = self.narrow.column(MOMENT).to_numpy()
            self.known[columns] = Asked([self.narrow.column(name) for name in columns], moments)
        return self.known[columns]

    def bounds(self, read: SetRead) -> dict[str, tuple[Any, Any]]:
        """The least and the greatest value of each key of a set, texts bytewise; times as microseconds, dates as days."""
        found = {}
        for key in read.keys:
            column = counted(self.narrow.column(self.names[key.spine_column]))
            ends = pc.min_max(column)
            found[key.column] = (ends["min"].as_py(), ends["max"].as_py())
        return found


def spine_rows(connection: Connection[Any], description: AsOf) -> SpineRows:
    """The description's spine, taken out of the database where it is there."""
    spine = description.spine
    rows = spine.rows
    if rows is None:
        assert spine.relation is not None
        expressions = [Identifier("spine", column.name) for column in spine.columns]
        relation = SQL(".").join(map(Identifier, spine.relation))
        source = query(FILE, "spine", relation=relation, ordinal=Identifier("spine", spine.ordinal))
        rows = read(connection, spine.columns, list(expressions), source)
    types = {column.name: plain_type(column.type) for column in spine.columns}
    keys = list(dict.fromkeys(key.spine_column for read in description.reads for key in read.keys))
    names = {key: f"key_{number}" for number, key in enumerate(keys)}
    columns = {
        POSITION: pa.array(np.arange(rows.num_rows, dtype=np.int64)),
        MOMENT: rows.column(spine.timestamp).cast(pa.int64()),
        **{names[key]: _comparable(rows.column(key), types[key]) for key in keys},
    }
    return SpineRows(rows, pa.table(columns), names)


def counted(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Times and dates as the numbers that they are kept as: some are beyond Python's."""
    if pa.types.is_timestamp(column.type):
        return column.cast(pa.int64())
    return column.cast(pa.int32()) if pa.types.is_date32(column.type) else column


def _comparable(column: pa.ChunkedArray, kind: str) -> pa.ChunkedArray:
    """A key as each set's keys of its family are compared with it."""
    if pa.types.is_integer(column.type):
        return column.cast(pa.int64())
    return pc.utf8_rtrim(column, " ") if kind == "character" else column
