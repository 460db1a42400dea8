"""One wide frame into several feature sets: each takes its keys, the event time, and the columns that are its features."""

from collections.abc import Callable, Sequence
from datetime import tzinfo
from typing import Any

import pyarrow as pa
from psycopg import Connection
from psycopg.sql import Identifier

from fsdb.catalog.feature_sets import RegisteredSet
from fsdb.errors import InvalidData, UnknownName
from fsdb.exchange.queries import describe, query_text
from fsdb.history import hold
from fsdb.ingest.ingest import IngestResult, ingest
from fsdb.ingest.matching import FILE
from fsdb.ingest.source import WHAT, Progress, is_query, source_of
from fsdb.listing import listed
from fsdb.sql import joined, query

Part = Callable[[Sequence[str]], Any]


def ingest_several(
    connection: Connection[Any],
    sets: Sequence[RegisteredSet],
    data: Any,
    event_time: str | None = None,
    timezone: str | tzinfo | None = None,
    progress: Progress | None = None,
) -> IngestResult:
    """Takes the rows of `data` into each of the sets, as `ingest` does, all or none; the counts are the sums over the sets.

    Sets of which the data has no feature are left alone. A query runs once for each set; a RecordBatchReader is read into
    memory. Raises UnknownName for columns that belong to none of the sets, InvalidData where the data has features of none.
    """
    names, part = _divisible(connection, data)
    by_name = [(name, hold(connection, one)) for name, one in sorted({one.name: one for one in sets}.items())]
    wanted = [(registered, _columns(registered, names, event_time)) for _, registered in by_name]
    known = {column for _, columns in wanted for column in columns}
    unknown = [name for name in names if name not in known]
    sets_named = listed([name for name, _ in by_name])
    if unknown:
        raise UnknownName(
            f"None of {sets_named} has {listed([repr(name) for name in unknown])}: leave such columns out of the data, or add features of these names."
        )
    concerned = [
        (registered, columns) for registered, columns in wanted if any(f.name in columns for f in registered.features)
    ]
    if not concerned:
        raise InvalidData(f"The data has no feature of {sets_named}.")
    total = IngestResult(0, 0, 0, 0)
    with connection.transaction():
        for registered, columns in concerned:
            result = ingest(connection, registered, part(list(columns)), event_time, timezone, progress)
            total = IngestResult(
                total.inserted + result.inserted,
                total.updated + result.updated,
                total.late + result.late,
                total.unchanged + result.unchanged,
            )
    return total


def _columns(registered: RegisteredSet, names: Sequence[str], event_time: str | None) -> dict[str, None]:
    """The data's columns that are a set's, in their order."""
    times = {event_time or "event_time", registered.event_time_column}
    own = {*registered.keys, *(feature.name for feature in registered.features), *times}
    return {name: None for name in names if name in own}


def _divisible(connection: Connection[Any], data: Any) -> tuple[list[str], Part]:
    """The data's columns, and what gives the part of the data that has some of them."""
    if is_query(data):
        given = query_text(data)

        def of_query(columns: Sequence[str]) -> str:
            chosen = joined([Identifier(name) for name in columns])
            return query(FILE, "part", columns=chosen, given=given).as_string(connection)

        return [column.name for column in describe(connection, given, WHAT)], of_query
    table = data.read_all() if isinstance(data, pa.RecordBatchReader) else data
    source = source_of(table)
    return list(source.names), source.part
