"""Rows of a copy's files by their numbers: each row group that has some is read once, and only these rows are kept of it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from fsdb.columnar.copies import CopyFile
from fsdb.columnar.types import WHOLE
from fsdb.engines.duckdb.parquet import Files, ahead, row_counts

COLUMNS = 64  # of a row group that are in memory at a time
ROWS = 65_536  # of a table that is handed on
_PIECE = 32 << 20  # bytes of values that are kept of a row group at a time


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
    files: Files,
    found: Iterable[tuple[CopyFile, NDArray[np.int64], NDArray[np.int64]]],
    wanted: Sequence[Wanted],
) -> Iterator[pa.Table]:
    """Tables of the columns, and of the `position` that came with each row.

    found: files with the numbers of their rows in order, some perhaps many times, and the positions. Columns that a file is older
    than are NULL. Raises CopyBroken.
    """
    ids = {column.name: column.field_id for column in files.copy.columns}
    most = max(1024, _PIECE // (8 * len(wanted)))
    for piece, rows in ahead(lambda piece: (piece, _read(files, piece, wanted, ids)), _pieces(files, found, most)):
        for begin in range(0, len(piece.positions), ROWS):
            some = rows.slice(begin, ROWS)
            if len(piece.positions) > len(piece.rows):
                some = rows.take(pa.array(piece.again[begin : begin + ROWS]))
            yield some.append_column("position", pa.array(piece.positions[begin : begin + ROWS]))


def _pieces(
    files: Files, found: Iterable[tuple[CopyFile, NDArray[np.int64], NDArray[np.int64]]], most: int
) -> Iterator[_Piece]:
    for file, rows, positions in found:
        counts = row_counts(files.footer(file))
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


def _read(files: Files, piece: _Piece, wanted: Sequence[Wanted], ids: dict[str, int]) -> pa.Table:
    return columns_of_group(files, piece.file, piece.group, wanted, pa.array(piece.rows), ids)


def columns_of_group(
    files: Files,
    file: CopyFile,
    group: int,
    wanted: Sequence[Wanted],
    rows: pa.Array | None = None,
    ids: dict[str, int] | None = None,
) -> pa.Table:
    """Columns of a row group. rows: the numbers of some of its rows. ids: the columns' field_ids by name. Raises CopyBroken."""
    by_name = ids or {column.name: column.field_id for column in files.copy.columns}
    columns: list[pa.ChunkedArray] = []
    with files.opened(file) as opened:
        names = {
            int(field.metadata[b"PARQUET:field_id"]): field.name
            for field in opened.schema_arrow
            if field.metadata and b"PARQUET:field_id" in field.metadata
        }
        count = opened.metadata.row_group(group).num_rows if rows is None else len(rows)
        for begin in range(0, len(wanted), COLUMNS):
            some = wanted[begin : begin + COLUMNS]
            theirs = [names.get(by_name.get(one.column, -1)) for one in some]
            read = opened.read_row_group(
                group, columns=[name for name in theirs if name is not None], use_threads=False
            )
            taken = {
                name: read.column(name) if rows is None else read.column(name).take(rows)
                for name in dict.fromkeys(theirs)
                if name is not None
            }
            columns += [
                pa.chunked_array([pa.nulls(count, one.type)]) if name is None else _cast(taken[name], one.type)
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
