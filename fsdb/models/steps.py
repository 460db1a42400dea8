"""The steps of a model program.

A program is a straight line of steps over numbered *slots*. The first slots are the inputs, in order; each step reads
slots and appends the ones it produces. A slot holds a number (float64, or missing) or a text (or missing).
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bounds:
    """Refuses values that the native model refuses; produces no slot.

    Infinite numbers are always refused; missing ones unless `missing`; with `float32` also those that are infinite as
    float32.
    """

    columns: tuple[int, ...]
    missing: bool
    float32: bool

    @property
    def width(self) -> int:
        return 0


@dataclass(frozen=True, slots=True)
class ImputeNumber:
    """Replaces a missing number by the fill of its column."""

    columns: tuple[int, ...]
    fills: tuple[float, ...]

    @property
    def width(self) -> int:
        return len(self.columns)


@dataclass(frozen=True, slots=True)
class ImputeText:
    """Replaces a missing text by the fill of its column."""

    columns: tuple[int, ...]
    fills: tuple[str, ...]

    @property
    def width(self) -> int:
        return len(self.columns)


@dataclass(frozen=True, slots=True)
class Missing:
    """1 where the column is missing, otherwise 0."""

    columns: tuple[int, ...]

    @property
    def width(self) -> int:
        return len(self.columns)


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
class LookupNumber:
    """The value that belongs to a number: `values[i]` where it equals `keys[i]`.

    A missing input gives `missing`, any other one that is no key gives `unknown`; where these are None, the row is
    refused. A result of NaN is missing.
    """

    column: int
    keys: tuple[float, ...]
    values: tuple[float, ...]
    missing: float | None
    unknown: float | None

    @property
    def width(self) -> int:
        return 1


@dataclass(frozen=True, slots=True)
class LookupText:
    """The same for a text; keys compare byte by byte."""

    column: int
    keys: tuple[str, ...]
    values: tuple[float, ...]
    missing: float | None
    unknown: float | None

    @property
    def width(self) -> int:
        return 1


@dataclass(frozen=True, slots=True)
class Indicators:
    """`size` slots of which number `x` is 1 and all others 0; all are 0 where x is -1."""

    column: int
    size: int

    @property
    def width(self) -> int:
        return self.size


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
class Tree:
    """One decision tree as parallel arrays over its nodes; node 0 is the root.

    `feature` is the position among the ensemble's columns, or -1 at a leaf. A missing value goes left where
    `missing_left`. A categorical split has in `left_codes` the codes that go left, all others go right; that field has an
    entry for each node, or is empty where no split is categorical. `values` has for each node one number, or where
    `output` is None one for each output of the ensemble.
    """

    feature: tuple[int, ...]
    threshold: tuple[float, ...]
    left: tuple[int, ...]
    right: tuple[int, ...]
    missing_left: tuple[bool, ...]
    values: tuple[tuple[float, ...], ...]
    output: int | None
    left_codes: tuple[tuple[int, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class TreeEnsemble:
    """For each output: `base`, plus the leaf value of each tree in order, the sum divided by `divisor`.

    A number goes left where it is `<=` the threshold (`<` with `strict`), compared as float32 with `float32`.
    """

    columns: tuple[int, ...]
    trees: tuple[Tree, ...]
    base: tuple[float, ...]
    divisor: float
    float32: bool
    strict: bool

    @property
    def width(self) -> int:
        return len(self.base)


@dataclass(frozen=True, slots=True)
class SingleTrees(TreeEnsemble):
    """A tree ensemble whose sums are float32, rounded after each tree."""


@dataclass(frozen=True, slots=True)
class MissingBetween:
    """x, but missing from `low` to `high`, both included."""

    columns: tuple[int, ...]
    low: float
    high: float

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
class SoftmaxSingle:
    """The softmax of float32 numbers in float32: each exp(x_k - max), and each share of their sum, is rounded."""

    columns: tuple[int, ...]

    @property
    def width(self) -> int:
        return len(self.columns)


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
class Normalize:
    """Each column over the row's norm ('l1', 'l2' or 'max'); unchanged where that is below `smallest`."""

    columns: tuple[int, ...]
    norm: str
    smallest: float

    @property
    def width(self) -> int:
        return len(self.columns)


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


@dataclass(frozen=True, slots=True)
class NormalQuantile:
    """The number below which a standard normal variable lies with probability x, held between `low` and `high`."""

    column: int
    low: float
    high: float

    @property
    def width(self) -> int:
        return 1


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


Step = (
    Bounds
    | ImputeNumber
    | ImputeText
    | Missing
    | Scale
    | Multiply
    | LookupNumber
    | LookupText
    | Indicators
    | Linear
    | TreeEnsemble
    | SingleTrees
    | MissingBetween
    | WholePart
    | Single
    | SoftmaxSingle
    | Logistic
    | Exponential
    | Softmax
    | Clip
    | Above
    | Bins
    | Piecewise
    | Apply
    | YeoJohnson
    | BoxCox
    | Normalize
    | Products
    | SquaredDistances
    | Layer
    | Shares
    | Largest
    | WeightedMedian
    | NormalQuantile
    | Kernel
    | Neighbors
)
