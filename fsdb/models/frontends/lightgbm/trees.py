"""LightGBM's trees as trees of a program."""

import math
from collections.abc import Mapping, Sequence

from fsdb.models.frontends.lightgbm.model import Model
from fsdb.models.steps import Tree

ZERO = 1.0000000180025095e-35  # what lies from -ZERO to ZERO is read as 0, but not in a sparse matrix
_CATEGORICAL, _DEFAULT_LEFT = 1, 2
_NONE, ZERO_MISSING = 0, 1  # the kinds of missing values: none, zeros and NaN, NaN


def trees_of(model: Model, sparse: bool) -> tuple[list[Tree], list[tuple[int, bool]]]:
    """The trees, and the columns that they read: the number of a column, and whether its zeros are missing.

    sparse: the model is given a sparse matrix.
    """
    columns = {(number, False): number for number in range(model.columns)}
    trees = [_tree(tree, number % model.outputs, columns, sparse) for number, tree in enumerate(model.trees)]
    return trees, list(columns)


def _tree(tree: Mapping[str, str], output: int, columns: dict[tuple[int, bool], int], sparse: bool) -> Tree:
    """Inner nodes keep their numbers, leaves come after them."""
    leaves = _floats(tree["leaf_value"])
    if int(tree["num_leaves"]) == 1:
        return Tree((-1,), (0.0,), (0,), (0,), (False,), ((leaves[0],),), output)
    inner = len(leaves) - 1
    kinds = _ints(tree["decision_type"])
    given = _floats(tree["threshold"])
    feature, threshold, missing_left = [], [], []
    codes: list[tuple[int, ...]] = []
    for column, limit, kind in zip(_ints(tree["split_feature"]), given, kinds, strict=True):
        missing = kind >> 2 & 3
        if kind & _CATEGORICAL:
            feature.append(columns[column, False])
            threshold.append(-1.0)
            missing_left.append(False)
            codes.append(_members(tree, int(limit)))
            continue
        feature.append(columns.setdefault((column, missing == ZERO_MISSING), len(columns)))
        threshold.append(limit if sparse else _outside_zero(limit))
        missing_left.append(limit >= 0 if missing == _NONE else bool(kind & _DEFAULT_LEFT))
        codes.append(())
    for number, members in enumerate(codes):
        if kinds[number] & _CATEGORICAL and not members:
            threshold[number] = -math.inf  # an empty set: all go right
    rest = len(leaves)
    return Tree(
        (*feature, *[-1] * rest),
        (*threshold, *[0.0] * rest),
        (*_children(tree["left_child"], inner), *[0] * rest),
        (*_children(tree["right_child"], inner), *[0] * rest),
        (*missing_left, *[False] * rest),
        (*[(0.0,)] * inner, *[(value,) for value in leaves]),
        output,
        (*codes, *[()] * rest) if any(codes) else (),
    )


def _outside_zero(limit: float) -> float:
    """A threshold that tells numbers apart as the given one does once those near 0 are read as 0."""
    if -ZERO <= limit < 0:
        return math.nextafter(-ZERO, -math.inf)
    return ZERO if 0 <= limit < ZERO else limit


def _members(tree: Mapping[str, str], number: int) -> tuple[int, ...]:
    """The codes of a set: words of 32 bits between two boundaries."""
    boundaries = _ints(tree["cat_boundaries"])
    words = _ints(tree["cat_threshold"])[boundaries[number] : boundaries[number + 1]]
    return tuple(32 * place + bit for place, word in enumerate(words) for bit in range(32) if word >> bit & 1)


def _children(text: str, inner: int) -> Sequence[int]:
    """A child below 0 is a leaf: -1 the first."""
    return [child if child >= 0 else inner - child - 1 for child in _ints(text)]


def _ints(text: str) -> list[int]:
    return [int(word) for word in text.split()]


def _floats(text: str) -> list[float]:
    return [float(word) for word in text.split()]
