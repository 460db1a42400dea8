"""Binary searches in many ranges at once."""

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int64]
_SHORT = 64  # rows of a range


def not_after(times: Numbers, begins: Numbers, ends: Numbers, moments: Numbers) -> Numbers:
    """For each range of `times` the row after the last one whose time is not after the range's moment; its begin where there is none.

    Ranges are in order and none is empty. Nothing is added to a time, so times may be any numbers.
    """
    lengths = ends - begins
    long = lengths > _SHORT
    if not long.any() or long.all():
        return _searched(times, begins, ends, moments)
    found = begins.copy()
    for some in (np.flatnonzero(long), np.flatnonzero(~long)):  # each as many steps as its longest needs
        found[some] = _searched(times, begins[some], ends[some], moments[some])
    return found


def _searched(times: Numbers, begins: Numbers, ends: Numbers, moments: Numbers) -> Numbers:
    found = begins.copy()
    longest = int((ends - begins).max()) if len(begins) else 0
    step = 1 << (longest.bit_length() - 1) if longest else 0
    while step:
        tried = found + step
        good = times[np.minimum(tried, ends) - 1] <= moments
        good &= tried <= ends
        found[good] = tried[good]
        step >>= 1
    return found


def ranges(begins: Numbers, ends: Numbers) -> tuple[Numbers, Numbers]:
    """The numbers of all ranges one after the other, and of each from which range it is."""
    lengths = ends - begins
    of = np.repeat(np.arange(len(begins)), lengths)
    shift = begins - (np.cumsum(lengths) - lengths)
    return np.arange(len(of)) + shift[of], of
