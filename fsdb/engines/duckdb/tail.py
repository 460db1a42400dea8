"""The tail: what of history is not in the copy, read on the caller's connection, keys and times first."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from psycopg import Connection
from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from fsdb.asof import AsOf, At, Known, SetRead, Then
from fsdb.columnar.copies import Copy
from fsdb.columnar.watermark import NOTHING
from fsdb.config import HISTORY_SCHEMA
from fsdb.engines.duckdb.files import micros_of
from fsdb.engines.duckdb.rows import ROWS
from fsdb.engines.duckdb.session import FILE as DUCKDB
from fsdb.engines.duckdb.session import Session
from fsdb.engines.duckdb.values import duckdb_type, held_type, key_type, numbered, sent
from fsdb.engines.postgres.lookup import seen, typed_literal
from fsdb.exchange import copy_binary
from fsdb.sql import joined, query
from fsdb.types import type_sql

FILE = "engines/duckdb_tail"
_INSTANT = pa.timestamp("us", "UTC")
_IDS = 500_000  # that are named in one query
_DAY = 86_400_000_000
_NARROW = [("event_time", _INSTANT), ("recorded_at", _INSTANT), ("version_id", pa.int64())]


def take(
    session: Session,
    connection: Connection[Any],
    description: AsOf,
    read: SetRead,
    copy: Copy | None,
    moments: tuple[int, int],
) -> int:
    """Fills DuckDB's table `tail` with the tail's keys and times; gives how many versions that are."""
    kinds = [key_type(key) for key in read.keys]
    names = numbered("key", len(kinds))
    declared = [SQL("{} {}").format(name, SQL(duckdb_type(kind))) for name, kind in zip(names, kinds, strict=True)]
    session.run("tail", keys=joined(declared))
    expressions = [
        *(sent(Identifier("version", key.column), kind) for key, kind in zip(read.keys, kinds, strict=True)),
        *(Identifier("version", name) for name, _ in _NARROW),
    ]
    schema = pa.schema([*((f"key_{number}", kind) for number, kind in enumerate(kinds)), *_NARROW])
    source = query(
        FILE,
        "source",
        history=Identifier(HISTORY_SCHEMA, read.history_table),
        conditions=Composed(
            [
                joined(_conditions(description, read, copy, moments), " AND "),
                *seen(read.feature_set, description.snapshot),
            ]
        ),
    )
    taken = 0
    with connection.transaction(force_rollback=True):
        for batch in copy_binary.stream(connection, schema, expressions, source):
            with session.given("batch", pa.Table.from_batches([batch])):
                session.run("fill_tail", keys=joined(names))
            taken += batch.num_rows
    return taken


def versions(read: SetRead, known: Known) -> Composed:
    """The query of the tail's versions, in the form of those of the copy."""
    since = query(DUCKDB, "tail_since_known" if isinstance(known, Then) else "tail_since_event")
    return query(DUCKDB, "tail_versions", keys=joined(numbered("key", len(read.keys))), since=since)


def fetch(connection: Connection[Any], read: SetRead, wanted: pa.Table) -> Iterator[pa.Table]:
    """What versions hold, for each row of the spine that one of them holds for.

    wanted: columns version_id, in order, and position.
    """
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
    ids, positions = wanted.column("version_id").to_numpy(), wanted.column("position").to_numpy()
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
    known = description.known
    conditions: list[Composable] = [
        NOTHING if copy is None else copy.watermark.tail("version"),
        query(FILE, "until", moment=instant(moments[1])),
    ]
    if read.max_age is not None:
        oldest = moments[0] - micros_of(read.max_age)
        if oldest > _FIRST:
            conditions.append(query(FILE, "since", moment=instant(oldest)))
    if isinstance(known, Then):
        conditions.append(query(FILE, "recorded_by", moment=instant(moments[1])))
    if isinstance(known, At):
        moment = typed_literal(known.moment.isoformat(), "timestamp with time zone")
        conditions.append(query(FILE, "recorded_by", moment=moment))
    return conditions


_FIRST = -210_866_803_200_000_000  # PostgreSQL's first moment, 4714-11-24 BC
