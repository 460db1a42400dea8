"""What can be ingested: its columns, and its rows in the types of the set that takes them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from psycopg import Connection
from psycopg.sql import Composable

from fsdb.asof import Column
from fsdb.exchange import files, frames
from fsdb.exchange.conforming import conformed
from fsdb.exchange.queries import describe, query_text
from fsdb.exchange.timezones import Zone

WHAT = "data"
Progress = Callable[[int], None]
Types = Callable[[Sequence[str]], Mapping[str, str]]


@dataclass(frozen=True)
class Source:
    """Data beside the database: its columns, and what gives the rows of some of them, a piece at a time.

    The types that columns are wanted in, and the zone of times without one, are for what has no types of its own.
    """

    names: Sequence[str]
    pieces: Callable[[Sequence[str], Mapping[str, str], Zone | None], Iterator[pa.Table]]

    def part(self, columns: Sequence[str]) -> "Source":
        """The same rows with some of the columns."""
        return Source(columns, self.pieces)


def source_of(data: Any) -> Source:
    """Frames, Arrow data and files as a source. Raises InvalidData for anything else."""
    if isinstance(data, Source):
        return data
    if files.is_file(data):
        found = files.found(data, WHAT)
        return _checked(
            found[0].names, lambda columns, _types, _zone: (p for file in found for p in file.pieces(columns))
        )
    if isinstance(data, pa.RecordBatchReader):
        return _checked(data.schema.names, lambda columns, _types, _zone: _batches(data, columns))
    if type(data).__module__.partition(".")[0] == "pandas" and hasattr(data, "columns"):
        # Its objects are read once it is known what they are wanted as.
        names = frames.names_of(data, WHAT)
        places = {name: place for place, name in enumerate(names)}
        return _checked(
            names,
            lambda columns, types, zone: iter(
                [frames.as_arrow(data.iloc[:, [places[c] for c in columns]], WHAT, types, zone)]
            ),
        )
    if type(data).__module__.partition(".")[0] == "polars" and hasattr(data, "get_columns"):
        return _checked(
            data.columns, lambda columns, types, zone: iter([frames.as_arrow(data.select(columns), WHAT, types, zone)])
        )
    table = frames.as_arrow(data, WHAT)
    return _checked(table.column_names, lambda columns, _types, _zone: iter([table.select(columns)]))


def is_query(data: Any) -> bool:
    """Whether the data is an SQL query."""
    return isinstance(data, str) and not files.is_file(data)


@contextmanager
def opened(
    connection: Connection[Any], data: Any, types: Types, owner: str, zone: Zone | None, progress: Progress | None
) -> Iterator[tuple[list[Column], Composable]]:
    """The data's columns and, for the block, the query of its rows in their order.

    data: an SQL query, whose columns are what they are, or anything that `source_of` takes, whose columns are conformed to `types`:
    given the columns' names, it says what each is wanted as. owner: who takes them. progress: called with the rows sent so far. Raises
    InvalidData.
    """
    if is_query(data):
        given = query_text(data)
        columns = list(describe(connection, given, WHAT))
        with frames.staged_query(connection, given, columns) as rows:
            yield columns, rows
        return
    source = source_of(data)
    wanted = types(source.names)
    columns = [Column(name, wanted[name]) for name in source.names]
    schema, batches = _conformed(source, columns, owner, zone)
    with frames.staged(connection, schema, _counted(batches, progress), columns) as rows:
        yield columns, rows


def _conformed(
    source: Source, columns: Sequence[Column], owner: str, zone: Zone | None
) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    wanted = {column.name: column.type for column in columns}
    names = list(wanted)

    def batches() -> Iterator[pa.RecordBatch]:
        first = 0
        for piece in source.pieces(names, wanted, zone):
            arrays = [
                conformed(piece.column(n), piece.schema.field(n), column.type, owner=owner, zone=zone, first=first)
                for n, column in enumerate(columns)
            ]
            first += piece.num_rows
            yield from pa.Table.from_arrays(arrays, names=names).to_batches()

    return pa.schema([pa.field(name, pa.null()) for name in names]), batches()


def _batches(reader: pa.RecordBatchReader, columns: Sequence[str]) -> Iterator[pa.Table]:
    for batch in reader:
        yield pa.Table.from_batches([batch]).select(list(columns))


def _checked(
    names: Sequence[str], pieces: Callable[[Sequence[str], Mapping[str, str], Zone | None], Iterator[pa.Table]]
) -> Source:
    frames.check_names(names, WHAT)
    return Source(list(names), pieces)


def _counted(batches: Iterator[pa.RecordBatch], progress: Progress | None) -> Iterator[pa.RecordBatch]:
    sent = 0
    for batch in batches:
        yield batch
        sent += batch.num_rows
        if progress is not None:
            progress(sent)
