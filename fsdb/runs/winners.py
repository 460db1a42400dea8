"""Which version of a run holds for each row of a spine, and of several runs which of their winners."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fsdb.runs.asked import Asked
from fsdb.runs.run import Run, falls
from fsdb.runs.search import not_after, ranges

Numbers = NDArray[np.int64]
NOTHING = np.iinfo(np.int64).min  # the place of no version
_UNREAD = NOTHING  # a version_id that was not read


@dataclass(frozen=True)
class Holding:
    """Rows of what is asked, each once, and the version of one run that holds for each: `won` of the run's."""

    rows: Numbers
    run: Run
    won: Numbers
    event_time: Numbers
    places: Numbers

    def ids(self, some: Numbers) -> Numbers:
        """The version ids of some of the rows."""
        return self.run.ids()[self.won[some]]


class Winners:
    """The best of what several runs hold, for each row of the spine."""

    def __init__(self, asked: Asked, ids_of: Callable[[Numbers], Numbers] | None = None) -> None:
        """ids_of: reads the version ids of places, where runs do not have them at hand."""
        self._asked = asked
        self._ids_of = ids_of
        least = np.iinfo(np.int64).min
        self._event_time = np.full(len(asked), least)
        self._version_id = np.full(len(asked), _UNREAD)
        self._places = np.full(len(asked), NOTHING)

    def holding(self, run: Run) -> Holding | None:
        """The versions of a run that hold for rows of the spine, as far as they may be the best; None where there is none.

        Runs may be looked at by several threads while others are taken: what is not seen of these yet only spares less work.
        """
        asked = self._asked
        if not len(run) or not len(asked):
            return None
        begins = run.begins()
        ids = asked.find([key.take(pa.array(begins)) for key in run.keys])
        hit = ids >= 0
        if not hit.any():
            return None
        ends = np.append(begins[1:], len(run))
        # A range for each key of the spine, in order.
        if np.bincount(ids[hit]).max() > 1 or not run.in_order(begins):
            run, begins, ends, ids = _sorted(run, begins[hit], ends[hit], ids[hit])
        elif not hit.all():
            begins, ends, ids = begins[hit], ends[hit], ids[hit]
        times, winner = _steps(run, begins, ends)
        rows, of = ranges(asked.starts[ids], asked.starts[ids + 1])
        moments = asked.moments[rows]
        # Rows of before the run, and those that have a version of after it.
        may = moments >= run.event_time.min()
        may &= self._event_time[rows] <= run.event_time.max()
        if not may.all():
            rows, of, moments = rows[may], of[may], moments[may]
        first = begins[of]
        after = not_after(times, first, ends[of], moments)
        found = np.flatnonzero(after > first)
        if not len(found):
            return None
        won = after[found] - 1
        if winner is not None:
            won = winner[won]
        return Holding(rows[found], run, won, run.event_time[won], run.places[won])

    def take(self, held: Holding | None) -> None:
        """Lets the winners of a run compete by (event_time, version_id)."""
        if held is None:
            return
        time, now = held.event_time, self._event_time[held.rows]
        alone = self._places[held.rows] == NOTHING
        better = (time > now) | alone
        ties = np.flatnonzero((time == now) & ~alone)
        if len(ties):
            better[ties] = held.ids(ties) > self._ids(held.rows[ties])
        rows = held.rows[better]
        self._version_id[rows] = held.ids(np.flatnonzero(better)) if held.run.knows_ids else _UNREAD
        self._places[rows] = held.places[better]
        self._event_time[rows] = time[better]

    def _ids(self, rows: Numbers) -> Numbers:
        """The version ids of the best of these rows so far."""
        ids = self._version_id[rows]
        unread = np.flatnonzero(ids == _UNREAD)
        if len(unread):
            assert self._ids_of is not None
            ids[unread] = self._ids_of(self._places[rows[unread]])
            self._version_id[rows] = ids
        return ids

    def found(self) -> tuple[Numbers, Numbers]:
        """The positions in the spine for whose rows a version holds, and the place of each one's, in the order of the places."""
        rows = np.flatnonzero(self._places != NOTHING)
        rows = rows[np.argsort(self._places[rows], kind="stable")]
        return self._asked.positions[rows], self._places[rows]


def match(asked: Asked, runs: Iterable[Run]) -> tuple[Numbers, Numbers]:
    """What `Winners.found` gives for these runs."""
    winners = Winners(asked)
    for run in runs:
        winners.take(winners.holding(run))
    return winners.found()


def _sorted(run: Run, begins: Numbers, ends: Numbers, ids: Numbers) -> tuple[Run, Numbers, Numbers, Numbers]:
    """The rows of these ranges, which have keys of these numbers, by key, event_time and version_id; and the ranges of their keys."""
    rows, of = ranges(begins, ends)
    keys = ids[of]
    order = np.lexsort((run.ids()[rows], run.event_time[rows], keys))
    keys = keys[order]
    first = np.flatnonzero(np.append(True, keys[1:] != keys[:-1]))
    return run.only(rows[order]), first, np.append(first[1:], len(keys)), keys[first]


def _steps(run: Run, begins: Numbers, ends: Numbers) -> tuple[Numbers, Numbers | None]:
    """Times that rise in each range, and which version holds from each on: None where that is the one at it.

    Where versions count only from some time after their event_time on, they are put in the order of that, and each step's winner is the last, by
    event_time, of those that count by then. Their rows are in the order of (key, event_time, version_id), so that is the
    greatest row.
    """
    if run.since is None:
        return run.event_time, None
    down = falls(run.since, begins)
    if down is None:
        return run.since, None
    fallen = np.searchsorted(begins, down, "right") - 1
    fallen = np.unique(fallen[(fallen >= 0) & (down < ends[fallen])])  # others have no key of the spine
    rows, of = ranges(begins[fallen], ends[fallen])
    order = rows[np.lexsort((run.since[rows], of))]
    times, winner = run.since.copy(), np.arange(len(run))
    times[rows] = run.since[order]
    winner[rows] = np.maximum.accumulate(order)
    return times, winner
