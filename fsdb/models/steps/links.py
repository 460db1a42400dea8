"""From scores to what is predicted."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Logistic:
    """1 / (1 + exp(-factor * x))."""

    column: int
    factor: float

    @property
    def width(self) -> int:
        return 1


@dataclass(frozen=True, slots=True)
class Exponential:
    """exp(x), infinite and 0 beyond the range of float64."""

    column: int

    @property
    def width(self) -> int:
        return 1


@dataclass(frozen=True, slots=True)
class Softmax:
    """exp(x_k - max) over the sum of these."""

    columns: tuple[int, ...]

    @property
    def width(self) -> int:
        return len(self.columns)


@dataclass(frozen=True, slots=True)
class SoftmaxSingle:
    """The softmax of float32 numbers in float32: each exp(x_k - max), and each share of their sum, is rounded."""

    columns: tuple[int, ...]

    @property
    def width(self) -> int:
        return len(self.columns)


@dataclass(frozen=True, slots=True)
class Normalize:
    """Each column over the row's norm ('l1', 'l2' or 'max'); unchanged where that is below `smallest`."""

    columns: tuple[int, ...]
    norm: str
    smallest: float

    @property
    def width(self) -> int:
        return len(self.columns)


@dataclass(frozen=True, slots=True)
class Shares:
    """Each column over the sum of all; where that is 0, 1 / (number of columns) with `uniform`, otherwise 0."""

    columns: tuple[int, ...]
    uniform: bool

    @property
    def width(self) -> int:
        return len(self.columns)


@dataclass(frozen=True, slots=True)
class Largest:
    """The number of the first of the largest columns, counted from 0."""

    columns: tuple[int, ...]

    @property
    def width(self) -> int:
        return 1


@dataclass(frozen=True, slots=True)
class WeightedMedian:
    """The first of the sorted columns at which the weights so far are at least half of all."""

    columns: tuple[int, ...]
    weights: tuple[float, ...]

    @property
    def width(self) -> int:
        return 1
