"""Numbers made of one number each: scaled, powered, rounded, cut."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scale:
    """(x - shift) / divisor in float64; missing stays missing."""

    columns: tuple[int, ...]
    shifts: tuple[float, ...]
    divisors: tuple[float, ...]

    @property
    def width(self) -> int:
        return len(self.columns)


@dataclass(frozen=True, slots=True)
class Multiply:
    """x * factor in float64; missing stays missing."""

    columns: tuple[int, ...]
    factors: tuple[float, ...]

    @property
    def width(self) -> int:
        return len(self.columns)


@dataclass(frozen=True, slots=True)
class WholePart:
    """x without its fraction, cut towards 0; with `float32` of x rounded to float32, and -1 where that is below 0."""

    columns: tuple[int, ...]
    float32: bool

    @property
    def width(self) -> int:
        return len(self.columns)


@dataclass(frozen=True, slots=True)
class Single:
    """x rounded to float32, beyond its range infinite; missing stays missing."""

    columns: tuple[int, ...]

    @property
    def width(self) -> int:
        return len(self.columns)


@dataclass(frozen=True, slots=True)
class Clip:
    """x held between a low and a high; missing stays missing."""

    columns: tuple[int, ...]
    lows: tuple[float, ...]
    highs: tuple[float, ...]

    @property
    def width(self) -> int:
        return len(self.columns)


@dataclass(frozen=True, slots=True)
class Above:
    """1 where x is greater than the threshold of its column, otherwise (also where it is missing) 0."""

    columns: tuple[int, ...]
    thresholds: tuple[float, ...]

    @property
    def width(self) -> int:
        return len(self.columns)


@dataclass(frozen=True, slots=True)
class Bins:
    """How many of the edges, which are sorted, are at most x."""

    column: int
    edges: tuple[float, ...]

    @property
    def width(self) -> int:
        return 1


@dataclass(frozen=True, slots=True)
class Piecewise:
    """A function that is linear between knots, which are sorted and distinct; missing stays missing.

    `at[i]` at knot i; `starts[i] + slopes[i] * (x - knots[i])` between it and the next (so one fewer of these); `below`
    before the first knot and `above` after the last.
    """

    column: int
    knots: tuple[float, ...]
    at: tuple[float, ...]
    starts: tuple[float, ...]
    slopes: tuple[float, ...]
    below: float
    above: float

    @property
    def width(self) -> int:
        return 1


@dataclass(frozen=True, slots=True)
class Apply:
    """A function of one number, by numpy's name for it; missing stays missing, and what is no number becomes missing."""

    function: str
    columns: tuple[int, ...]

    @property
    def width(self) -> int:
        return len(self.columns)


@dataclass(frozen=True, slots=True)
class YeoJohnson:
    """The Yeo-Johnson transformation (2000): ((x + 1)^l - 1) / l from 0 on, -((1 - x)^(2 - l) - 1) / (2 - l) below 0."""

    columns: tuple[int, ...]
    lambdas: tuple[float, ...]

    @property
    def width(self) -> int:
        return len(self.columns)


@dataclass(frozen=True, slots=True)
class BoxCox:
    """The Box-Cox transformation (1964): (x^l - 1) / l. A row with a number that is not above 0 is refused."""

    columns: tuple[int, ...]
    lambdas: tuple[float, ...]

    @property
    def width(self) -> int:
        return len(self.columns)


@dataclass(frozen=True, slots=True)
class NormalQuantile:
    """The number below which a standard normal variable lies with probability x, held between `low` and `high`."""

    column: int
    low: float
    high: float

    @property
    def width(self) -> int:
        return 1
