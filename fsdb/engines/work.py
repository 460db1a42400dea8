"""What a point-in-time join has to do, from statistics alone: nothing of history is read to know it."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
from psycopg import Connection
from psycopg.sql import SQL, Composed, Identifier

from fsdb.asof import AsOf, SetRead
from fsdb.asof.description import plain_type
from fsdb.config import HISTORY_SCHEMA
from fsdb.errors import CopyBroken
from fsdb.exchange.types import arrow_type
from fsdb.sql import query

if TYPE_CHECKING:
    from fsdb.columnar.copies import Copy, CopyFile

FILE = "engines/router"
_UNKNOWN_WIDTH = 32  # bytes of a text, array or the like that ANALYZE has not counted
_LEAST_VERSION = 60  # bytes: no version of history is smaller
_BLOCK = 8192
_EPOCH = datetime(1970, 1, 1)


@dataclass(frozen=True)
class ReadWork:
    """What reading one feature set means.

    versions: about how many PostgreSQL's history holds; bytes: how large history and its indexes are. copy_rows and
    copy_bytes: what the columnar copy holds; kept_rows: what of it is in files that the spine's moments leave (files_read, where
    files_pruned could be left out). tail: about how many versions are not in the copy: all without one. features: how many
    are read; width: about how many bytes their values of one version take.
    """

    feature_set: str
    versions: int
    bytes: int
    features: int
    width: int
    tail: int
    copy_rows: int = 0
    copy_bytes: int = 0
    kept_rows: int = 0
    files_read: int = 0
    files_pruned: int = 0


@dataclass(frozen=True)
class Work:
    """What a join means. cache: how many bytes the server keeps in its memory. in_memory: where the spine is, in `spine_columns` columns."""

    spine_rows: int
    spine_columns: int
    in_memory: bool
    cache: int
    reads: tuple[ReadWork, ...]

    @property
    def features(self) -> int:
        """How many feature columns come out."""
        return sum(read.features for read in self.reads)

    @property
    def versions(self) -> int:
        """How many versions PostgreSQL holds of all sets."""
        return sum(read.versions for read in self.reads)

    @property
    def tail(self) -> int:
        """How many versions are not in the sets' copies."""
        return sum(read.tail for read in self.reads)

    @property
    def copy_rows(self) -> int:
        """How many versions the sets' copies hold."""
        return sum(read.copy_rows for read in self.reads)

    @property
    def files_read(self) -> int:
        """How many files of the copies are to be read."""
        return sum(read.files_read for read in self.reads)

    @property
    def files_pruned(self) -> int:
        """How many files of the copies need not be read."""
        return sum(read.files_pruned for read in self.reads)


def measure(connection: Connection[Any], description: AsOf) -> Work:
    """The work of a join, in a few milliseconds; a spine in a relation is read once where a copy has several files."""
    reads = description.reads
    sizes = _sizes(connection, reads, description)
    widths = _widths(connection, reads)
    copies = _copies(connection, reads)
    several = any(len(copy.files) > 1 for copy in copies.values())
    moments = _moments(connection, description) if several else None
    done = []
    for read, (versions, size) in zip(reads, sizes, strict=True):
        width = sum(widths[read.history_table, f.column] for f in read.features)
        one = ReadWork(read.feature_set, versions, size, len(read.features), width, tail=versions)
        copy = copies.get(read.feature_set)
        done.append(one if copy is None else _over_copy(one, read, copy, description, moments))
    row = connection.execute(query(FILE, "cache")).fetchone()
    assert row is not None
    spine = description.spine
    return Work(spine.row_count, len(spine.columns), spine.rows is not None, row[0], tuple(done))


def _over_copy(
    one: ReadWork, read: SetRead, copy: "Copy", description: AsOf, moments: tuple[int, int] | None
) -> ReadWork:
    """The work where the set has a copy."""
    position = description.snapshot.high.get(read.feature_set, 0)
    kept = [file for file in copy.files if _can_hold(file, moments, read.max_age)]
    return replace(
        one,
        tail=min(one.versions, max(0, position - copy.watermark.high)),
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
        drawn = description.snapshot.high.get(read.feature_set, 0)
        density = counted / pages if counted > 0 and pages > 0 else _BLOCK / _LEAST_VERSION
        sizes.append((min(drawn, round(density * heap / _BLOCK)), heap + indexes))
    return sizes


def _widths(connection: Connection[Any], reads: Sequence[SetRead]) -> dict[tuple[str, str], int]:
    """Bytes that a value of each column takes."""
    widths: dict[tuple[str, str], int] = {}
    varying = []
    for read in reads:
        for feature in read.features:
            kind = arrow_type(feature.type)
            fixed = not pa.types.is_nested(kind) and not pa.types.is_string(kind)
            widths[read.history_table, feature.column] = max(1, kind.bit_width // 8) if fixed else _UNKNOWN_WIDTH
            if not fixed and plain_type(feature.type) != "uuid":
                varying.append((read.history_table, feature.column))
    if varying:
        tables, columns = (sorted(set(names)) for names in zip(*varying, strict=True))
        named = {"schema": HISTORY_SCHEMA, "tables": tables, "columns": columns}
        for table, column, width in connection.execute(query(FILE, "widths"), named).fetchall():
            if (table, column) in widths:
                widths[table, column] = width
    return widths


def _copies(connection: Connection[Any], reads: Sequence[SetRead]) -> "dict[str, Copy]":
    """The copies that there are and that can be read; of others, whoever needs them says what is wrong."""
    names = {"feature_sets": [read.feature_set for read in reads]}
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
