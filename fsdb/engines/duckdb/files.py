"""A copy's files: which of them a join needs to read, and how DuckDB reads these."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from fsdb.asof import At, Known, SetRead, Snapshot, Then
from fsdb.columnar.copies import Copy, CopyFile
from fsdb.columnar.watermark import parsed
from fsdb.engines.duckdb.session import FILE
from fsdb.engines.duckdb.values import duckdb_type, key_type, numbered
from fsdb.sql import joined, query

_NOBODY = -1  # an xid, and a file, that there is not
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True)
class Needed:
    """Of a copy the files that can hold what a join asks for."""

    copy: Copy
    files: tuple[CopyFile, ...]

    @property
    def pruned(self) -> int:
        """How many files need not be read."""
        return len(self.copy.files) - len(self.files)

    def versions(self, read: SetRead, known: Known, snapshot: Snapshot, moments: tuple[int, int]) -> Composed:
        """The query of the versions that count, as the text `copy_versions` says."""
        conditions = self._conditions(read.feature_set, known, snapshot, moments)
        return query(
            FILE,
            "copy_versions",
            keys=joined(numbered("key", len(read.keys))),
            since=query(FILE, "since_known" if isinstance(known, Then) else "since_event"),
            files=self._relation(read),
            conditions=joined(conditions, " AND ") if conditions else SQL("true"),
        )

    def _relation(self, read: SetRead) -> Composed:
        """The files with columns of our own names: keys, and what every copy has.

        These are in each file and are never renamed, so they are found by name, which is twice as fast as by field id.
        """
        of_copy = {column.name: column for column in self.copy.columns}
        columns = [
            query(
                FILE,
                "column",
                value=query(
                    FILE,
                    "cast",
                    value=Identifier(of_copy[key.column].name_in_files),
                    type=SQL(duckdb_type(key_type(key))),
                ),
                name=name,
            )
            for name, key in zip(numbered("key", len(read.keys)), read.keys, strict=True)
        ]
        paths = [Literal(local(file.path)) for file in self.files]
        return query(FILE, "files", paths=joined(paths), keys=joined(columns))

    def _conditions(
        self, feature_set: str, known: Known, snapshot: Snapshot, moments: tuple[int, int]
    ) -> list[Composable]:
        conditions: list[Composable] = []
        if any(_above(file.upper.get("event_time"), moments[1]) for file in self.files):
            conditions.append(query(FILE, "until", micros=Literal(moments[1])))
        if isinstance(known, At):
            micros = (known.moment.astimezone(UTC).replace(tzinfo=None) - datetime(1970, 1, 1)) // _MICROSECOND
            conditions.append(query(FILE, "recorded_by", micros=Literal(micros)))
        if not self.copy.watermark.within(snapshot, feature_set):
            whole = [n for n, file in enumerate(self.files) if _seen_whole(file, feature_set, snapshot)]
            if len(whole) < len(self.files):
                conditions.append(_seen(feature_set, snapshot, whole))
        return conditions


def needed(
    copy: Copy, read: SetRead, snapshot: Snapshot, moments: tuple[int, int], keys: Mapping[str, tuple[Any, Any]]
) -> Needed:
    """The files that may hold a version for one of these moments and keys. keys: least and greatest value of each."""
    oldest = None if read.max_age is None else moments[0] - micros_of(read.max_age)
    seen = max(snapshot.restored.get(read.feature_set, 0), snapshot.high.get(read.feature_set, 0))
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
    return Needed(copy, files)


def micros_of(length: timedelta) -> int:
    """Microseconds; of an age beyond all times as many as are enough."""
    return min(length // _MICROSECOND, 1 << 62)


def local(path: str) -> str:
    """A path as DuckDB takes it: files of this machine without a scheme."""
    return path.removeprefix("file://")


def _counted(value: Any) -> Any:
    """A bound as the spine's bounds are given: times in microseconds, dates in days."""
    if isinstance(value, datetime):
        naive = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo is not None else value
        return (naive - datetime(1970, 1, 1)) // _MICROSECOND
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


def _seen(feature_set: str, snapshot: Snapshot, whole: Sequence[int]) -> Composed:
    _, xmax, running = parsed(snapshot.text)
    return query(
        FILE,
        "seen",
        restored=Literal(snapshot.restored.get(feature_set, 0)),
        high=Literal(snapshot.high.get(feature_set, 0)),
        own=Literal(_NOBODY if snapshot.own is None else snapshot.own),
        xmax=Literal(xmax),
        open=joined([Literal(xid) for xid in (*sorted(running), _NOBODY)]),
        whole=joined([Literal(number) for number in (*whole, _NOBODY)]),
    )
