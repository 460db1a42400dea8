"""Which version holds for each row of a spine: keys and times alone are read for that.

A copy's files are sorted runs (fsdb.runs), so each key's versions are one range of rows, and the one that holds at a moment is a
binary search away. Arrow reads a few row groups at a time, those that may hold a key of the spine; each such piece gives a winner, and the
winners compete. The tail comes from PostgreSQL in no order, and is sorted batch by batch.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from psycopg import Connection

from fsdb.asof import AsOf, At, SetRead, Then
from fsdb.columnar.copies import Copy, CopyFile
from fsdb.engines.duckdb import tail
from fsdb.engines.duckdb.files import Needed, micros_since, seen
from fsdb.engines.duckdb.parquet import WORKERS, Files, ahead, row_counts, within
from fsdb.engines.duckdb.values import key_type
from fsdb.runs import Asked, Run, Winners

PLACE_BITS = 40  # of a place in the copy that number the row in its file; above them is the file's number
_MOST_PIECE = 16 << 20  # bytes of a piece's columns
_SHARE = 16  # of the memory is what the pieces may take that are read at a time
_ID = "version_id"
Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class Found:
    """Which version holds for rows of the spine: positions of these, and a place for each, in order.

    A place below 0 is the negative of a version_id in the tail. groups, skipped: row groups that were read, and that were not since none
    of the spine's keys can be in them. tail_rows: versions that were fetched.
    """

    positions: Numbers
    places: Numbers
    groups: int
    skipped: int
    tail_rows: int

    @cached_property
    def _in_tail(self) -> int:
        return int(np.searchsorted(self.places, 0))

    @property
    def tail(self) -> tuple[Numbers, Numbers]:
        """Version ids in order, and positions."""
        return -self.places[: self._in_tail][::-1], self.positions[: self._in_tail][::-1]

    def by_file(self, files: Sequence[CopyFile]) -> Iterator[tuple[CopyFile, Numbers, Numbers]]:
        """Files with the rows that won in each, in order, and the positions."""
        places, positions = self.places[self._in_tail :], self.positions[self._in_tail :]
        numbers, starts = np.unique(places >> PLACE_BITS, return_index=True)
        ends = np.append(starts[1:], len(places))[: len(starts)]
        for number, begin, end in zip(numbers, starts, ends, strict=True):
            yield files[number], places[begin:end] & ((1 << PLACE_BITS) - 1), positions[begin:end]


@dataclass(frozen=True)
class _Piece:
    """Row groups that follow each other. number: of the file among those that are needed; first: the piece's first row in it."""

    file: CopyFile
    number: int
    groups: list[int]
    first: int


def match(
    connection: Connection[Any],
    description: AsOf,
    read: SetRead,
    asked: Asked,
    copy: Copy | None,
    needed: Needed | None,
    files: Files | None,
    moments: tuple[int, int],
    memory: int,
) -> Found:
    """Matches what is asked with copy and tail. moments: the first and the last; memory: bytes. Raises CopyBroken."""
    wanted = None
    if needed is not None and files is not None and needed.files:
        wanted = _Columns(needed, files, description, read)
    winners = Winners(asked, None if wanted is None else wanted.ids_of)
    taken = 0
    # The tail is the newest, and what it wins need not be looked for in older files.
    for run in tail.runs(connection, description, read, copy, moments):
        winners.take(winners.holding(run))
        taken += len(run)
    counts = [0, 0]
    if wanted is not None and needed is not None and files is not None:
        pieces = _pieces(asked, needed, files, wanted, moments[1], memory, counts)
        read_piece = wanted.run
        for held in ahead(lambda piece: winners.holding(read_piece(piece)), pieces):
            winners.take(held)
    positions, places = winners.found()
    return Found(positions, places, counts[0], counts[1], taken)


class _Columns:
    """What is read of a copy's files to match them: keys and times; version ids and xids where the reader may not see all. Else version ids are read
    where versions of one key have one time.
    """

    def __init__(self, needed: Needed, files: Files, description: AsOf, read: SetRead) -> None:
        of_copy = {column.name: column for column in needed.copy.columns}
        # Keys and what every copy has are in each file and are never renamed, so they are found by name.
        self.keys = [(of_copy[key.column].name_in_files, key_type(key)) for key in read.keys]
        self._needed = needed
        self._files = files
        self._read = read
        self._description = description
        self._known = description.known
        self._unseen = needed.unseen(read, description.snapshot)

    def names(self, number: int) -> list[str]:
        """The columns of the file of this number."""
        names = [*(name for name, _ in self.keys), "event_time"]
        if isinstance(self._known, Then | At):
            names.append("recorded_at")
        return [*names, "version_id", "xid"] if number in self._unseen else names

    def run(self, piece: _Piece) -> Run:
        """A piece's versions that count."""
        names = self.names(piece.number)
        table = self._table(piece.file, piece.groups, names)
        keys = [_as(table.column(name), kind) for name, kind in self.keys]
        held = {name: _as(table.column(name), _PLAIN).to_numpy() for name in names[len(keys) :]}
        event_time = held["event_time"]
        since = np.maximum(event_time, held["recorded_at"]) if isinstance(self._known, Then) else None
        ids = held.get("version_id", partial(self._ids, piece.file, piece.groups))
        run = Run(keys, event_time, ids, self._places(piece, len(event_time)), since)
        counts = None
        if isinstance(self._known, At):
            counts = held["recorded_at"] <= micros_since(self._known.moment)
        if "xid" in held:
            visible = seen(self._read.versions_of, self._description.snapshot, held["version_id"], held["xid"])
            counts = visible if counts is None else counts & visible
        return run if counts is None else run.only(counts)

    def ids_of(self, places: Numbers) -> Numbers:
        """The version ids at these places, of the tail's or of files'."""
        ids = -places
        of_file = places >> PLACE_BITS
        rows = places & ((1 << PLACE_BITS) - 1)
        for number in np.unique(of_file[places >= 0]).tolist():
            file = self._needed.files[number]
            first = np.cumsum([0, *row_counts(self._files.footer(file))])
            here = np.flatnonzero(of_file == number)
            groups = np.searchsorted(first, rows[here], "right") - 1
            for group in np.unique(groups).tolist():
                some = here[groups == group]
                ids[some] = self._ids(file, [group])[rows[some] - first[group]]
        return ids

    def _ids(self, file: CopyFile, groups: list[int]) -> Numbers:
        found: Numbers = _as(self._table(file, groups, [_ID]).column(_ID), _PLAIN).to_numpy()
        return found

    def _table(self, file: CopyFile, groups: list[int], names: list[str]) -> pa.Table:
        with self._files.opened(file) as opened:
            table = opened.read_row_groups(groups, columns=names, use_threads=False)
            for name in names:
                if table.column_names.count(name) != 1 or table.column(name).null_count:
                    raise self._files.damaged(file, f"column {name} is not there once, without gaps")
            return table

    @staticmethod
    def _places(piece: _Piece, rows: int) -> Numbers:
        first = (piece.number << PLACE_BITS) + piece.first
        return np.arange(first, first + rows)


_PLAIN = pa.int64()


def _as(column: pa.ChunkedArray, kind: pa.DataType) -> pa.Array:
    whole = column.combine_chunks()
    if isinstance(whole, pa.ChunkedArray):
        whole = pa.concat_arrays(whole.chunks) if whole.num_chunks else pa.array([], whole.type)
    return whole if whole.type == kind else whole.cast(kind)


def _pieces(
    asked: Asked, needed: Needed, files: Files, wanted: _Columns, last: int, memory: int, counts: list[int]
) -> Iterator[_Piece]:
    """What of the files is read at a time, without row groups that none of the keys, or none of the moments up to the last, can be in."""
    most = min(_MOST_PIECE, memory // (_SHARE * WORKERS))
    for number, file in enumerate(needed.files):
        footer = files.footer(file)
        rows = row_counts(footer)
        first = np.cumsum([0, *rows])
        try:
            kept, sizes = _kept(asked, footer, wanted.keys[0][0], wanted.names(number), last)
        except (TypeError, ValueError) as error:  # bounds of another type than the column's
            raise files.damaged(file, error) from error
        counts[0] += len(kept)
        counts[1] += len(rows) - len(kept)
        for groups in within([(group, sizes[group]) for group in kept], most):
            yield _Piece(file, number, groups, int(first[groups[0]]))


def _kept(
    asked: Asked, footer: pq.FileMetaData, key: str, names: Sequence[str], last: int
) -> tuple[list[int], list[int]]:
    """The row groups that may hold what is asked for, and of all row groups the bytes of these columns."""
    columns = {footer.schema.column(n).path: n for n in range(footer.num_columns)}
    sizes, bounded, least, greatest = [], [], [], []
    out = set()
    for number in range(footer.num_row_groups):
        group = footer.row_group(number)
        sizes.append(sum(group.column(columns[name]).total_uncompressed_size for name in names if name in columns))
        bounds = group.column(columns[key]).statistics if key in columns else None
        if bounds is not None and bounds.has_min_max:
            bounded.append(number)
            least.append(bounds.min_raw)
            greatest.append(bounds.max_raw)
        times = group.column(columns["event_time"]).statistics if "event_time" in columns else None
        if group.num_rows == 0 or (times is not None and times.has_min_max and times.min_raw > last):
            out.add(number)
    within_keys = asked.between(least, greatest)
    out.update(number for number, may in zip(bounded, within_keys.tolist(), strict=True) if not may)
    return [number for number in range(footer.num_row_groups) if number not in out], sizes
