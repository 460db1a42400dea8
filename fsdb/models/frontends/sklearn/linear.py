"""Linear models: regressors, classifiers, generalized linear models."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from fsdb.models.frontends.sklearn import targets
from fsdb.models.frontends.sklearn.translation import Prediction, Slot, Translation
from fsdb.models.program import Argmax, Regression, Threshold
from fsdb.models.steps import Clip, Exponential, Logistic, Scale, Shares, Softmax


def linear_regressor(estimator: Any, slots: Sequence[Slot], translation: Translation) -> Prediction:
    """Everything that predicts by coef_ and intercept_."""
    return targets.numbers(_scores(estimator, slots, translation))


def generalized_regressor(estimator: Any, slots: Sequence[Slot], translation: Translation) -> Prediction:
    """PoissonRegressor, GammaRegressor, TweedieRegressor: the log link, or the identity."""
    score = _single(estimator, _scores(estimator, slots, translation), translation)
    link = getattr(estimator, "link", "log")
    if link == "log" or (link == "auto" and estimator.power > 0):
        [score] = translation.add(Exponential(score))
    return Prediction(Regression(score))


def pls_regressor(estimator: Any, slots: Sequence[Slot], translation: Translation) -> Prediction:
    """PLSRegression: the columns are centred by the means of the fit, which the intercept takes in."""
    coefficients = np.atleast_2d(estimator.coef_)
    columns = translation.bounded(estimator, slots, missing=False)
    means = np.asarray(estimator._x_mean)
    intercepts = np.atleast_1d(estimator.intercept_) - coefficients @ means
    scores = translation.linear([slot.index for slot in columns], coefficients, intercepts)
    return Prediction(Regression(_single(estimator, scores, translation)))


def linear_classifier(estimator: Any, slots: Sequence[Slot], translation: Translation) -> Prediction:
    """By the sign of the score or the largest score; no probabilities. RidgeClassifier of several labels a row: by the sign of each."""
    scores = _scores(estimator, slots, translation)
    binarizer = getattr(estimator, "_label_binarizer", None)
    if binarizer is not None and binarizer.y_type_.startswith("multilabel"):
        return targets.zeros_and_ones(scores)
    return _classes(scores, None)


def logistic_regression(estimator: Any, slots: Sequence[Slot], translation: Translation) -> Prediction:
    """Binary: score > 0 and its logistic; several classes: softmax, or for one against the rest shares of logistics."""
    scores = _scores(estimator, slots, translation)
    one_against_rest = getattr(estimator, "multi_class", "auto") == "ovr" or estimator.solver == "liblinear"
    if len(scores) == 1 or one_against_rest:
        return _logistic(scores, translation)
    return _classes(scores, translation.add(Softmax(tuple(scores))))


def discriminant_analysis(estimator: Any, slots: Sequence[Slot], translation: Translation) -> Prediction:
    """LinearDiscriminantAnalysis."""
    scores = _scores(estimator, slots, translation)
    if len(scores) == 1:
        return _logistic(scores, translation)
    return _classes(scores, translation.add(Softmax(tuple(scores))))


def sgd_classifier(estimator: Any, slots: Sequence[Slot], translation: Translation) -> Prediction:
    """Probabilities with the losses log_loss and modified_huber alone: logistics, or scores clipped to [-1, 1] (Zadrozny and
    Elkan 2002); of several classes their shares."""
    scores = _scores(estimator, slots, translation)
    if estimator.loss == "log_loss":
        return _logistic(scores, translation)
    if estimator.loss != "modified_huber":
        return _classes(scores, None)
    count = len(scores)
    clipped = translation.add(Clip(tuple(scores), (-1.0,) * count, (1.0,) * count))
    halves = translation.add(Scale(tuple(clipped), (-1.0,) * count, (2.0,) * count))
    return _classes(scores, _shared(halves, translation))


def _logistic(scores: range, translation: Translation) -> Prediction:
    parts = [translation.add(Logistic(score, 1.0))[0] for score in scores]
    return _classes(scores, _shared(parts, translation))


def _shared(parts: Sequence[int], translation: Translation) -> Sequence[int]:
    return parts if len(parts) == 1 else translation.add(Shares(tuple(parts), uniform=True))


def _classes(scores: range, probabilities: Sequence[int] | None) -> Prediction:
    if len(scores) == 1:
        second = None if probabilities is None else probabilities[0]
        return Prediction(Threshold(scores[0], inclusive=False, probability=second), tuple(scores))
    shares = None if probabilities is None else tuple(probabilities)
    return Prediction(Argmax(tuple(scores), shares), tuple(scores))


def _single(estimator: Any, scores: range, translation: Translation) -> int:
    if len(scores) != 1:
        translation.refuse(estimator, f"was fitted with {len(scores)} targets, where one is supported")
    return scores[0]


def _scores(estimator: Any, slots: Sequence[Slot], translation: Translation) -> range:
    columns = translation.bounded(estimator, slots, missing=False)
    coefficients = np.atleast_2d(estimator.coef_)
    intercepts = np.broadcast_to(np.atleast_1d(estimator.intercept_), len(coefficients))
    return translation.linear([slot.index for slot in columns], coefficients, intercepts)
