"""Nearest neighbours, where there are few points."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from fsdb.models.frontends.sklearn.support_vectors import MOST_ARRAYS
from fsdb.models.frontends.sklearn.translation import Prediction, Slot, Translation, floats
from fsdb.models.program import Argmax, Regression
from fsdb.models.steps import Neighbors

_MOST_NUMBERS = 100_000
_POWERS = {"euclidean": 2, "l2": 2, "manhattan": 1, "l1": 1, "cityblock": 1}


def regressor(estimator: Any, slots: Sequence[Slot], translation: Translation) -> Prediction:
    """KNeighborsRegressor: the mean of the nearest."""
    targets = np.asarray(estimator._y, dtype=np.float64)
    if targets.size != len(targets):
        translation.refuse(estimator, f"was fitted with {targets.shape[1]} targets, where one is supported")
    return Prediction(Regression(_neighbors(estimator, slots, targets.reshape(1, -1), translation)[0]))


def classifier(estimator: Any, slots: Sequence[Slot], translation: Translation) -> Prediction:
    """KNeighborsClassifier: the first class with the largest share among the nearest."""
    if estimator.outputs_2d_:
        translation.refuse(estimator, "was fitted with several labels a row, where one is supported")
    targets = np.asarray(estimator._y)[None, :] == np.arange(len(estimator.classes_))[:, None]
    shares = tuple(_neighbors(estimator, slots, targets, translation))
    return Prediction(Argmax(shares, shares))


def _neighbors(estimator: Any, slots: Sequence[Slot], targets: Any, translation: Translation) -> range:
    columns = translation.bounded(estimator, slots, missing=False)
    points = np.asarray(estimator._fit_X, dtype=object if any(slot.sparse for slot in columns) else np.float64)
    if points.ndim != 2:
        translation.refuse(estimator, "was fitted on a sparse matrix: give it a dense one")
    if points.size > _MOST_NUMBERS:
        translation.refuse(
            estimator, f"has {points.size:,} numbers in its points, more than {_MOST_NUMBERS:,}: fit it on fewer rows"
        )
    if len(columns) + len(targets) > MOST_ARRAYS:
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
            tuple(map(floats, targets)),
            int(estimator.n_neighbors),
            int(power),
            by_distance,
        )
    )
