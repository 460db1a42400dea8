"""Removing files that no copy refers to any more, once nobody can be reading them."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pyarrow.fs as pafs
from pyiceberg.table import Table as IcebergTable

from fsdb.catalog.feature_sets import list_sets
from fsdb.columnar import table
from fsdb.columnar.iceberg import data_files, file_system, reading
from fsdb.columnar.places import is_within
from fsdb.columnar.work import COPIES, Work, working
from fsdb.errors import FsdbError
from fsdb.sql import query


def expire(url: str, older_than: timedelta) -> int:
    """What fsdb.columnar.expire does."""
    with working(url) as work:
        work.forget_dropped()
        kept, removed, locations = set(), 0, set()
        for name, registered in list_sets(work.control).items():
            with work.alone(name):
                copy = work.loaded(registered)
                if copy is None:
                    continue
                locations.add(copy.location())
                with cleaning(copy.location()):
                    if not work.owns(copy.location()):
                        continue  # another database's folder, which this one was restored or cloned from
                _forget_snapshots(copy, older_than)
                needed = set(_needed(copy, name))
                kept |= needed
                # Asked for while nobody else works on this copy: what was replaced a moment ago is among them.
                ripe = {location: long_enough for location, _, long_enough in _leftovers(work, older_than)}
                with cleaning(copy.location()):
                    removed += _clean(copy.location(), needed, ripe, older_than)
        left = _leftovers(work, older_than)
        for location, folder, long_enough in left:
            if folder and long_enough and location not in locations:
                with cleaning(location):
                    removed += removed_folder(location) if work.owns(location) else 0
        done = [location for location, _, long_enough in left if long_enough and location not in kept | locations]
        work.control.execute(query(COPIES, "forget_leftovers"), {"locations": done})
        return removed


def _leftovers(work: Work, age: timedelta) -> list[tuple[str, bool, bool]]:
    """Files and folders that nothing refers to any more: where, whether a folder, and whether for that long."""
    return list(work.control.execute(query(COPIES, "leftovers"), {"age": age}).fetchall())


def _forget_snapshots(copy: IcebergTable, older_than: timedelta) -> None:
    """Takes old snapshots out of the metadata, so that what they alone refer to may go."""
    limit = (time.time() - older_than.total_seconds()) * 1000
    current = copy.metadata.current_snapshot_id
    old = [s.snapshot_id for s in copy.metadata.snapshots if s.snapshot_id != current and s.timestamp_ms <= limit]
    if old:
        change = table.Change(copy)
        change.forget(old)
        change.commit()


def _needed(copy: IcebergTable, feature_set: str) -> Iterator[str]:
    """Every file that the copy's metadata of now refers to."""
    yield copy.metadata_location
    with reading(feature_set, copy.metadata_location):
        for snapshot in copy.metadata.snapshots:
            yield snapshot.manifest_list
            yield from (manifest.manifest_path for manifest in snapshot.manifests(copy.io))
            yield from (file.file_path for file in data_files(copy.io, snapshot))


@contextmanager
def cleaning(location: str) -> Iterator[None]:
    """Says a folder that cannot be cleaned up in the project's words."""
    try:
        yield
    except OSError as error:
        raise FsdbError(
            f"Files that no copy refers to could not be removed from {location}: {error}. No copy has changed; run fsdb sync --expire again when the folder can be reached and written."
        ) from error


def _clean(location: str, needed: set[str], ripe: dict[str, bool], older_than: timedelta) -> int:
    """Removes what is not needed from a table's folder: replaced files some time after that, others some time after they were written."""
    system, folder = file_system(location)
    prefix = location.removesuffix(folder)
    limit = datetime.now(UTC) - older_than
    removed = 0
    for info in system.get_file_info(pafs.FileSelector(folder, allow_not_found=True, recursive=True)):
        path = prefix + info.path
        if info.type != pafs.FileType.File or path in needed or not is_within(path, location):
            continue
        if ripe.get(path, info.mtime is not None and info.mtime <= limit):
            system.delete_file(info.path)
            removed += 1
    return removed


def removed_folder(location: str) -> int:
    """Removes a folder with all that is in it, and returns how many files that were."""
    system, folder = file_system(location)
    found = system.get_file_info(pafs.FileSelector(folder, allow_not_found=True, recursive=True))
    if system.get_file_info(folder).type != pafs.FileType.NotFound:
        system.delete_dir(folder)
    return sum(info.type == pafs.FileType.File for info in found)
