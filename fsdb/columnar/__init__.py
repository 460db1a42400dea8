"""The columnar copy: an Iceberg table that mirrors each history table, and what of history is not in it yet.

Reading is light; what writes copies imports pyiceberg, which takes a second, when it is first called.
"""

from collections.abc import Sequence
from datetime import timedelta

from fsdb.columnar.copies import Copy, CopyColumn, CopyFile
from fsdb.columnar.reading import broken, check_files, read_copy
from fsdb.columnar.result import Progress, SetSync, SyncResult
from fsdb.columnar.watermark import Watermark

__all__ = [
    "Copy",
    "CopyColumn",
    "CopyFile",
    "Progress",
    "SetSync",
    "SyncResult",
    "Watermark",
    "broken",
    "check_files",
    "compact",
    "expire",
    "read_copy",
    "rebuild",
    "resume_erasures",
    "sync",
]

KEPT = timedelta(days=7)  # how long files stay that no copy refers to any more


def sync(
    url: str,
    feature_sets: Sequence[str] | None = None,
    *,
    warehouse: str | None = None,
    progress: Progress | None = None,
) -> SyncResult:
    """Brings the copies of the named sets (else of all) up to date with the database at `url`, in transactions of its own.

    warehouse: where new copies go, else `$FSDB_WAREHOUSE`, else a folder in the user's data folder. progress is called with
    a set's name, the versions written so far and about how many there are to write. Two syncs of a set run one after the
    other. Copies of sets that were dropped leave the Iceberg catalog; their files stay until `expire`. Raises CopyBroken for a
    copy that cannot be carried on, InvalidData for values that no copy can hold, FsdbError for a place that cannot be written.
    """
    from fsdb.columnar import erasing, syncing

    return syncing.sync(url, feature_sets, warehouse=warehouse, progress=progress, first=erasing.settle)


def compact(url: str, feature_sets: Sequence[str] | None = None) -> SyncResult:
    """Puts the files of each bucket of the named copies (else of all) in one order, in few files; the same versions as before.

    Files that these stand for stay for those who read them, until `expire`.
    """
    from fsdb.columnar import compaction

    return compaction.compact(url, feature_sets)


def expire(url: str, older_than: timedelta = KEPT) -> int:
    """Removes files that no copy has referred to for that long, and returns how many: of compacted, rebuilt and dropped copies, and of
    syncs that died. Never one that a copy of now needs."""
    from fsdb.columnar import expiry

    return expiry.expire(url, older_than)


def rebuild(
    url: str, feature_set: str, *, warehouse: str | None = None, progress: Progress | None = None
) -> SyncResult:
    """Makes a set's copy anew from history, in another folder, and puts it in the old one's place at once.

    Versions that retention has removed from PostgreSQL are taken over from the old copy. Raises CopyBroken where these cannot be
    read any more: nothing else has them.
    """
    from fsdb.columnar import rebuilding

    return rebuilding.rebuild(url, feature_set, warehouse=warehouse, progress=progress)


def resume_erasures(
    url: str, feature_sets: Sequence[str] | None = None, *, warehouse: str | None = None
) -> tuple[list[str], list[str]]:
    """Writes copies anew of which an erasure has still to take something, those of the named sets or all, and removes the files of before.

    Returns the sets, and what could not be done as sentences. Who is reading the files of before is told that they are gone.
    """
    from fsdb.columnar import erasing

    return erasing.resume(url, feature_sets, warehouse=warehouse)
