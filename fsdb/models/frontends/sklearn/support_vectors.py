"""Support vector machines."""

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np

from fsdb.models.frontends.sklearn.translation import Prediction, Slot, Translation, floats
from fsdb.models.program import Argmax, Regression, Threshold
from fsdb.models.steps import Above, Kernel

_KERNELS = ("linear", "poly", "sigmoid", "rbf")
MOST_ARRAYS = 1_600  # as columns of one query
_MOST_NUMBERS = 200_000


def regressor(estimator: Any, slots: Sequence[Slot], translation: Translation) -> Prediction:
    """SVR, NuSVR."""
    [score] = _decisions(estimator, slots, estimator.dual_coef_, translation)
    return Prediction(Regression(score))


def outlier_detector(estimator: Any, slots: Sequence[Slot], translation: Translation) -> Prediction:
    """OneClassSVM: -1 for an outlier, 1 for others."""
    [score] = _decisions(estimator, slots, estimator.dual_coef_, translation)
    return Prediction(Threshold(score, inclusive=False, probability=None), (score,), (-1, 1))


def classifier(estimator: Any, slots: Sequence[Slot], translation: Translation) -> Prediction:
    """SVC, NuSVC, without Platt's probabilities, by which they do not predict. Several classes: each pair of classes gives
    a vote; the first class with the most votes wins, as in libsvm."""
    count = len(estimator.classes_)
    if count == 2:
        [score] = _decisions(estimator, slots, estimator.dual_coef_, translation)
        return Prediction(Threshold(score, inclusive=False, probability=None), (score,))
    if estimator.break_ties:
        translation.refuse(estimator, "has break_ties")
    pairs = list(combinations(range(count), 2))
    decisions = _decisions(estimator, slots, _pair_weights(estimator, pairs), translation)
    firsts = translation.add(Above(tuple(decisions), (0.0,) * len(pairs)))
    votes = []
    for number in range(count):
        signs = [1.0 if first == number else -1.0 if second == number else 0.0 for first, second in pairs]
        votes.append(translation.linear(firsts, [signs], [float(signs.count(-1.0))])[0])
    return Prediction(Argmax(tuple(votes), None))


def _pair_weights(estimator: Any, pairs: list[tuple[int, int]]) -> Any:
    """libsvm keeps for a vector of class i its weight against class j in row j, less one where j > i."""
    ends = np.cumsum(estimator.n_support_)
    owner = np.searchsorted(ends, np.arange(ends[-1]), side="right")
    weights = np.zeros((len(pairs), ends[-1]))
    for row, (first, second) in zip(weights, pairs, strict=True):
        row[owner == first] = estimator.dual_coef_[second - 1, owner == first]
        row[owner == second] = estimator.dual_coef_[first, owner == second]
    return weights


def _decisions(estimator: Any, slots: Sequence[Slot], weights: Any, translation: Translation) -> range:
    if estimator.kernel not in _KERNELS:
        translation.refuse(estimator, f"has the kernel {estimator.kernel!r}, which is none of {', '.join(_KERNELS)}")
    columns = translation.bounded(estimator, slots, missing=False)
    if any(slot.sparse for slot in columns):
        translation.refuse(estimator, "was fitted on a sparse matrix: give it a dense one")
    vectors = np.asarray(estimator.support_vectors_)
    if vectors.size > _MOST_NUMBERS:
        translation.refuse(
            estimator,
            f"has {vectors.size:,} numbers in its support vectors, more than the {_MOST_NUMBERS:,} that a function can hold: "
            "fit it on fewer rows",
        )
    if len(columns) + len(weights) > MOST_ARRAYS:
        translation.refuse(estimator, f"has more than {MOST_ARRAYS:,} columns and pairs of classes: reduce them first")
    return translation.add(
        Kernel(
            tuple(slot.index for slot in columns),
            estimator.kernel,
            tuple(map(floats, vectors)),
            tuple(map(floats, weights)),
            floats(estimator.intercept_),
            float(estimator._gamma),
            float(estimator.coef0),
            int(estimator.degree),
        )
    )
