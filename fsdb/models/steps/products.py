"""Sums of products: linear models, layers, distances and kernels."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Linear:
    """For each output the dot product of the columns with its coefficients, plus its intercept."""

    columns: tuple[int, ...]
    coefficients: tuple[tuple[float, ...], ...]
    intercepts: tuple[float, ...]

    @property
    def width(self) -> int:
        return len(self.intercepts)


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer of a neural network: the activation of a dot product and a bias for each output.

    The activation is 'identity', 'relu', 'tanh' or 'logistic'. Numbers below 1e-140 count as 0.
    """

    columns: tuple[int, ...]
    weights: tuple[tuple[float, ...], ...]
    biases: tuple[float, ...]
    activation: str

    @property
    def width(self) -> int:
        return len(self.biases)


@dataclass(frozen=True, slots=True)
class Products:
    """For each output the product of some slots, multiplied from the first to the last; 1 of none."""

    factors: tuple[tuple[int, ...], ...]

    @property
    def width(self) -> int:
        return len(self.factors)


@dataclass(frozen=True, slots=True)
class SquaredDistances:
    """For each center the sum over the columns of (x - center)^2 / divisor."""

    columns: tuple[int, ...]
    centers: tuple[tuple[float, ...], ...]
    divisors: tuple[tuple[float, ...], ...]

    @property
    def width(self) -> int:
        return len(self.centers)


@dataclass(frozen=True, slots=True)
class Kernel:
    """For each output the sum over the vectors of a weight times the kernel of the row and the vector, plus an intercept.

    The kernel is 'linear' (x v), 'poly' ((gamma x v + coef0)^degree), 'sigmoid' (tanh(gamma x v + coef0)) or 'rbf'
    (exp(-gamma |x - v|^2)). `weights` has a row for each output.
    """

    columns: tuple[int, ...]
    kernel: str
    vectors: tuple[tuple[float, ...], ...]
    weights: tuple[tuple[float, ...], ...]
    intercepts: tuple[float, ...]
    gamma: float
    coef0: float
    degree: int

    @property
    def width(self) -> int:
        return len(self.intercepts)


EQUALLY_FAR = "is equally far from several points"  # what a refusal of such a row says


@dataclass(frozen=True, slots=True)
class Neighbors:
    """For each output the mean of its targets over the `count` points nearest to the row.

    Distances are sums of |x - p|^`power`, power 1 or 2. With `by_distance` the mean is weighted by 1 / distance; points at
    distance 0 alone count where there are any. A row for which several points are equally far, not all of them among the nearest
    and their targets different, is refused: the native choice among them follows the layout of its index.
    """

    columns: tuple[int, ...]
    points: tuple[tuple[float, ...], ...]
    targets: tuple[tuple[float, ...], ...]
    count: int
    power: int
    by_distance: bool

    @property
    def width(self) -> int:
        return len(self.targets)
