"""Sums and spreads of doubles over windows: exact, with NaN, infinities and sizes beyond the usual counted apart."""

import math
from collections.abc import Callable
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from fsdb.windows.kernel.digits import GREATEST, LEAST, Doubles, Exact, Terms, squares_of, terms_of
from fsdb.windows.kernel.spans import Numbers, prefix


class Sums:
    """What windows over these doubles add up to. ends: of the windows of one width as of every other."""

    def __init__(self, values: Doubles, ends: Numbers) -> None:
        self._values = values
        self._ends = ends
        sizes = np.abs(values)
        self._finite = np.isfinite(values)
        far = self._finite & ((sizes >= GREATEST) | ((sizes < LEAST) & (sizes > 0)))
        self._usual = np.where(self._finite & ~far, values, 0.0)
        self._terms = Prefixes(terms_of(self._usual), ends)
        self._squares: Prefixes | None = None
        self._nan, self._above, self._below, self._far = (
            prefix(one.astype(np.int64)) if one.any() else None
            for one in (np.isnan(values), np.isposinf(values), np.isneginf(values), far)
        )

    def sums(self, begins: Numbers) -> Doubles:
        """The exact sums, correctly rounded; 0 of no values."""
        found = Exact.carried(self._terms.within(begins)).rounded()
        self._each_far(begins, found, lambda some: nearest(sum(some, Fraction())))
        above, below = self._some(self._above, begins), self._some(self._below, begins)
        found[above] = math.inf
        found[below] = -math.inf
        found[self._some(self._nan, begins) | (above & below)] = math.nan
        return found

    def spreads(self, begins: Numbers) -> Doubles:
        """The sample standard deviations: sqrt((n·Σx² - (Σx)²) / (n·(n - 1))), where the difference is exact and rounded once; anything for n < 2."""
        if self._squares is None:
            self._squares = Prefixes(squares_of(self._usual), self._ends)
        counts = self._ends - begins
        difference = differences(counts, self._terms.within(begins), self._squares.within(begins))
        self._each_far(begins, difference, _difference)
        found = roots(difference, counts)
        for special in (self._nan, self._above, self._below):
            found[self._some(special, begins)] = math.nan
        return found

    def _each_far(self, begins: Numbers, found: Doubles, computed: Callable[[list[Fraction]], float]) -> None:
        """Computes those windows anew that hold a number too large or too small for digits, one by one."""
        for row in np.flatnonzero(self._some(self._far, begins)):
            held = slice(begins[row], self._ends[row])
            found[row] = computed([Fraction(value) for value in self._values[held][self._finite[held]].tolist()])

    def _some(self, counts: Numbers | None, begins: Numbers) -> NDArray[np.bool_]:
        return np.zeros(len(begins), bool) if counts is None else counts[self._ends] > counts[begins]


class Prefixes:
    """Sums of the first 0, 1, 2, … digits of each power."""

    def __init__(self, terms: Terms, ends: Numbers) -> None:
        self._sums = [(power, prefix(digit)) for power, digit in terms]
        self._until = [sums[ends] for _, sums in self._sums]

    def within(self, begins: Numbers) -> list[tuple[int, Numbers]]:
        """The digits of each window's sum."""
        return [(power, until - sums[begins]) for (power, sums), until in zip(self._sums, self._until, strict=True)]


def differences(counts: Numbers, sums: Terms, squares: Terms) -> Doubles:
    """n·Σx² - (Σx)², exact and rounded once."""
    subtracted = [(power, -digit) for power, digit in Exact.carried(sums).squared()]
    return Exact.carried([*Exact.carried(squares).times(counts), *subtracted]).rounded()


def roots(difference: Doubles, counts: Numbers) -> Doubles:
    """Sample standard deviations of differences; anything for fewer than two values."""
    with np.errstate(all="ignore"):
        found: Doubles = np.sqrt(difference / (counts.astype(np.float64) * (counts - 1).astype(np.float64)))
    return found


def nearest(number: Fraction) -> float:
    """The double nearest to a number, an infinity beyond the greatest; 0 without a sign."""
    try:
        return number.numerator / number.denominator + 0.0
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def _difference(values: list[Fraction]) -> float:
    return nearest(len(values) * sum((v * v for v in values), Fraction()) - sum(values, Fraction()) ** 2)
