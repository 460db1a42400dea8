"""A copy's files: which of them a join needs to read, and which of their versions its reader sees."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fsdb.asof import SetRead, Snapshot
from fsdb.columnar.copies import Copy, CopyFile
from fsdb.columnar.watermark import parsed

_MICROSECOND = timedelta(microseconds=1)
_LATEST = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Needed:
    """Of a copy the files that can hold what a join asks for."""

    copy: Copy
    files: tuple[CopyFile, ...]

    @property
    def pruned(self) -> int:
        """How many files need not be read."""
        return len(self.copy.files) - len(self.files)

    def unseen(self, read: SetRead, snapshot: Snapshot) -> frozenset[int]:
        """The numbers of the files that may hold versions which a snapshot did not see."""
        if self.copy.watermark.within(snapshot, read.versions_of):
            return frozenset()
        return frozenset(n for n, file in enumerate(self.files) if not _seen_whole(file, read.versions_of, snapshot))


def needed(
    copy: Copy, read: SetRead, snapshot: Snapshot, moments: tuple[int, int], keys: Mapping[str, tuple[Any, Any]]
) -> Needed:
    """The files that may hold a version for one of these moments and keys, the newest first. keys: least and greatest value of each."""
    oldest = None if read.max_age is None else moments[0] - micros_of(read.max_age)
    seen = max(snapshot.restored.get(read.versions_of, 0), snapshot.high.get(read.versions_of, 0))
    files = tuple(
        file
        for file in copy.files
        if file.rows
        and not _above(file.lower.get("event_time"), moments[1])
        and not _above(file.lower.get("version_id"), seen)
        and (oldest is None or not _below(file.upper.get("event_time"), oldest))
        and not any(
            _above(file.lower.get(column), greatest) or _below(file.upper.get(column), least)
            for column, (least, greatest) in keys.items()
        )
        and all(least is not None for least, _ in keys.values())
    )
    latest = {file.path: file.upper.get("event_time") or _LATEST for file in files}
    return Needed(copy, tuple(sorted(files, key=lambda file: latest[file.path], reverse=True)))


def of_events(copy: Copy, read: SetRead, snapshot: Snapshot) -> Needed:
    """The files that may hold a version of an event that a snapshot saw: whatever the moments asked for, it may supersede another one."""
    seen = max(snapshot.restored.get(read.versions_of, 0), snapshot.high.get(read.versions_of, 0))
    return Needed(copy, tuple(f for f in copy.files if f.rows and not _above(f.lower.get("version_id"), seen)))


def micros_of(length: timedelta) -> int:
    """Microseconds; of an age beyond all times as many as are enough."""
    return min(length // _MICROSECOND, 1 << 62)


def micros_since(moment: datetime) -> int:
    """Microseconds since 1970; moments without a zone are in UTC."""
    naive = moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo is not None else moment
    return (naive - datetime(1970, 1, 1)) // _MICROSECOND


def _counted(value: Any) -> Any:
    """A bound as the spine's bounds are given: times in microseconds, dates in days."""
    if isinstance(value, datetime):
        return micros_since(value)
    if isinstance(value, date):
        return (value - date(1970, 1, 1)).days
    return value


def _above(bound: Any, value: Any) -> bool:
    """Whether a lower bound is known and rules the value out."""
    return bound is not None and value is not None and bool(_counted(bound) > value)


def _below(bound: Any, value: Any) -> bool:
    """Whether an upper bound is known and rules the value out."""
    return bound is not None and value is not None and bool(_counted(bound) < value)


def _seen_whole(file: CopyFile, feature_set: str, snapshot: Snapshot) -> bool:
    """Whether a file's bounds alone tell that the snapshot saw each of its versions."""
    last, newest, oldest = file.upper.get("version_id"), file.upper.get("xid"), file.lower.get("xid")
    if last is None:
        return False
    if last <= snapshot.restored.get(feature_set, 0):
        return True
    if newest is None or oldest is None or last > snapshot.high.get(feature_set, 0):
        return False
    _, xmax, running = parsed(snapshot.text)
    return bool(newest < xmax) and not any(oldest <= xid <= newest for xid in running)


def seen(
    feature_set: str, snapshot: Snapshot, version_id: NDArray[np.int64], xid: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Whether a snapshot saw each version."""
    _, xmax, running = parsed(snapshot.text)
    visible = xid < xmax
    if running:
        visible &= ~np.isin(xid, np.array(sorted(running), np.int64))
    if snapshot.own is not None:
        visible |= xid == snapshot.own
    visible &= version_id <= snapshot.high.get(feature_set, 0)
    return visible | (version_id <= snapshot.restored.get(feature_set, 0))
