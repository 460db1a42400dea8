"""Linear and logistic regression."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from fsdb.models.frontends.sklearn.translation import Slot, Translation, floats
from fsdb.models.program import Argmax, Output, Regression, Threshold
from fsdb.models.steps import Linear, Logistic, Softmax


def linear_regressor(estimator: Any, slots: Sequence[Slot], translation: Translation) -> Output:
    """LinearRegression, Ridge, Lasso, ElasticNet."""
    scores = _scores(estimator, slots, translation)
    if len(scores) != 1:
        translation.refuse(estimator, f"was fitted with {len(scores)} targets, where one is supported")
    return Regression(scores[0])


def logistic_regression(estimator: Any, slots: Sequence[Slot], translation: Translation) -> Output:
    """Binary: score > 0 and its logistic; several classes: argmax and softmax."""
    scores = _scores(estimator, slots, translation)
    if len(scores) == 1:
        [probability] = translation.add(Logistic(scores[0], 1.0))
        return Threshold(scores[0], inclusive=False, probability=probability)
    return Argmax(tuple(scores), tuple(translation.add(Softmax(tuple(scores)))))


def _scores(estimator: Any, slots: Sequence[Slot], translation: Translation) -> range:
    columns = translation.bounded(estimator, slots, missing=False)
    coefficients = np.atleast_2d(estimator.coef_)
    intercepts = np.broadcast_to(np.atleast_1d(estimator.intercept_), len(coefficients))
    return translation.add(
        Linear(tuple(slot.index for slot in columns), tuple(map(floats, coefficients)), floats(intercepts))
    )
