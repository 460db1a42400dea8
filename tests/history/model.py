"""What history must hold after any changes of live rows: invariants 1, 3 and 4 in plain Python, told of each change."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

import psycopg

from tests import oracle
from tests.oracle import Version

Key = tuple[int, str]
Values = Mapping[str, Any]
# What an UPDATE says of event_time: nothing, event_time = event_time, event_time = NULL, or a time.
Said = Literal["unnamed", "same", "null"] | datetime

UNIQUE: type[psycopg.Error] = psycopg.errors.UniqueViolation
CHECK: type[psycopg.Error] = psycopg.errors.CheckViolation


@dataclass(frozen=True)
class Row:
    """A row that a statement brings; `time` None leaves event_time unset."""

    key: Key
    values: Values
    time: datetime | None


@dataclass(frozen=True)
class Expected:
    """A version that a statement must write: of a tombstone `values` is None, of the clock `time`.

    The clock is forced past the newest version that the key has by then, and past `past`. written: what a tracked table's own
    column says of the row; it is the version's time where it is later than the key's newest version, else the clock counts.
    """

    key: Key
    values: Values | None
    time: datetime | None
    past: datetime | None = None
    written: datetime | None = None


@dataclass(frozen=True)
class Outcome:
    """What a statement writes, or which errors it may end in; `certain` where one of these must come."""

    written: Sequence[Expected] = ()
    errors: tuple[type[psycopg.Error], ...] = ()
    certain: bool = False


def image(values: Values | None) -> str:
    """Values as they are byte for byte: NaN is NaN, and 0.0 is not -0.0."""
    return "deleted" if values is None else repr(sorted(values.items()))


@dataclass
class Model:
    """The versions of each key, in order of version_id. `timed`: whether the live table has an event_time.

    `tracked`: the table is an application's, which holds what was written last; `written`: the time in the row of each version.
    `by_clock`: a time that a statement names is ignored.
    """

    timed: bool
    tracked: bool = False
    by_clock: bool = False
    versions: dict[Key, tuple[Version, ...]] = field(default_factory=dict)
    written: dict[int, datetime | None] = field(default_factory=dict)

    def newest(self, key: Key) -> Version | None:
        """The key's newest version, which may be a tombstone."""
        return max(self.versions.get(key, ()), key=lambda v: (v.event_time, v.version_id), default=None)

    def every(self) -> list[Version]:
        """All versions in order of version_id."""
        return sorted((v for kept in self.versions.values() for v in kept), key=lambda v: v.version_id)

    def live(self) -> dict[Key, Version]:
        """What the live table must hold (invariant 4)."""
        return oracle.live(self.every())

    def add(self, expected: Expected, version: Version, before: datetime, after: datetime) -> None:
        """Takes a version that was found in history, once it is the expected one. The statement ran from `before` to `after`."""
        assert version.key == expected.key
        assert version.deleted == (expected.values is None)
        assert image(None if version.deleted else version.values) == image(expected.values)
        assert before <= version.recorded_at <= after
        newest = self.newest(version.key)
        time = expected.time
        if expected.written is not None and (newest is None or expected.written > newest.event_time):
            time = expected.written
        if time is not None:
            assert version.event_time == time
        else:
            floors = [newest.event_time + timedelta(microseconds=1)] if newest is not None else []
            floors += [expected.past + timedelta(microseconds=1)] if expected.past is not None else []
            assert max([before, *floors]) <= version.event_time <= max([after, *floors])
        self.versions[version.key] = (*self.versions.get(version.key, ()), version)
        self.written[version.version_id] = expected.written

    def time_of(self, version: Version) -> datetime | None:
        """What a live row's column of event_time holds."""
        return self.written[version.version_id] if self.tracked else version.event_time

    def insert(self, rows: Iterable[Row]) -> Outcome:
        """INSERT or COPY."""
        rows = list(rows)
        if any(row.key in self.live() for row in rows):
            return Outcome(errors=(UNIQUE,), certain=True)
        return Outcome([self._brought(row.key, row.values, row.time) for row in rows])

    def upsert(self, rows: Iterable[Row], *, named: bool) -> Outcome:
        """INSERT … ON CONFLICT DO UPDATE of every feature; `named`: of event_time too."""
        live, written = self.live(), list[Expected]()
        for row in rows:
            if row.key not in live:
                written += self.insert([row]).written
            elif named and row.time is None:  # excluded.event_time is then the clock
                written += self._updated(live[row.key], row.values, "null")
            else:
                written += self._updated(live[row.key], row.values, row.time if named and row.time else "unnamed")
        return Outcome(written)

    def update(self, keys: Iterable[Key], changes: Values, said: Said) -> Outcome:
        """UPDATE of the rows with the given keys."""
        live = self.live()
        rows = [live[key] for key in keys if key in live]
        return Outcome([e for row in rows for e in self._updated(row, {**row.values, **changes}, said)])

    def move(self, targets: Mapping[Key, Key], changes: Values, said: Said) -> Outcome:
        """UPDATE of keys, from each to its target. Rows meet in any order, so a taken key may or may not have been left."""
        live = self.live()
        said = "unnamed" if self.by_clock else said
        targets = {key: target for key, target in targets.items() if key in live}
        moving = {key: target for key, target in targets.items() if key != target}
        errors: tuple[type[psycopg.Error], ...] = ()
        late = (
            self._taken_at_its_word
            and isinstance(said, datetime)
            and any(said < live[key].event_time for key in moving)
        )
        if late:
            errors += (CHECK,)
        if set(moving.values()) & set(live):
            errors += (UNIQUE,)
        leaving: list[Expected] = []
        coming: list[Expected] = []
        for key, target in targets.items():
            old = live[key]
            values = {**old.values, **changes}
            if key == target:
                leaving += self._updated(old, values, said)
                continue
            if self.tracked:
                leaving.append(Expected(key, None, None))
                coming.append(self._brought(target, values, self._said(old, said)))
                continue
            time = said if isinstance(said, datetime) else old.event_time if said == "same" else None
            at = time if time is not None and time > old.event_time else None
            leaving.append(Expected(key, None, self._given(at)))
            coming.append(Expected(target, values, self._given(time), past=old.event_time if self.timed else None))
        taken_for_good = (set(moving.values()) & set(live)) - set(moving)
        return Outcome([*leaving, *coming], errors, certain=late or bool(taken_for_good))

    def delete(self, keys: Iterable[Key]) -> Outcome:
        """DELETE, or TRUNCATE of all keys."""
        live = self.live()
        return Outcome([Expected(key, None, None) for key in keys if key in live])

    def merge(self, rows: Iterable[Row], gone: Iterable[Key], *, named: bool) -> Outcome:
        """MERGE that deletes the keys in `gone`, updates other rows that are there, and inserts those that are not."""
        live, gone, written = self.live(), set(gone), list[Expected]()
        for row in rows:
            if row.key not in live:
                written += self.insert([row]).written
            elif row.key in gone:
                written += self.delete([row.key]).written
            else:
                said: Said = "unnamed" if not named else "null" if row.time is None else row.time
                written += self._updated(live[row.key], row.values, said)
        return Outcome(written)

    def delete_as_of(self, keys: Iterable[Key], moment: datetime) -> Outcome:
        """A delete as of a moment: of what was there then."""
        there = [key for key in keys if oracle.as_of(self.versions.get(key, ()), key, moment) is not None]
        return Outcome([Expected(key, None, moment) for key in there])

    @property
    def _taken_at_its_word(self) -> bool:
        """Whether an older event_time makes a change late."""
        return self.timed and not self.tracked

    def _brought(self, key: Key, values: Values, time: datetime | None) -> Expected:
        """The version of a row that comes to its key."""
        if self.tracked:
            return Expected(key, values, None, written=self._given(time))
        return Expected(key, values, self._given(time))

    def _said(self, old: Version, said: Said) -> datetime | None:
        """What a tracked table's own column holds after an UPDATE."""
        return said if isinstance(said, datetime) else None if said == "null" else self.written[old.version_id]

    def _given(self, time: datetime | None) -> datetime | None:
        return time if self.timed and not self.by_clock else None

    def _updated(self, old: Version, values: Values, said: Said) -> list[Expected]:
        """An UPDATE of one row whose key stays."""
        same = image(values) == image(old.values)
        said = "unnamed" if self.by_clock else said
        if self.timed and self.tracked:
            time = self._said(old, said)
            return [] if same and time == self.written[old.version_id] else [self._brought(old.key, values, time)]
        if not self.timed or said == "unnamed":
            return [] if same else [Expected(old.key, values, None)]
        if said == "null":
            return [Expected(old.key, values, None)]
        time = old.event_time if said == "same" else said
        assert isinstance(time, datetime)
        return [] if same and time == old.event_time else [Expected(old.key, values, time)]
