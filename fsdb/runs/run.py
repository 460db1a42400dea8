"""A run: versions that lie by key, and of each key by (event_time, version_id)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from fsdb.runs.codes import is_text, numbers

Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class Run:
    """Versions in any order: one that is not sorted costs a sort.

    keys: columns without NULLs, in the order of the spine's. event_time: microseconds, any. version_id: of each version, or what reads them: they
    count only among versions of one key and one event_time, and most runs have none such. places: a number of each version by
    which who reads the winners finds it, not below 0 where `NOTHING` is to be told from it. since: from when on each version counts, where
    that is not its event_time: when it was recorded as well.
    """

    keys: Sequence[pa.Array]
    event_time: Numbers
    version_id: Numbers | Callable[[], Numbers]
    places: Numbers
    since: Numbers | None = None

    def __len__(self) -> int:
        """How many versions it has."""
        return len(self.event_time)

    def ids(self) -> Numbers:
        """The version_id of each version, read now where it was not before."""
        if callable(self.version_id):
            object.__setattr__(self, "version_id", self.version_id())
        assert not callable(self.version_id)
        return self.version_id

    @property
    def knows_ids(self) -> bool:
        """Whether the version ids are there without being read."""
        return not callable(self.version_id)

    def only(self, rows: Numbers | NDArray[np.bool_]) -> "Run":
        """The run of some of the versions: their numbers, or whether each is one of them."""
        numbers_of = np.flatnonzero(rows) if rows.dtype == bool else rows
        if len(numbers_of) == len(self) and rows.dtype == bool:
            return self
        return Run(
            [key.take(pa.array(numbers_of)) for key in self.keys],
            self.event_time[numbers_of],
            self.ids()[numbers_of] if self.knows_ids else lambda: self.ids()[numbers_of],
            self.places[numbers_of],
            None if self.since is None else self.since[numbers_of],
        )

    def begins(self) -> Numbers:
        """The rows that do not have the key of the row before."""
        new = np.zeros(len(self), bool)
        new[:1] = True
        for key in self.keys:
            if is_text(key.type):
                new[1:] |= pc.not_equal(key.slice(1), key.slice(0, max(len(self) - 1, 0))).to_numpy(
                    zero_copy_only=False
                )
            else:
                plain = numbers(key)
                new[1:] |= plain[1:] != plain[:-1]
        return np.flatnonzero(new)

    def in_order(self, begins: Numbers) -> bool:
        """Whether of each range from one of these rows to the next the versions are by (event_time, version_id)."""
        return falls(self.event_time, begins, self.ids) is None


def falls(values: Numbers, begins: Numbers, ties: Callable[[], Numbers] | None = None) -> Numbers | None:
    """Rows that are less than the one before in the same range, equal ones by what `ties` gives; None where there is none."""
    less = values[1:] < values[:-1]
    less[begins[1:] - 1] = False
    if ties is not None:
        equal = values[1:] == values[:-1]
        equal[begins[1:] - 1] = False
        if equal.any():
            rows = np.flatnonzero(equal)
            by = ties()
            less[rows[by[rows + 1] < by[rows]]] = True
    return np.flatnonzero(less) + 1 if less.any() else None
