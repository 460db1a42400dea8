"""Exact sums of doubles as digits to the base 2^32, many at a time, and their one rounding.

A finite double is a sum of h·2^p with integers |h| < 2^32 and p falling by 32. Sums of the h of up to 2^31 doubles fit in 64 bits, so
prefix sums that wrap around give them exactly. `Digits` with any h become one number of digits in [0, 2^32) with a sign by carrying.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]
Numbers = NDArray[np.int64]
BASE_BITS = 32
_MASK = (1 << BASE_BITS) - 1
# Values whose square and whose sums stay far from the ends of the doubles' range: nothing below rounds or overflows.
GREATEST, LEAST = 2.0**200, 2.0**-200
_SPLITTER = 134217729.0  # 2^27 + 1
Terms = Sequence[tuple[int, Numbers]]  # powers of two, falling by 32, and the digits beside them


def terms_of(values: Doubles) -> list[tuple[int, Numbers]]:
    """Each value as digits. values: finite, zero or of a size between LEAST² and GREATEST²."""
    sizes = np.abs(values[values != 0])
    if not len(sizes):
        return [(0, np.zeros(len(values), np.int64))]
    highest = int(np.frexp(sizes.max())[1])
    lowest = int(np.frexp(sizes.min())[1]) - 53
    power = -(-highest // BASE_BITS) * BASE_BITS
    rest = values.astype(np.float64)
    terms = []
    while power > lowest:
        power -= BASE_BITS
        digit = np.trunc(np.ldexp(rest, -power))
        rest -= np.ldexp(digit, power)
        terms.append((power, digit.astype(np.int64)))
    return terms


def squares_of(values: Doubles) -> list[tuple[int, Numbers]]:
    """The exact square of each value as digits. values: as `terms_of` takes them, of a size between LEAST and GREATEST.

    Dekker's splitting (Numerische Mathematik 18, 1971): two halves of 26 bits, whose products are doubles.
    """
    scaled = values * _SPLITTER
    high = scaled - (scaled - values)
    low = values - high
    return _added([*terms_of(high * high), *terms_of(2 * high * low), *terms_of(low * low)])


@dataclass(frozen=True)
class Exact:
    """Numbers without rounding: each is ±Σ digit·2^power. digits: in [0, 2^32), the highest power first."""

    negative: NDArray[np.bool_]
    powers: tuple[int, ...]
    digits: tuple[Numbers, ...]

    @classmethod
    def carried(cls, terms: Terms) -> "Exact":
        """The numbers that terms of any sign amount to; each |digit| below 2^63."""
        merged = dict(_added(terms))
        highest, lowest = max(merged) + 2 * BASE_BITS, min(merged)
        powers = tuple(range(highest, lowest - 1, -BASE_BITS))
        none = np.zeros(len(next(iter(merged.values()))), np.int64)
        digits = [merged.get(power, none).copy() for power in powers]
        _carry(digits)
        negative = digits[0] < 0
        if negative.any():
            digits = [np.where(negative, -digit, digit) for digit in digits]
            _carry(digits)
        return cls(negative, powers, tuple(digits))

    def times(self, factors: Numbers) -> list[tuple[int, Numbers]]:
        """Terms of the numbers times non-negative integers below 2^31."""
        signed = np.where(self.negative, -factors, factors)
        return [(power, digit * signed) for power, digit in zip(self.powers, self.digits, strict=True)]

    def squared(self) -> list[tuple[int, Numbers]]:
        """Terms of the numbers' squares."""
        used = [(power, digit) for power, digit in zip(self.powers, self.digits, strict=True) if digit.any()]
        terms: list[tuple[int, Numbers]] = [(0, np.zeros(len(self.negative), np.int64))]
        for at, (power, digit) in enumerate(used):
            for other, beside in used[at:]:
                product = digit.astype(np.uint64) * beside.astype(np.uint64)
                double = 1 if power == other else 2
                terms.append((power + other, (product & np.uint64(_MASK)).astype(np.int64) * double))
                terms.append((power + other + BASE_BITS, (product >> np.uint64(BASE_BITS)).astype(np.int64) * double))
        return _added(terms)

    def rounded(self) -> Doubles:
        """The nearest doubles, of two equally near ones the even; 0 without a sign."""
        found = np.zeros(len(self.negative))
        done = np.zeros(len(self.negative), bool)
        none = np.zeros(len(self.negative), np.int64)
        padded = [*self.digits, none, none]
        for at, power in enumerate(self.powers):
            rows = np.flatnonzero(~done & (self.digits[at] != 0))
            if not len(rows):
                continue
            done[rows] = True
            first, second, third = (padded[at + n][rows].astype(np.uint64) for n in range(3))
            beyond = np.zeros(len(rows), bool)
            for digit in self.digits[at + 3 :]:
                beyond |= digit[rows] != 0
            found[rows] = _nearest(first, second, third, beyond, power)
        return np.where(self.negative, -found, found) + 0.0


def _nearest(
    first: NDArray[np.uint64],
    second: NDArray[np.uint64],
    third: NDArray[np.uint64],
    beyond: NDArray[np.bool_],
    power: int,
) -> Doubles:
    """Doubles nearest to first·2^power + second·2^(power-32) + …; first is not 0. beyond: whether anything follows the third digit."""
    bits = np.uint64(BASE_BITS)
    shift = (BASE_BITS - np.frexp(first.astype(np.float64))[1]).astype(np.uint64)
    top = (((first << bits) | second) << shift) | (third >> (bits - shift))
    beyond = beyond | (((third << shift) & np.uint64(_MASK)) != 0)
    # 62 bits of it, the last of which says whether anything was left out: the conversion then rounds as the whole number would.
    kept = (top >> np.uint64(2)) | (beyond | ((top & np.uint64(3)) != 0)).astype(np.uint64)
    nearest: Doubles = np.ldexp(
        kept.astype(np.int64).astype(np.float64), power - BASE_BITS + 2 - shift.astype(np.int64)
    )
    return nearest


def _carry(digits: list[Numbers]) -> None:
    """Leaves all digits but the first in [0, 2^32)."""
    for at in range(len(digits) - 1, 0, -1):
        over = digits[at] >> BASE_BITS
        digits[at] = digits[at] - (over << BASE_BITS)
        digits[at - 1] = digits[at - 1] + over


def _added(terms: Terms) -> list[tuple[int, Numbers]]:
    """Terms of the same power as one."""
    merged: dict[int, Numbers] = {}
    for power, digit in terms:
        merged[power] = merged[power] + digit if power in merged else digit
    return sorted(merged.items(), reverse=True)
