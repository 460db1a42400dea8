"""Decision trees."""

from dataclasses import dataclass


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
