"""Putting many small files of a bucket together in one, in order: fewer to open, and more of each to skip."""

import time
from collections import defaultdict
from collections.abc import Sequence

from pyiceberg.manifest import DataFile
from pyiceberg.table import Table as IcebergTable

from fsdb.catalog.feature_sets import RegisteredSet, get_set, list_sets
from fsdb.columnar import table
from fsdb.columnar.contents import batches
from fsdb.columnar.files import FileWriter
from fsdb.columnar.iceberg import data_files, reading
from fsdb.columnar.result import SyncResult
from fsdb.columnar.work import Work, working, writing

SMALL = 64 << 20  # bytes: a file below this is worth putting together with others, where that is asked for
TINY = (
    32 << 20
)  # and below this by itself: a large sync's own files too, which costs it a quarter and makes every join twice as fast
GROUP = 160 << 20  # bytes of files that are read at once; in memory they are about twice that
MOST_SMALL = 8  # small files of a bucket that a sync leaves as they are
_ONE_CHUNK = 1 << 62


def compact(url: str, feature_sets: Sequence[str] | None = None) -> SyncResult:
    """What fsdb.columnar.compact does: `versions` are those that were written into new files."""
    with working(url) as work:
        chosen = (
            list_sets(work.control) if feature_sets is None else {n: get_set(work.control, n) for n in feature_sets}
        )
        done = []
        for name, registered in chosen.items():
            begun = time.perf_counter()
            with work.alone(name):
                copy = work.loaded(registered)
                if copy is None or copy.metadata.current_snapshot() is None:
                    continue
                written = compact_table(work, registered, copy, every=True)
                done.append(table.Change(copy).held(name, written, time.perf_counter() - begun))
        return SyncResult(tuple(done), tuple(work.notices))


def compact_if_needed(work: Work, registered: RegisteredSet, copy: IcebergTable) -> None:
    """After a sync: puts files together where a bucket has many small ones. Costs nothing to ask where the copy has few files."""
    snapshot = copy.metadata.current_snapshot()
    assert snapshot is not None
    assert snapshot.summary is not None
    if int(snapshot.summary["total-data-files"] or 0) > MOST_SMALL:
        compact_table(work, registered, copy, every=False)


def compact_table(work: Work, registered: RegisteredSet, copy: IcebergTable, *, every: bool) -> int:
    """Replaces groups of small files by one each, in one commit with the watermark as it is; returns how many versions were rewritten.

    every: all small files of a bucket; else only where there are many, and of these the ones of like size, so that a large
    file is not written again for each few small ones.
    """
    snapshot = copy.metadata.current_snapshot()
    mark = table.watermark(copy)
    assert snapshot is not None
    assert mark is not None
    with reading(registered.name, copy.metadata_location):
        groups = _groups(list(data_files(copy.io, snapshot)), every)
    if not groups:
        return 0
    change = table.Change(copy)
    old = [file for group in groups for file in group]
    with writing(registered.name):
        work.settle(change, registered)
        writer = FileWriter(copy.io, change.metadata, _ONE_CHUNK)
        try:
            for group in groups:
                for file in group:
                    for batch in batches(copy.io, file.file_path, writer.schema, registered.name):
                        writer.write(batch)
                writer.flush()
            new = writer.close()
        except BaseException:
            writer.abandon()
            raise
        work.leave([file.file_path for file in old], folder=False)
        work.commit(registered.name, change, writer, lambda: change.replace(old, new, mark))
    return sum(int(file.record_count) for file in old)


def _groups(files: list[DataFile], every: bool) -> list[list[DataFile]]:
    buckets: dict[tuple[int, str], list[DataFile]] = defaultdict(list)
    for file in files:
        if file.file_size_in_bytes < (SMALL if every else TINY):
            buckets[file.spec_id, repr(file.partition)].append(file)
    return [group for small in buckets.values() for group in _packed(small, every) if len(group) > 1]


def _packed(files: list[DataFile], every: bool) -> list[list[DataFile]]:
    """Small files of one bucket in groups that fit in memory, the smallest first."""
    if not every and len(files) <= MOST_SMALL:
        return []
    groups: list[list[DataFile]] = [[]]
    size = 0
    for file in sorted(files, key=lambda file: int(file.file_size_in_bytes)):
        if not every and groups[-1] and file.file_size_in_bytes > 2 * size:
            break
        if size + file.file_size_in_bytes > GROUP:
            groups.append([])
            size = 0
        groups[-1].append(file)
        size += int(file.file_size_in_bytes)
    return groups
