"""The tail: what of history is not in the copy, read on the caller's connection, keys and times first."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from psycopg import Connection
from psycopg.sql import Composable, Composed, Identifier, Literal

from fsdb.asof import AsOf, At, SetRead, Then
from fsdb.columnar.copies import Copy
from fsdb.columnar.watermark import NOTHING
from fsdb.config import HISTORY_SCHEMA
from fsdb.engines.duckdb.files import micros_of
from fsdb.engines.duckdb.lumps import lumps
from fsdb.engines.duckdb.rows import ROWS
from fsdb.engines.duckdb.values import held_type, key_type, sent
from fsdb.engines.postgres.lookup import seen, typed_literal
from fsdb.exchange import copy_binary
from fsdb.runs import Run
from fsdb.sql import joined, query
from fsdb.types import type_sql

FILE = "engines/duckdb_tail"
_INSTANT = pa.timestamp("us", "UTC")
_RUN = 32 << 20  # bytes of keys and times that are matched at once
_IDS = 500_000  # that are named in one query
_DAY = 86_400_000_000
_NARROW = [("event_time", _INSTANT), ("recorded_at", _INSTANT), ("version_id", pa.int64())]


def runs(
    connection: Connection[Any],
    description: AsOf,
    read: SetRead,
    copy: Copy | None,
    moments: tuple[int, int],
) -> Iterator[Run]:
    """The tail's keys and times, some rows at a time; places are the negatives of the version ids."""
    kinds = [key_type(key) for key in read.keys]
    expressions = [
        *(sent(Identifier("version", key.column), kind) for key, kind in zip(read.keys, kinds, strict=True)),
        *(Identifier("version", name) for name, _ in _NARROW),
    ]
    schema = pa.schema([*((f"key_{number}", kind) for number, kind in enumerate(kinds)), *_NARROW])
    source = source_of(description, read, _conditions(description, read, copy, moments))
    with connection.transaction(force_rollback=True):
        for rows in lumps(copy_binary.stream(connection, schema, expressions, source), _RUN, pa.concat_batches):
            event_time, recorded_at, version_id = (
                rows.column(len(kinds) + n).cast(pa.int64()).to_numpy() for n in range(len(_NARROW))
            )
            since = np.maximum(event_time, recorded_at) if isinstance(description.known, Then) else None
            yield Run(rows.columns[: len(kinds)], event_time, version_id, -version_id, since)


def source_of(description: AsOf, read: SetRead, conditions: Sequence[Composable]) -> Composed:
    """The versions of a read's history that the reader's snapshot saw and that meet these conditions on `version`."""
    where = Composed([joined(conditions, " AND "), *seen(read.versions_of, description.snapshot)])
    return query(FILE, "source", history=Identifier(HISTORY_SCHEMA, read.history_table), conditions=where)


def known_by(description: AsOf, last: int) -> list[Composable]:
    """The condition that `version` was known at some moment that counts, the last of which is given in microseconds since 1970; none for all."""
    known = description.known
    if isinstance(known, Then):
        return [query(FILE, "recorded_by", moment=instant(last))]
    if isinstance(known, At):
        moment = typed_literal(known.moment.isoformat(), "timestamp with time zone")
        return [query(FILE, "recorded_by", moment=moment)]
    return []


def fetch(
    connection: Connection[Any], read: SetRead, ids: NDArray[np.int64], positions: NDArray[np.int64]
) -> Iterator[pa.Table]:
    """What versions hold, for each row of the spine that one of them holds for. ids: of versions, in order."""
    kinds = [held_type(feature) for feature in read.features]
    # Under their own names while they are read, for errors; they may be called as our columns are.
    schema = pa.schema(
        [
            *(pa.field(f.output, kind) for f, kind in zip(read.features, kinds, strict=True)),
            *(pa.field(name, kind) for name, kind in _NARROW),
            pa.field("deleted", pa.bool_()),
        ]
    )
    names = [*(f"feature_{n}" for n in range(len(kinds))), *(name for name, _ in _NARROW), "deleted"]
    expressions = [
        *(
            sent(query(FILE, "as_type", value=Identifier("version", f.column), type=type_sql(f.type)), kind)
            for f, kind in zip(read.features, kinds, strict=True)
        ),
        *(Identifier("version", name) for name, _ in _NARROW),
        Identifier("version", "deleted"),
    ]
    once = np.unique(ids)
    with connection.transaction(force_rollback=True):
        for start in range(0, len(once), _IDS):
            listed = Literal("{" + ",".join(map(str, once[start : start + _IDS].tolist())) + "}")
            history = Identifier(HISTORY_SCHEMA, read.history_table)
            source = query(FILE, "winners", history=history, wanted=listed)
            for batch in copy_binary.stream(connection, schema, expressions, source):
                yield from _repeated(pa.Table.from_batches([batch]).rename_columns(names), ids, positions)


def _repeated(versions: pa.Table, ids: NDArray[np.int64], positions: NDArray[np.int64]) -> Iterator[pa.Table]:
    """The versions, each as often as it is wanted, with the positions."""
    held = versions.column("version_id").to_numpy()
    first = np.searchsorted(ids, held)
    counts = np.searchsorted(ids, held, "right") - first
    again = np.repeat(np.arange(len(held)), counts)
    # Within each version's run of `ids` one after the other.
    places = np.arange(len(again)) + np.repeat(first - np.cumsum(counts) + counts, counts)
    for begin in range(0, len(again), ROWS):
        rows = versions.take(pa.array(again[begin : begin + ROWS]))
        yield rows.append_column("position", pa.array(positions[places[begin : begin + ROWS]]))


def instant(micros: int) -> Composed:
    """A moment given in microseconds since 1970, as PostgreSQL computes it exactly."""
    days, rest = divmod(micros, _DAY)
    return query(FILE, "instant", days=Literal(days), micros=Literal(rest))


def _conditions(description: AsOf, read: SetRead, copy: Copy | None, moments: tuple[int, int]) -> list[Composable]:
    conditions: list[Composable] = [
        NOTHING if copy is None else copy.watermark.tail("version"),
        query(FILE, "until", moment=instant(moments[1])),
    ]
    if read.max_age is not None:
        oldest = moments[0] - micros_of(read.max_age)
        if oldest > _FIRST:
            conditions.append(query(FILE, "since", moment=instant(oldest)))
    conditions += known_by(description, moments[1])
    return conditions


_FIRST = -210_866_803_200_000_000  # PostgreSQL's first moment, 4714-11-24 BC
