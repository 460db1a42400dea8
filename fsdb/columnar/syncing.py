"""Bringing copies up to date: what history has and a copy lacks goes into new files, made seen by one commit with its watermark.

A sync that dies leaves files that nothing refers to, and a copy as it was: the watermark is in the same commit as the
files, so what was written is written once, and what was not is still in the tail.
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import Connection, IsolationLevel
from pyiceberg.manifest import DataFile

from fsdb import db
from fsdb.access.rows import require_all
from fsdb.catalog.feature_sets import RegisteredSet, get_set, list_sets
from fsdb.columnar import moment, table
from fsdb.columnar.compaction import compact_if_needed
from fsdb.columnar.files import FileWriter
from fsdb.columnar.result import Progress, SetSync, SyncResult
from fsdb.columnar.versions import versions
from fsdb.columnar.watermark import Watermark
from fsdb.columnar.work import Work, working, writing
from fsdb.sql import query

logger = logging.getLogger(__name__)

FILE = "columnar/sync"
MOVED = 1000  # versions by which the floor must have moved to be worth a commit without files


def sync(
    url: str,
    feature_sets: Sequence[str] | None = None,
    *,
    warehouse: str | None = None,
    progress: Progress | None = None,
    first: Callable[[Work, list[str]], object] | None = None,
) -> SyncResult:
    """What fsdb.columnar.sync does. first: what is to be done with the copies of the sets before."""
    with working(url, warehouse) as work:
        chosen = (
            list_sets(work.control) if feature_sets is None else {n: get_set(work.control, n) for n in feature_sets}
        )
        work.forget_dropped()
        if first is not None:
            first(work, list(chosen))
        return SyncResult(tuple(sync_set(work, name, progress) for name in chosen), tuple(work.notices))


def sync_set(work: Work, name: str, progress: Progress | None) -> SetSync:
    """Syncs one set, alone with its copy."""
    begun = time.perf_counter()
    with work.alone(name):
        registered = list_sets(work.control, [name]).get(name)
        if registered is None:  # dropped while others were synced
            return SetSync(name, 0, 0, time.perf_counter() - begun)
        work.check_files(registered)
        copy = work.loaded(registered) or work.created(registered)
        change = table.Change(copy)
        before = table.watermark(copy)
        filled = fill(work, registered, change, before, progress)
        if filled.files or change.changed or before is None or filled.watermark.floor - before.floor >= MOVED:
            with writing(name):
                work.commit(name, change, filled.writer, lambda: change.append(filled.files, filled.watermark))
        if filled.files:
            compact_if_needed(work, registered, copy)
            change = table.Change(copy)
    done = change.held(name, filled.rows, time.perf_counter() - begun)
    logger.info(
        "Synced %s: %s versions written in %.3f s, %s in the copy.", name, done.versions, done.seconds, done.rows
    )
    return done


@dataclass(frozen=True)
class Filled:
    """Files that hold what a watermark says and the one before did not, not committed yet."""

    writer: FileWriter
    files: list[DataFile]
    rows: int
    watermark: Watermark


def fill(
    work: Work,
    registered: RegisteredSet,
    change: table.Change,
    before: Watermark | None,
    progress: Progress | None,
    more: Callable[[FileWriter, Connection[Any]], int] | None = None,
) -> Filled:
    """Writes the versions that are not within `before` into files. more: writes others into
    the same files, in the same transaction, and returns how many.

    What was written is removed again where this fails.
    """
    floor = moment.decided(work.control, registered)
    with db.connect(work.url, "fsdb sync") as reader, writing(registered.name):
        reader.isolation_level = IsolationLevel.REPEATABLE_READ
        reader.read_only = True
        reader.execute(query(FILE, "unhurried"))
        reader.execute(query(FILE, "hold", history=registered.history))
        require_all(reader, [registered.name], f"A columnar copy of {registered.name}")
        seen = moment.seen(reader, registered, before, floor)
        current = get_set(reader, registered.name)
        change.follow(current)
        work.settle(change, current)
        writer = FileWriter(change.io, change.metadata)
        try:
            about = seen.high - (seen.restored if before is None else before.floor)
            written = 0
            for batch in versions(reader, current, change.metadata.schema(), before):
                writer.write(batch)
                written += batch.num_rows
                if progress is not None:
                    progress(current.name, written, max(about, written))
            if more is not None:
                written += more(writer, reader)
            return Filled(writer, writer.close(), written, seen)
        except BaseException:
            writer.abandon()
            raise
