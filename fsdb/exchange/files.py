"""Files that users give: Parquet and CSV, one, several, a pattern of names, or a folder of them, as Arrow data in their order."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from glob import glob
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from fsdb import ownership
from fsdb.errors import InvalidData
from fsdb.exchange import csv_files
from fsdb.exchange.frames import check_names

_PARQUET = ".parquet"
_NANOSECONDS = 2**63 // 1000  # microseconds from 1970 that nanoseconds reach


def is_file(given: Any) -> bool:
    """Whether this means files: a Path, a text that ends as their names do, or a list of such."""
    if isinstance(given, (list, tuple)):
        return bool(given) and all(isinstance(one, (str, Path)) and is_file(one) for one in given)
    return isinstance(given, Path) or (
        isinstance(given, str) and given.lower().endswith((_PARQUET, *csv_files.ENDINGS))
    )


def read_files(
    given: str | Path | Sequence[str | Path], what: str, wanted: Mapping[str, str] | None = None
) -> pa.Table:
    """The files' rows: files in the order of the list, those of a pattern or folder by name. what: how errors call them, such as "spine".

    wanted: PostgreSQL's types of columns, where they are known: a CSV file says nothing of its own. Raises InvalidData where there is no
    such file, one cannot be read, or two have different columns.
    """
    tables = [file.read(wanted or {}) for file in found(given, what)]
    try:
        return pa.concat_tables(tables, promote_options="permissive")
    except pa.ArrowException as error:
        raise InvalidData(f"The {what}'s files do not fit together: {_said(error)}.") from error


@dataclass(frozen=True)
class File:
    """A file that can be read, its columns, and what errors call its rows."""

    path: str
    names: list[str]
    what: str

    def pieces(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """The rows a piece at a time, of some columns or of all; the first may have no rows. Raises InvalidData."""
        chosen = self.names if columns is None else list(columns)
        read = csv_files.pieces if _is_csv(self.path) else _parquet_pieces
        try:
            yield from read(self.path, self.what, chosen)
        except (OSError, pa.ArrowException) as error:
            raise _unreadable(self.path, self.what, error) from error

    def read(self, wanted: Mapping[str, str]) -> pa.Table:
        """All rows. Of a CSV file, columns that are not in `wanted` have the types that their texts look like. Raises InvalidData."""
        if _is_csv(self.path):
            return csv_files.read(self.path, self.what, wanted)
        return pa.concat_tables(self.pieces())


def opened(path: str | Path, what: str) -> File:
    """The file at a path. Raises InvalidData."""
    name = str(path)
    ownership.check_data(name, what)
    try:
        names = csv_files.names(name, what) if _is_csv(name) else pq.read_schema(name).names
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(name, what, error) from error
    check_names(names, what)
    return File(name, names, what)


def found(given: str | Path | Sequence[str | Path], what: str) -> list[File]:
    """The files that are named, all with the same columns. Raises InvalidData."""
    paths = [
        path for one in (given if isinstance(given, (list, tuple)) else [given]) for path in _found(str(one), what)
    ]
    files = [opened(path, what) for path in paths]
    for file in files:
        if file.names != files[0].names:
            raise InvalidData(
                f"The {what}'s files {files[0].path} and {file.path} have different columns: give each the same, in the same order."
            )
    return files


def _is_csv(path: str) -> bool:
    return path.lower().endswith(csv_files.ENDINGS)


def _parquet_pieces(path: str, what: str, columns: Sequence[str]) -> Iterator[pa.Table]:
    # Arrow would take INT96 as nanoseconds, which end in 2262, and begin again in 1677 for times beyond.
    with pq.ParquetFile(path, coerce_int96_timestamp_unit="us") as file:
        _check_int96(path, what, file, columns)
        schema = pa.schema([file.schema_arrow.field(name) for name in columns])
        yield schema.empty_table()
        for batch in file.iter_batches(columns=list(columns)):
            yield pa.Table.from_batches([batch]).select(list(columns))


def _check_int96(path: str, what: str, file: pq.ParquetFile, columns: Sequence[str]) -> None:
    """Raises InvalidData where a column of INT96 has nanoseconds, which would be cut."""
    held = [file.schema.column(n) for n in range(len(file.schema.names))]
    names = [column.name for column in held if column.physical_type == "INT96" and column.path in columns]
    if not names:
        return
    start = 0
    with pq.ParquetFile(path) as exact:
        for cut, whole in zip(file.iter_batches(columns=names), exact.iter_batches(columns=names), strict=True):
            for name in names:
                micros, nanos = cut.column(name).cast(pa.int64()), whole.column(name).cast(pa.int64())
                held_by_both = pc.less(pc.abs(micros), _NANOSECONDS)
                lost = pc.and_(held_by_both, pc.not_equal(nanos, pc.multiply(micros, 1000)))
                row = lost.index(pa.scalar(True)).as_py()
                if row >= 0:
                    raise InvalidData(
                        f"Column {name!r} of the {what} has nanoseconds in row {start + row}: round it to microseconds."
                    )
            start += cut.num_rows


def _found(path: str, what: str) -> list[str]:
    if Path(path).is_dir():
        endings = (_PARQUET, *csv_files.ENDINGS)
        files = sorted(str(file) for file in Path(path).iterdir() if file.name.lower().endswith(endings))
    else:
        files = [path] if Path(path).exists() else sorted(glob(path))  # noqa: PTH207 - of any folder
    if not files:
        raise InvalidData(f"The {what} names the files {path!r}, but there are none: check the path.")
    return files


def _unreadable(path: str, what: str, error: BaseException) -> InvalidData:
    return InvalidData(f"The {what}'s file {path!r} cannot be read: {_said(error)}.")


def _said(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__
