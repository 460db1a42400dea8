"""Isolation forests."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from fsdb.models.frontends.sklearn.translation import Prediction, Slot, Translation
from fsdb.models.frontends.sklearn.trees import renumbered, single_tree
from fsdb.models.program import Threshold
from fsdb.models.steps import Scale, TreeEnsemble

_EULER_GAMMA = float(np.euler_gamma)


def isolation_forest(estimator: Any, slots: Sequence[Slot], translation: Translation) -> Prediction:
    """-1 for an outlier, 1 for others (Liu, Ting, Zhou 2008): by the mean path length, of which the native score is a
    function that grows; its threshold as a path length is found by bisection, so that equal scores fall on the same side.
    """
    columns = translation.numbers(estimator, slots)  # neither missing nor infinite values are refused
    members = estimator.estimators_
    translation.check_size(estimator, sum(member.tree_.node_count for member in members))
    trees = []
    for number, (member, features) in enumerate(zip(members, estimator.estimators_features_, strict=True)):
        depths = estimator._decision_path_lengths[number] + estimator._average_path_length_per_tree[number] - 1.0
        tree = single_tree(member.tree_, None, np.asarray(depths, dtype=np.float64)[:, None])
        trees.append(renumbered(tree, features))
    denominator = len(members) * _average_path_length(int(estimator._max_samples))
    if denominator == 0:
        translation.refuse(estimator, "was fitted on a single row")
    [length] = translation.add(
        TreeEnsemble(
            tuple(slot.index for slot in columns), tuple(trees), (0.0,), denominator, float32=True, strict=False
        )
    )
    [score] = translation.add(Scale((length,), (_shortest_inlier(float(estimator.offset_)),), (1.0,)))
    return Prediction(Threshold(score, inclusive=True, probability=None), classes=(-1, 1))


def _average_path_length(count: int) -> float:
    """The mean length of an unsuccessful search in a binary tree of so many rows (equation 1 of the paper)."""
    if count <= 1:
        return 0.0
    if count == 2:
        return 1.0
    return float(2.0 * (np.log(count - 1.0) + _EULER_GAMMA) - 2.0 * (count - 1.0) / count)


def _shortest_inlier(offset: float) -> float:
    """The least path length x with -2^-x - offset >= 0, as numpy computes it."""
    low, high = 0.0, 2048.0
    if -np.power(2.0, np.array([-low]))[0] - offset >= 0:
        return -1.0
    while np.nextafter(low, np.inf) < high:
        middle = low + (high - low) / 2
        if -np.power(2.0, np.array([-middle]))[0] - offset >= 0:
            high = middle
        else:
            low = middle
    return high
