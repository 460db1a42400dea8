"""Estimators that pass their input on to another one: searches, frozen ones, transformed targets; and constants."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from fsdb.errors import UnsupportedModel
from fsdb.models.frontends.sklearn import targets
from fsdb.models.frontends.sklearn.features import applied
from fsdb.models.frontends.sklearn.responses import probabilities
from fsdb.models.frontends.sklearn.translation import Prediction, Slot, Translation
from fsdb.models.program import Argmax, Regression, Threshold
from fsdb.models.steps import Scale


def search(estimator: Any, slots: Sequence[Slot], translation: Translation) -> Prediction:
    """GridSearchCV and its like: the best estimator."""
    if not hasattr(estimator, "best_estimator_"):
        raise UnsupportedModel(
            f"{type(estimator).__name__} has no best estimator, since it was fitted with refit=False: fit it with refit=True, or fit an "
            "estimator with its best_params_ and register that"
        )
    return translation.predict(estimator.best_estimator_, slots, translation)


def ransac(estimator: Any, slots: Sequence[Slot], translation: Translation) -> Prediction:
    """RANSACRegressor: the estimator that the inliers gave."""
    return translation.predict(estimator.estimator_, translation.bounded(estimator, slots, missing=False), translation)


def frozen(estimator: Any, slots: Sequence[Slot], translation: Translation) -> Prediction:
    """FrozenEstimator."""
    return translation.predict(estimator.estimator, slots, translation)


def fixed_threshold(estimator: Any, slots: Sequence[Slot], translation: Translation) -> Prediction:
    """FixedThresholdClassifier and TunedThresholdClassifierCV: the second class where the response is at least a threshold."""
    prediction = translation.predict(estimator.estimator_, slots, translation)
    shares = probabilities(prediction, translation)
    method = estimator.response_method
    if method == "auto":
        method = "predict_proba" if shares else "decision_function"
    response = prediction.decision if method == "decision_function" else shares[1:]
    if len(response) != 1 or getattr(estimator, "pos_label", None) is not None:
        translation.refuse(estimator, "has a pos_label or a response that is not one number")
    threshold = getattr(estimator, "best_threshold_", getattr(estimator, "threshold", "auto"))
    if threshold == "auto":
        threshold = 0.5 if method == "predict_proba" else 0.0
    [score] = translation.add(Scale((response[0],), (float(threshold),), (1.0,)))
    return Prediction(Threshold(score, inclusive=True, probability=shares[1] if shares else None), prediction.decision)


def transformed_target(estimator: Any, slots: Sequence[Slot], translation: Translation) -> Prediction:
    """TransformedTargetRegressor: the prediction through the inverse of a scaler or a numpy function."""
    output = translation.predict(estimator.regressor_, slots, translation).output
    if not isinstance(output, Regression):
        translation.refuse(estimator, "has a regressor that predicts classes or several targets")
    slot = Slot(output.value, "number", "", missing=False)
    inverse = estimator.transformer_
    kind = type(inverse).__name__
    if kind == "FunctionTransformer":
        if inverse.inverse_func is not None and not inverse.inv_kw_args:
            [slot] = applied(estimator, inverse.inverse_func, [slot], translation)
    elif kind == "StandardScaler":
        [index] = translation.linear(
            [slot.index],
            [[float(inverse.scale_[0]) if inverse.with_std else 1.0]],
            [float(inverse.mean_[0]) if inverse.with_mean else 0.0],
        )
        slot = Slot(index, "number", "", missing=False)
    elif kind == "MinMaxScaler" and not inverse.clip:
        [index] = translation.add(Scale((slot.index,), (float(inverse.min_[0]),), (float(inverse.scale_[0]),)))
        slot = Slot(index, "number", "", missing=False)
    else:
        translation.refuse(estimator, f"transforms its target by {kind}")
    return Prediction(Regression(slot.index))


def dummy_regressor(estimator: Any, _slots: Sequence[Slot], translation: Translation) -> Prediction:
    """DummyRegressor: constants."""
    constants = np.ravel(estimator.constant_)
    return targets.numbers(translation.linear([], [[] for _ in constants], constants))


def dummy_classifier(estimator: Any, _slots: Sequence[Slot], translation: Translation) -> Prediction:
    """DummyClassifier with a strategy that is not random."""
    if estimator.n_outputs_ != 1:
        translation.refuse(estimator, f"was fitted with {estimator.n_outputs_} targets, where one is supported")
    if estimator._strategy not in ("prior", "most_frequent", "constant"):
        translation.refuse(estimator, f"predicts by the strategy {estimator._strategy!r}")
    shares = estimator.predict_proba(np.zeros((1, 1)))[0]
    slots_of = tuple(translation.linear([], [[] for _ in shares], shares))
    return Prediction(Argmax(slots_of, slots_of))
