"""Sums and spreads of integers over windows, exact: in digits to the base 2^32."""

from fsdb.windows.kernel.digits import BASE_BITS, Doubles, Exact
from fsdb.windows.kernel.doubles import Prefixes, differences, roots
from fsdb.windows.kernel.spans import Numbers, prefix

_MASK = (1 << BASE_BITS) - 1
_HALF = 1 << (BASE_BITS - 1)


class Totals:
    """What windows over these integers of 64 bits add up to. ends: of the windows of one width as of every other."""

    def __init__(self, values: Numbers, ends: Numbers) -> None:
        terms = [(BASE_BITS, values >> BASE_BITS), (0, values & _MASK)]
        self._whole = prefix(values)
        self._terms = Prefixes(terms, ends)
        self._ends = ends
        self._digits = terms
        self._squares: Prefixes | None = None

    def sums(self, begins: Numbers) -> Numbers:
        """The sums. Raises OverflowError where one is no integer of 64 bits."""
        high, low = (sums for _, sums in self._terms.within(begins))
        top = high + (low >> BASE_BITS)
        if ((top < -_HALF) | (top >= _HALF)).any():
            raise OverflowError("the sum of integers in a window is beyond 64 bits")
        return self._whole[self._ends] - self._whole[begins]

    def doubles(self, begins: Numbers) -> Doubles:
        """The sums as the nearest doubles, however large."""
        return Exact.carried(self._terms.within(begins)).rounded()

    def spreads(self, begins: Numbers) -> Doubles:
        """The sample standard deviations, as of doubles."""
        if self._squares is None:
            self._squares = Prefixes(Exact.carried(self._digits).squared(), self._ends)
        counts = self._ends - begins
        difference = differences(counts, self._terms.within(begins), self._squares.within(begins))
        return roots(difference, counts)
