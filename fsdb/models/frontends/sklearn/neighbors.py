"""Nearest neighbours, where there are few points."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from fsdb.models.frontends.sklearn import targets
from fsdb.models.frontends.sklearn.support_vectors import MOST_ARRAYS
from fsdb.models.frontends.sklearn.translation import Prediction, Slot, Translation, floats
from fsdb.models.program import Argmax
from fsdb.models.steps import Neighbors

_MOST_NUMBERS = 100_000
_POWERS = {"euclidean": 2, "l2": 2, "manhattan": 1, "l1": 1, "cityblock": 1}


def regressor(estimator: Any, slots: Sequence[Slot], translation: Translation) -> Prediction:
    """KNeighborsRegressor: the mean of the nearest."""
    known = np.asarray(estimator._y, dtype=np.float64)
    return targets.numbers(_neighbors(estimator, slots, known.reshape(len(known), -1).T, translation))


def classifier(estimator: Any, slots: Sequence[Slot], translation: Translation) -> Prediction:
    """KNeighborsClassifier: the first class with the largest share among the nearest."""
    if estimator.outputs_2d_:
        counts = [len(classes) for classes in estimator.classes_]
        several = [_members(codes, count) for codes, count in zip(np.asarray(estimator._y).T, counts, strict=True)]
        found = _neighbors(estimator, slots, np.vstack(several), translation)
        ends = np.cumsum(counts).tolist()
        return targets.choices(
            [found[end - count : end] for end, count in zip(ends, counts, strict=True)], estimator.classes_
        )
    known = _members(np.asarray(estimator._y), len(estimator.classes_))
    shares = tuple(_neighbors(estimator, slots, known, translation))
    return Prediction(Argmax(shares, shares))


def _members(codes: Any, count: int) -> Any:
    """For each class which points are of it."""
    return codes[None, :] == np.arange(count)[:, None]


def _neighbors(estimator: Any, slots: Sequence[Slot], known: Any, translation: Translation) -> range:
    columns = translation.bounded(estimator, slots, missing=False)
    points = np.asarray(estimator._fit_X, dtype=object if any(slot.sparse for slot in columns) else np.float64)
    if points.ndim != 2:
        translation.refuse(estimator, "was fitted on a sparse matrix: give it a dense one")
    if points.size > _MOST_NUMBERS:
        translation.refuse(
            estimator, f"has {points.size:,} numbers in its points, more than {_MOST_NUMBERS:,}: fit it on fewer rows"
        )
    if len(columns) + len(known) > MOST_ARRAYS:
        translation.refuse(estimator, f"has more than {MOST_ARRAYS:,} columns and classes: reduce them first")
    metric = estimator.effective_metric_
    power = estimator.effective_metric_params_.get("p") if metric == "minkowski" else _POWERS.get(metric)
    if power not in (1, 2) or estimator.effective_metric_params_.get("w") is not None:
        translation.refuse(estimator, f"measures by {metric!r}, where euclidean and manhattan are supported")
    by_distance = estimator.weights == "distance"
    if estimator.weights not in (None, "uniform", "distance"):
        translation.refuse(estimator, "weighs by a function")
    if by_distance and estimator._fit_method == "brute":
        translation.refuse(
            estimator, "weighs by distances that it only estimates: fit it with algorithm='kd_tree' for exact ones"
        )
    return translation.add(
        Neighbors(
            tuple(slot.index for slot in columns),
            tuple(map(floats, points)),
            tuple(map(floats, known)),
            int(estimator.n_neighbors),
            int(power),
            by_distance,
        )
    )
