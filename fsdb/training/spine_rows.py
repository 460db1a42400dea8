"""Spines beside the database, frames and files, in the types that their keys and moments are read in."""

from collections.abc import Iterable
from typing import Any

import pyarrow as pa

from fsdb.asof import Column
from fsdb.asof.binding import family
from fsdb.asof.description import plain_type
from fsdb.catalog.feature_sets import RegisteredSet
from fsdb.exchange import files, frames
from fsdb.exchange.conforming import INSTANT, LOCAL, conformed
from fsdb.exchange.timezones import Zone
from fsdb.exchange.types import arrow_type
from fsdb.exchange.written import WRITTEN

WHAT = "spine"


def rows_of(
    given: Any, sets: Iterable[RegisteredSet], timestamp: str | None, zone: Zone | None
) -> tuple[pa.Table, tuple[Column, ...]]:
    """A spine of a frame or of files as Arrow data in the types of its columns, keys and timestamp as they are read.

    A key column is of the set's own kind: texts for a key of type uuid are UUIDs, whole numbers of any type integers. Other columns
    are what they hold. Raises InvalidData naming the column and the first row that does not fit.
    """
    wanted = {key: _widest(kind) for registered in sets for key, kind in registered.keys.items()}
    if timestamp is not None:
        wanted[timestamp] = INSTANT
    if files.is_file(given):
        table = files.read_files(given, WHAT, wanted)
    else:
        table = frames.as_arrow(given, WHAT, wanted, zone)
    columns, arrays = [], []
    for field, values in zip(table.schema, table.columns, strict=True):
        kind = _kind(field, values, wanted.get(field.name), field.name == timestamp, zone)
        columns.append(Column(field.name, kind))
        owner = "the training set" if field.name in wanted else ""
        arrays.append(conformed(values, field, kind, owner=owner, what=WHAT, zone=zone))
    frames.check_names(table.column_names, WHAT)
    fields = [pa.field(c.name, arrow_type(c.type), metadata={"postgresql_type": c.type}) for c in columns]
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields)), tuple(columns)


def _kind(field: pa.Field, values: pa.ChunkedArray, wanted: str | None, moment: bool, zone: Zone | None) -> str:
    """The type that a column is taken in."""
    if wanted is not None and (WRITTEN in (field.metadata or {}) or values.null_count == len(values)):
        return wanted
    own = frames.kind_of(field)
    if wanted is None or moment:  # what is wrong with a timestamp says check_timestamp
        (column,) = frames.columns_of(pa.schema([field]), WHAT)
        return INSTANT if moment and zone is not None and plain_type(column.type) == LOCAL else column.type
    return own if own is not None and family(own) == family(wanted) else wanted


def _widest(kind: str) -> str:
    """The type that holds every value that compares with a key of this type."""
    return {"integer": "bigint"}.get(family(kind), family(kind))
