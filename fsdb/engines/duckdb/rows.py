"""Rows of a copy's files by their numbers: each row group that has some is read once, and only these rows are kept of it."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from fsdb.columnar import broken
from fsdb.columnar.copies import Copy, CopyFile
from fsdb.columnar.types import WHOLE
from fsdb.engines.duckdb.files import local

COLUMNS = 64  # of a row group that are in memory at a time
ROWS = 65_536  # of a table that is handed on
_PIECE = 32 << 20  # bytes of values that are kept of a row group at a time
_T = TypeVar("_T")
_R = TypeVar("_R")


@dataclass(frozen=True)
class Wanted:
    """A column: the name that it is to have, its name in the copy, and its type."""

    name: str
    column: str
    type: pa.DataType


@dataclass(frozen=True)
class _Piece:
    """Rows of a row group, each once; for each position the one of them that it wants."""

    file: CopyFile
    group: int
    rows: NDArray[np.int64]
    again: NDArray[np.int64]
    positions: NDArray[np.int64]


def rows_of(
    copy: Copy,
    found: Iterable[tuple[CopyFile, NDArray[np.int64], NDArray[np.int64]]],
    wanted: Sequence[Wanted],
) -> Iterator[pa.Table]:
    """Tables of the columns, and of the `position` that came with each row.

    found: files with the numbers of their rows in order, some perhaps many times, and the positions. Columns that a file is older
    than are NULL. Raises CopyBroken.
    """
    ids = {column.name: column.field_id for column in copy.columns}
    workers = pa.cpu_count() + 1  # one of them waits for the disk
    most = max(1024, _PIECE // (8 * len(wanted)))
    with ThreadPoolExecutor(workers) as pool:
        read = _ahead(pool, lambda piece: (piece, _read(copy, piece, wanted, ids)), _pieces(copy, found, most), workers)
        for piece, rows in read:
            for begin in range(0, len(piece.positions), ROWS):
                some = rows.slice(begin, ROWS)
                if len(piece.positions) > len(piece.rows):
                    some = rows.take(pa.array(piece.again[begin : begin + ROWS]))
                yield some.append_column("position", pa.array(piece.positions[begin : begin + ROWS]))


def _pieces(
    copy: Copy, found: Iterable[tuple[CopyFile, NDArray[np.int64], NDArray[np.int64]]], most: int
) -> Iterator[_Piece]:
    for file, rows, positions in found:
        with _opened(copy, file) as opened:
            counts = [opened.metadata.row_group(group).num_rows for group in range(opened.metadata.num_row_groups)]
        ends = np.cumsum(counts)
        cuts = np.searchsorted(rows, ends)
        begin = 0
        for group, (end, cut) in enumerate(zip(ends.tolist(), cuts.tolist(), strict=True)):
            once, again = np.unique(rows[begin:cut], return_inverse=True)
            for first in range(0, len(once), most):
                low, high = np.searchsorted(again, [first, first + most])
                held = once[first : first + most] - (end - counts[group])
                yield _Piece(file, group, held, again[low:high] - first, positions[begin + low : begin + high])
            begin = cut


def _read(copy: Copy, piece: _Piece, wanted: Sequence[Wanted], ids: dict[str, int]) -> pa.Table:
    rows = pa.array(piece.rows)
    columns: list[pa.ChunkedArray] = []
    with _opened(copy, piece.file) as opened:
        names = {
            int(field.metadata[b"PARQUET:field_id"]): field.name
            for field in opened.schema_arrow
            if field.metadata and b"PARQUET:field_id" in field.metadata
        }
        for begin in range(0, len(wanted), COLUMNS):
            some = wanted[begin : begin + COLUMNS]
            theirs = [names.get(ids.get(one.column, -1)) for one in some]
            try:
                read = opened.read_row_group(
                    piece.group, columns=[name for name in theirs if name is not None], use_threads=False
                )
                taken = {name: read.column(name).take(rows) for name in dict.fromkeys(theirs) if name is not None}
            except (OSError, pa.ArrowException) as error:
                raise broken(copy.feature_set, piece.file.path, f"is damaged ({error})") from error
            columns += [
                pa.chunked_array([pa.nulls(len(rows), one.type)]) if name is None else _cast(taken[name], one.type)
                for one, name in zip(some, theirs, strict=True)
            ]
    return pa.table(columns, names=[one.name for one in wanted])


def _cast(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    if str(column.type) == str(kind):  # equal lists may call their items differently
        return column
    if pa.types.is_string(column.type) and pa.types.is_integer(
        kind
    ):  # whole numbers that history keeps as numeric by now
        column = pc.replace_substring_regex(column, WHOLE, "")
    return column.cast(kind)


def _opened(copy: Copy, file: CopyFile) -> pq.ParquetFile:
    path = local(file.path)
    try:
        if "://" not in path:
            return pq.ParquetFile(path)
        from fsdb.columnar.iceberg import file_system  # loads Iceberg's library

        system, inside = file_system(path)
        return pq.ParquetFile(inside, filesystem=system, pre_buffer=True)
    except FileNotFoundError as error:
        raise broken(copy.feature_set, file.path, "is gone") from error
    except (OSError, pa.ArrowException) as error:
        raise broken(copy.feature_set, file.path, f"is damaged ({error})") from error


def _ahead(pool: ThreadPoolExecutor, call: Callable[[_T], _R], given: Iterable[_T], most: int) -> Iterator[_R]:
    """What `call` gives for each, in order, computed ahead of whoever takes it, but not far."""
    under_way: deque[Future[Any]] = deque()
    try:
        for one in given:
            under_way.append(pool.submit(call, one))
            if len(under_way) == most:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()
    finally:
        for future in under_way:
            future.cancel()
