"""Which events each window holds: ranges of rows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from fsdb.runs.search import not_after

Numbers = NDArray[np.int64]
_LEAST = np.iinfo(np.int64).min


@dataclass(frozen=True)
class Spans:
    """Ranges of events for each request: [begins[w], ends) for each width w. Empty ones begin where they end."""

    begins: tuple[Numbers, ...]
    ends: Numbers

    def among(self, counted: NDArray[np.bool_]) -> "Spans":
        """The same windows over those events alone that are `counted`."""
        if counted.all():
            return self
        before = prefix(counted.astype(np.int64))
        return Spans(tuple(before[begin] for begin in self.begins), before[self.ends])


@dataclass(frozen=True)
class Events:
    """Events in the order of their keys' numbers, and of each key by (time, id). times: microseconds since 1970."""

    keys: Numbers
    times: Numbers

    def spans(self, keys: Numbers, moments: Numbers, widths: Sequence[int], offset: int = 0, step: int = 1) -> Spans:
        """The events of (t - offset - width, t - offset] for each request of a key at a moment t.

        keys: of the requests, in order; -1 has no event. moments, widths, offset: microseconds. step: the start of a window is rounded down to
        a multiple of it since 1970.
        """
        after = self._by_codes(keys) if self._codes is not None else self._by_ranges(keys)
        until = _less(moments, offset)
        ends = after(until)
        begins = []
        for width in widths:
            start = _less(until, width)
            begins.append(np.minimum(after(start - start % step if step > 1 else start), ends))
        return Spans(tuple(begins), ends)

    @cached_property
    def _codes(self) -> tuple[Numbers, int, int] | None:
        """Each event's key and time as one number, the least time, and how many numbers a key has; None where 64 bits are too few."""
        if not len(self.keys):
            return None
        least, most = int(self.times.min()), int(self.times.max())
        span = most - least + 2
        if least == _LEAST or (int(self.keys[-1]) + 2) * span > np.iinfo(np.int64).max:
            return None
        return self.keys * span + (self.times - least + 1), least, span

    def _by_codes(self, keys: Numbers) -> Callable[[Numbers], Numbers]:
        """For each key the row after its last event whose time is not after a bound: one search in all events."""
        assert self._codes is not None
        codes, least, span = self._codes
        # Keys beyond those of all events have none: they are searched for as the next one.
        base = np.minimum(keys, self.keys[-1] + 1) * span

        def after(bounds: Numbers) -> Numbers:
            wanted = base + (np.clip(bounds, least - 1, least + span - 2) - least + 1)
            found: Numbers = np.searchsorted(codes, wanted, side="right").astype(np.int64, copy=False)
            return found

        return after

    def _by_ranges(self, keys: Numbers) -> Callable[[Numbers], Numbers]:
        """The same, by a search in each key's events."""
        first = np.searchsorted(self.keys, keys)
        last = np.searchsorted(self.keys, keys, side="right")
        there = np.flatnonzero(last > first)

        def after(bounds: Numbers) -> Numbers:
            found = first.copy()
            found[there] = not_after(self.times, first[there], last[there], bounds[there])
            return found

        return after


def prefix(values: Numbers) -> Numbers:
    """Sums of the first 0, 1, 2, … values, modulo 2^64: differences of two are right as long as they fit in 64 bits themselves."""
    sums = np.zeros(len(values) + 1, np.int64)
    np.cumsum(values, out=sums[1:])
    return sums


def _less(moments: Numbers, amount: int) -> Numbers:
    """moments - amount, where the least number stands for all that lies below."""
    return np.where(moments < _LEAST + amount, _LEAST, moments - np.int64(amount))
