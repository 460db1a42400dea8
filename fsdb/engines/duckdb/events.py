"""Events that windows are computed from, read whole from copy and tail: in DuckDB, keys in parts that fit into memory, without what was superseded.

The copy of an event table lies by the events' ids, windows are of other keys: so each version is put with those of its key first.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from psycopg import Connection
from psycopg.sql import SQL, Composable, Composed, Identifier

from fsdb.asof import AsOf, At, KeyBinding, SetRead, Then, WindowRead
from fsdb.columnar.copies import Copy, CopyFile
from fsdb.columnar.types import copy_type
from fsdb.columnar.watermark import NOTHING
from fsdb.engines.duckdb.files import Needed, micros_since, of_events, seen
from fsdb.engines.duckdb.lumps import lumps
from fsdb.engines.duckdb.parquet import Files, ahead, row_counts
from fsdb.engines.duckdb.rows import Wanted, columns_of_group
from fsdb.engines.duckdb.session import Session
from fsdb.engines.duckdb.tail import known_by, source_of
from fsdb.engines.duckdb.values import duckdb_type, key_type, sent
from fsdb.exchange import copy_binary
from fsdb.runs import Asked
from fsdb.sql import joined
from fsdb.windows.computing import NEVER, Held, columns_of, reach

Numbers = NDArray[np.int64]
_LUMP = 32 << 20  # bytes of versions that are put into tables at once
_PER_VALUE = 64  # bytes that a value takes on its way through the kernel, at most
_SHARE = 4  # of the memory is what a part of the keys may take
_MOST_PARTS = 256
_INSTANT = pa.timestamp("us", "UTC")
_TIMES = ("event_time", "recorded_at", "happened")
_NEVER_NULL = ("id", "event_time", "recorded_at", "version_id", "xid")


@dataclass
class Read:
    """What was read: versions of the tail, files, and row groups."""

    tail: int = 0
    files: int = 0
    pruned: int = 0
    groups: int = 0


class EventRows:
    """The versions of events of the keys that are asked for, of which those hold that are not superseded by what the reader saw."""

    def __init__(
        self, session: Session, description: AsOf, read: SetRead, asked: Asked, moments: tuple[int, int]
    ) -> None:
        """moments: the first and the last that is asked for, in microseconds since 1970."""
        assert read.windows is not None
        self._session = session
        self._description = description
        self._read = read
        self._windows: WindowRead = read.windows
        self._asked = asked
        self._last = moments[1]
        back, offset = reach(read.windows)
        self._bounds = moments[0] - back, moments[1] - offset
        self._values = columns_of(read.windows)
        self._wanted = _wanted(read.windows, self._values)
        self.read = Read()

    def take(self, connection: Connection[Any], copy: Copy | None) -> list[tuple[int, int]]:
        """Reads all of them, and gives parts of the keys' numbers: the first of each, and the one after its last. Raises CopyBroken."""
        parts = self._parts(copy)
        kinds = {one.name: one.type for one in self._wanted}
        values = [_declared(f"value_{n}", kinds[f"value_{n}"]) for n in range(len(self._values))]
        self._session.run("versions", id=_declared("id", kinds["id"]))
        for number, _ in enumerate(parts):
            self._session.run("events", table=_table(number), id=_declared("id", kinds["id"]), columns=_also(values))
        pieces = chain(self._tail(connection, copy), () if copy is None else self._copied(copy))
        for lump in lumps(pieces, _LUMP, pa.concat_tables):
            self._put(lump, parts)
        self._session.run("superseded")
        return parts

    def held(self, part: int) -> Held:
        """The versions of a part, in order; what led to it goes."""
        then = isinstance(self._description.known, Then)
        names = [f"value_{n}" for n in range(len(self._values))]
        columns = _also([SQL("event.{}").format(Identifier(name)) for name in names])
        rows = self._session.table("held_then" if then else "held", table=_table(part), columns=columns)
        self._session.run("drop", table=_table(part))
        return Held(
            rows.column("number").to_numpy(),
            rows.column("happened").to_numpy(),
            rows.column("recorded_at").to_numpy(),
            {
                of: _whole(rows.column(name), wanted.type)
                for of, name, wanted in zip(
                    self._values, names, self._wanted[-len(names) :] if names else (), strict=True
                )
            },
            np.minimum(rows.column("until").to_numpy(), NEVER) if then else None,
        )

    def close(self) -> None:
        """Another read may follow."""
        self._session.run("drop", table=Identifier("seen_version"))
        self._session.run("drop", table=Identifier("superseded"))

    def _parts(self, copy: Copy | None) -> list[tuple[int, int]]:
        """Keys that are computed together: few enough for their events, if these are even, and what comes out to be in memory."""
        drawn = self._description.snapshot.high.get(self._read.versions_of, 0)
        events = drawn if copy is None else copy.rows + max(0, drawn - copy.watermark.high)
        size = events * _PER_VALUE * (len(self._values) + 1)
        size += len(self._asked) * (_PER_VALUE + 16 * len(self._read.features))
        parts = min(_MOST_PARTS, max(1, -(-size * _SHARE // self._session.memory)), self._asked.keys)
        cuts = np.searchsorted(self._asked.starts, np.linspace(0, len(self._asked), parts + 1)).tolist()
        return [(first, end) for first, end in pairwise(cuts) if end > first]

    def _put(self, lump: pa.Table, parts: Sequence[tuple[int, int]]) -> None:
        """Puts versions into the tables: all for what they supersede, and those that may count with what is in them."""
        with self._session.given("batch", lump.select(["id", "event_time", "version_id", "recorded_at"])):
            self._session.run("take_versions")
        numbers = lump.column("number").to_numpy()
        there = np.flatnonzero(numbers >= 0)
        of = np.searchsorted([end for _, end in parts], numbers[there], "right")
        order = np.argsort(of, kind="stable")
        cuts = np.searchsorted(of[order], np.arange(len(parts) + 1))
        names = [
            "number",
            "happened",
            "version_id",
            "recorded_at",
            "id",
            *(f"value_{n}" for n in range(len(self._values))),
        ]
        for part, (begin, end) in enumerate(pairwise(cuts.tolist())):
            if end > begin:
                with self._session.given("batch", lump.select(names).take(pa.array(there[order[begin:end]]))):
                    self._session.run("take_events", table=_table(part))

    def _sorted_out(self, rows: pa.Table, whole: bool) -> pa.Table:
        """The versions that the reader saw, with the number of the key of each that may count. whole: whether all were seen."""
        for name in _TIMES:
            rows = rows.set_column(rows.column_names.index(name), name, rows.column(name).cast(pa.int64()))
        counts = np.ones(rows.num_rows, bool)
        known = self._description.known
        if isinstance(known, Then | At):
            last = self._last if isinstance(known, Then) else micros_since(known.moment)
            counts &= rows.column("recorded_at").to_numpy() <= last
        if not whole:
            ids, xids = (rows.column(name).to_numpy() for name in ("version_id", "xid"))
            counts &= seen(self._read.versions_of, self._description.snapshot, ids, xids)
        if not counts.all():
            rows = rows.filter(pa.array(counts))
        keys = [rows.column(f"key_{n}") for n in range(len(self._windows.keys))]
        at = rows.column("happened").fill_null(NEVER).to_numpy()  # a time that never counts, as do the infinite ones
        may = (at > max(self._bounds[0], -NEVER)) & (at <= self._bounds[1]) & (at < NEVER)
        for key in keys:
            may &= key.is_valid().to_numpy()
        where = np.flatnonzero(may)
        numbers = np.full(rows.num_rows, -1)
        numbers[where] = self._asked.find([_whole(key, key.type).take(pa.array(where)) for key in keys])
        return rows.append_column("number", pa.array(numbers)).drop_columns(
            [f"key_{n}" for n in range(len(keys))] + ["xid"] * ("xid" in rows.column_names)
        )

    def _tail(self, connection: Connection[Any], copy: Copy | None) -> Iterator[pa.Table]:
        """What of history is not in the copy."""
        schema = pa.schema([(one.name, one.type) for one in self._wanted])
        expressions = [sent(Identifier("version", one.column), one.type) for one in self._wanted]
        conditions: list[Composable] = [NOTHING if copy is None else copy.watermark.tail("version")]
        conditions += known_by(self._description, self._last)
        source = source_of(self._description, self._read, conditions)
        with connection.transaction(force_rollback=True):
            for batch in copy_binary.stream(connection, schema, expressions, source):
                self.read.tail += batch.num_rows
                yield self._sorted_out(pa.Table.from_batches([batch]), whole=True)

    def _copied(self, copy: Copy) -> Iterator[pa.Table]:
        """What of the copy the reader may have seen."""
        chosen = of_events(copy, self._read, self._description.snapshot)
        files = Files(copy)
        unseen = chosen.unseen(self._read, self._description.snapshot)
        self.read.files, self.read.pruned = len(chosen.files), chosen.pruned
        return ahead(lambda piece: self._group(files, *piece), self._groups(chosen, files, unseen))

    def _groups(self, chosen: Needed, files: Files, unseen: frozenset[int]) -> Iterator[tuple[CopyFile, int, bool]]:
        for number, file in enumerate(chosen.files):
            for group, rows in enumerate(row_counts(files.footer(file))):
                if rows:
                    self.read.groups += 1
                    yield file, group, number not in unseen

    def _group(self, files: Files, file: CopyFile, group: int, whole: bool) -> pa.Table:
        wanted = self._wanted if whole else [Wanted("xid", "xid", pa.int64()), *self._wanted]
        rows = columns_of_group(files, file, group, wanted)
        for name in _NEVER_NULL:
            if name in rows.column_names and rows.column(name).null_count:
                raise files.damaged(file, f"column {name} is not there without gaps")
        return self._sorted_out(rows, whole)


def _wanted(windows: WindowRead, values: Iterable[str]) -> list[Wanted]:
    """The columns of events: what every version has, keys as they are compared, and what is computed from, in this order at the end."""
    events = windows.events
    keys = [KeyBinding(column, events.types[column], "") for column in windows.keys]
    return [
        Wanted("id", events.id, copy_type(events.types[events.id])),
        Wanted("event_time", "event_time", _INSTANT),
        Wanted("version_id", "version_id", pa.int64()),
        Wanted("recorded_at", "recorded_at", _INSTANT),
        Wanted("happened", events.at, _INSTANT),
        *(Wanted(f"key_{n}", key.column, key_type(key)) for n, key in enumerate(keys)),
        *(Wanted(f"value_{n}", column, copy_type(events.types[column])) for n, column in enumerate(values)),
    ]


def _table(part: int) -> Identifier:
    return Identifier(f"event_{part}")


def _declared(name: str, kind: pa.DataType) -> Composed:
    return SQL("{} {}").format(Identifier(name), SQL(duckdb_type(kind)))


def _also(columns: Sequence[Composable]) -> Composed:
    return joined([SQL(", {}").format(column) for column in columns], "")


def _whole(column: pa.ChunkedArray, kind: pa.DataType) -> pa.Array:
    """A column in one piece, of the type that it was read as."""
    whole = column.combine_chunks() if column.num_chunks else pa.array([], column.type)
    return whole if whole.type == kind else whole.cast(kind)
