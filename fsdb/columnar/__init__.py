"""The columnar copy: an Iceberg table that mirrors each history table, and what of history is not in it yet."""

from fsdb.columnar.copies import Copy, CopyColumn, CopyFile
from fsdb.columnar.reading import broken, check_files, read_copy
from fsdb.columnar.result import SetSync, SyncResult
from fsdb.columnar.sync import sync
from fsdb.columnar.watermark import Watermark

__all__ = [
    "Copy",
    "CopyColumn",
    "CopyFile",
    "SetSync",
    "SyncResult",
    "Watermark",
    "broken",
    "check_files",
    "read_copy",
    "sync",
]
