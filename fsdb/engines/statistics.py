"""The work of a join from statistics alone: nothing of history is read to know it."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
from psycopg import Connection
from psycopg.sql import SQL, Composed, Identifier

from fsdb.asof import AsOf, FeatureRead, SetRead
from fsdb.config import HISTORY_SCHEMA
from fsdb.engines.work import ReadWork, Work
from fsdb.errors import CopyBroken
from fsdb.exchange.types import arrow_type
from fsdb.sql import query

if TYPE_CHECKING:
    from fsdb.columnar.copies import Copy, CopyFile

FILE = "engines/router"
_UNKNOWN_WIDTH = 32  # bytes of a text, array or the like that ANALYZE has not counted
_UNKNOWN_PER_KEY = 10.0  # versions of a key where ANALYZE has not been
_LEAST_VERSION = 60  # bytes: no version of history is smaller
_BLOCK = 8192
_EPOCH = datetime(1970, 1, 1)


def measure(connection: Connection[Any], description: AsOf) -> Work:
    """The work of a join, in a few milliseconds; a spine in a relation is read once where a copy has several files."""
    reads = description.reads
    sizes = _sizes(connection, reads, description)
    columns = _columns(connection, reads)
    spans = _spans(connection, reads)
    copies = _copies(connection, reads)
    several = any(len(copy.files) > 1 for copy in copies.values())
    moments = _moments(connection, description) if several else None
    done = []
    for read, (versions, size) in zip(reads, sizes, strict=True):
        one = ReadWork(
            read.feature_set,
            versions,
            size,
            features=len(read.features),
            width=sum(_width(feature, columns.get((read.history_table, feature.column))) for feature in read.features),
            per_key=_per_key(read, versions, columns),
            tail=versions,
        )
        one = replace(one, window=_window(read, one.per_key, spans))
        copy = copies.get(read.versions_of)
        done.append(one if copy is None else _over_copy(one, read, copy, description, moments))
    row = connection.execute(query(FILE, "cache")).fetchone()
    assert row is not None
    spine = description.spine
    return Work(spine.row_count, len(spine.columns), spine.rows is not None, row[0], tuple(done))


def _over_copy(
    one: ReadWork, read: SetRead, copy: "Copy", description: AsOf, moments: tuple[int, int] | None
) -> ReadWork:
    """The work where the set has a copy."""
    position = description.snapshot.high.get(read.versions_of, 0)
    kept = [file for file in copy.files if read.windows or _can_hold(file, moments, read.max_age)]
    tail = min(one.versions, max(0, position - copy.watermark.high))
    return replace(
        one,
        tail=tail,
        skipped=max(0, min(one.versions, position - copy.watermark.floor) - tail),
        copy_rows=copy.rows,
        copy_bytes=copy.bytes,
        kept_rows=sum(file.rows for file in kept),
        files_read=len(kept),
        files_pruned=len(copy.files) - len(kept),
    )


def _sizes(connection: Connection[Any], reads: Sequence[SetRead], description: AsOf) -> list[tuple[int, int]]:
    """About how many versions each history table holds, as the planner would count them, and its bytes."""
    tables = {"schema": HISTORY_SCHEMA, "tables": [read.history_table for read in reads]}
    rows = connection.execute(query(FILE, "statistics"), tables).fetchall()
    sizes = []
    for read, (counted, pages, heap, indexes) in zip(reads, rows, strict=True):
        drawn = description.snapshot.high.get(read.versions_of, 0)
        density = counted / pages if counted > 0 and pages > 0 else _BLOCK / _LEAST_VERSION
        sizes.append((min(drawn, round(density * heap / _BLOCK)), heap + indexes))
    return sizes


@dataclass(frozen=True)
class _Column:
    """What ANALYZE counted: bytes of a value, and different values (negative: as a share of the rows)."""

    width: int
    distinct: float


def _columns(connection: Connection[Any], reads: Sequence[SetRead]) -> dict[tuple[str, str], _Column]:
    """By table and column, the keys and the features whose values differ in length; only where ANALYZE has been."""
    wanted = {(read.history_table, key) for read in reads for key in _keys(read)}
    wanted |= {(read.history_table, f.column) for read in reads for f in read.features if _fixed_width(f.type) is None}
    named = {
        "schema": HISTORY_SCHEMA,
        "tables": sorted({table for table, _ in wanted}),
        "columns": sorted({column for _, column in wanted}),
    }
    rows = connection.execute(query(FILE, "columns"), named).fetchall()
    return {(table, column): _Column(width, distinct) for table, column, width, distinct in rows}


@cache
def _fixed_width(kind_name: str) -> int | None:
    """Bytes of every value of a type, where all have as many."""
    kind = arrow_type(kind_name)
    if pa.types.is_nested(kind) or pa.types.is_string(kind) or pa.types.is_binary(kind):
        return None
    return max(1, int(kind.bit_width) // 8)


def _width(feature: FeatureRead, counted: _Column | None) -> int:
    return _fixed_width(feature.type) or (_UNKNOWN_WIDTH if counted is None else counted.width)


def _per_key(read: SetRead, versions: int, columns: dict[tuple[str, str], _Column]) -> float:
    """About how many versions a key has."""
    keys = 1.0
    for key in _keys(read):
        counted = columns.get((read.history_table, key))
        if counted is None:
            return min(_UNKNOWN_PER_KEY, float(versions))
        keys *= counted.distinct if counted.distinct > 0 else -counted.distinct * versions
    return versions / min(max(keys, 1.0), max(versions, 1.0))


def _keys(read: SetRead) -> tuple[str, ...]:
    """The columns of history that hold the keys."""
    return tuple(key.column for key in read.keys) if read.windows is None else read.windows.keys


def _spans(connection: Connection[Any], reads: Sequence[SetRead]) -> dict[tuple[str, str], float]:
    """By table and column, over how many microseconds the times of events lie; only where ANALYZE has been."""
    times = [(read.history_table, read.windows.events.at) for read in reads if read.windows is not None]
    if not times:
        return {}
    named = {"schema": HISTORY_SCHEMA, "tables": [table for table, _ in times], "columns": [at for _, at in times]}
    return {(table, at): span for table, at, span in connection.execute(query(FILE, "spans"), named).fetchall()}


def _window(read: SetRead, per_key: float, spans: dict[tuple[str, str], float]) -> float | None:
    """About how many events of a key the longest window has: as many as its part of all time, or all where that is not known."""
    if read.windows is None:
        return None
    longest = max(feature.width for feature in read.windows.features) / timedelta(microseconds=1)
    span = spans.get((read.history_table, read.windows.events.at), 0.0)
    return per_key * min(1.0, longest / span) if span else per_key


def _copies(connection: Connection[Any], reads: Sequence[SetRead]) -> "dict[str, Copy]":
    """The copies that there are and that can be read; of others, whoever needs them says what is wrong."""
    names = {"feature_sets": [read.versions_of for read in reads]}
    copied = [name for (name,) in connection.execute(query(FILE, "copied"), names).fetchall()]
    if not copied:
        return {}
    from fsdb.columnar import read_copy  # with pyiceberg, which takes a while

    copies = {}
    for name in copied:
        with suppress(CopyBroken):
            copies[name] = read_copy(connection, name)
    return {name: copy for name, copy in copies.items() if copy is not None}


def _moments(connection: Connection[Any], description: AsOf) -> tuple[int, int] | None:
    """The first and last moment of the spine, in microseconds since 1970; None without rows."""
    spine = description.spine
    if spine.rows is not None:
        bounds = pc.min_max(spine.rows.column(spine.timestamp).cast(pa.int64()))
        first, last = bounds["min"].as_py(), bounds["max"].as_py()
    else:
        assert spine.relation is not None
        relation: Composed = SQL(".").join(map(Identifier, spine.relation))
        row = connection.execute(
            query(FILE, "moments", timestamp=Identifier(spine.timestamp), relation=relation)
        ).fetchone()
        assert row is not None
        first, last = row
    return None if first is None else (first, last)


def _can_hold(file: "CopyFile", moments: tuple[int, int] | None, max_age: timedelta | None) -> bool:
    """Whether a file's versions can be what a moment between these asks for."""
    if moments is None:
        return True
    lower, upper = _micros(file.lower.get("event_time")), _micros(file.upper.get("event_time"))
    if lower is not None and lower > moments[1]:
        return False
    oldest = None if max_age is None else moments[0] - max_age // timedelta(microseconds=1)
    return oldest is None or upper is None or upper >= oldest


def _micros(moment: Any) -> int | None:
    if not isinstance(moment, datetime):
        return moment if isinstance(moment, int) else None
    return (moment.replace(tzinfo=None) - _EPOCH) // timedelta(microseconds=1)
