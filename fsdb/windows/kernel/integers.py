"""Sums and spreads of integers over windows, exact: in digits to the base 2^32."""

from fsdb.windows.kernel.digits import BASE_BITS, Doubles, Exact
from fsdb.windows.kernel.doubles import differences, prefixes, roots, within
from fsdb.windows.kernel.spans import Numbers, prefix

_MASK = (1 << BASE_BITS) - 1
_HALF = 1 << (BASE_BITS - 1)


class Totals:
    """What windows over these integers of 64 bits add up to."""

    def __init__(self, values: Numbers) -> None:
        terms = [(BASE_BITS, values >> BASE_BITS), (0, values & _MASK)]
        self._whole = prefix(values)
        self._terms = prefixes(terms)
        self._digits = terms
        self._squares: list[tuple[int, Numbers]] | None = None

    def sums(self, begins: Numbers, ends: Numbers) -> Numbers:
        """The sums. Raises OverflowError where one is no integer of 64 bits."""
        high, low = (sums for _, sums in within(self._terms, begins, ends))
        top = high + (low >> BASE_BITS)
        if ((top < -_HALF) | (top >= _HALF)).any():
            raise OverflowError("the sum of integers in a window is beyond 64 bits")
        return self._whole[ends] - self._whole[begins]

    def doubles(self, begins: Numbers, ends: Numbers) -> Doubles:
        """The sums as the nearest doubles, however large."""
        return Exact.carried(within(self._terms, begins, ends)).rounded()

    def spreads(self, begins: Numbers, ends: Numbers) -> Doubles:
        """The sample standard deviations, as of doubles."""
        if self._squares is None:
            self._squares = prefixes(Exact.carried(self._digits).squared())
        counts = ends - begins
        difference = differences(counts, within(self._terms, begins, ends), within(self._squares, begins, ends))
        return roots(difference, counts)
