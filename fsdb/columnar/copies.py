"""What a reader has of a columnar copy: its files at one Iceberg snapshot, and which versions these hold."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from fsdb.columnar.watermark import Watermark

_PLAIN = re.compile(r"[a-z_][a-z0-9_]*")
# Columns that DuckDB adds to those of files, and that one of the file would hide.
_READERS_OWN = frozenset({"file_index", "file_row_number", "filename", "rowid"})


def name_in_files(name: str, field_id: int) -> str:
    """What a column is called in the Parquet files: by its number where a reader may take its name for another column's.

    Readers fold case and have columns of their own. A plain word stays, so that people can read the files; no word is a number.
    """
    return name if _PLAIN.fullmatch(name) and name not in _READERS_OWN else f"#{field_id}"


@dataclass(frozen=True)
class CopyColumn:
    """A column of the copy: the Parquet field_id that it has in every file, its name now, and its Arrow type now.

    Files written before a feature was added lack its field; files from before it was widened hold the narrower type. feature_id is
    None for what is no feature; kind is PostgreSQL's name of the type when the set was last synced, empty for columns that every copy has.
    """

    field_id: int
    name: str
    type: pa.DataType
    feature_id: int | None = None
    kind: str = ""

    @property
    def name_in_files(self) -> str:
        """What each file calls it. A feature may be renamed and its files not written again: find features by field_id."""
        return name_in_files(self.name, self.field_id)


@dataclass(frozen=True)
class CopyFile:
    """A Parquet file: where it is, its rows and bytes, and bounds of its columns by name where they are known.

    Bounds are kept for the keys, event_time (datetime, UTC), recorded_at, version_id and xid; those of texts may be cut short, lower
    ones downwards and upper ones upwards, so they hold as bounds.
    """

    path: str
    rows: int
    bytes: int
    lower: Mapping[str, Any]
    upper: Mapping[str, Any]


@dataclass(frozen=True)
class Copy:
    """The copy of a feature set's history at one Iceberg snapshot. The files stay as they are; what changes is another snapshot.

    columns: version_id (int64), event_time and recorded_at (timestamp[us, UTC]), xid (int64), deleted (bool), the keys, and the
    features under their names in history. Types are those of fsdb.columnar.types.
    """

    feature_set: str
    snapshot_id: int
    watermark: Watermark
    columns: tuple[CopyColumn, ...]
    files: tuple[CopyFile, ...]

    @property
    def rows(self) -> int:
        """How many versions it holds."""
        return sum(file.rows for file in self.files)

    @property
    def bytes(self) -> int:
        """How large its files are."""
        return sum(file.bytes for file in self.files)
