"""GradientBoostingClassifier and -Regressor."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from fsdb.models.frontends.sklearn.translation import Prediction, Slot, Translation, floats
from fsdb.models.frontends.sklearn.trees import single_tree
from fsdb.models.program import Argmax, Regression, Threshold
from fsdb.models.steps import Logistic, Softmax, TreeEnsemble

_PRIORS = ("DummyClassifier", "DummyRegressor")


def boosting_regressor(estimator: Any, slots: Sequence[Slot], translation: Translation) -> Prediction:
    """Prior plus the sum of the scaled leaves; every loss has the identity link."""
    return Prediction(Regression(_ensemble(estimator, slots, translation)[0]))


def boosting_classifier(estimator: Any, slots: Sequence[Slot], translation: Translation) -> Prediction:
    """Binary: raw >= 0 and its logistic (of twice the raw value for the exponential loss); several: argmax, softmax."""
    raw = _ensemble(estimator, slots, translation)
    if len(raw) == 1:
        factor = 2.0 if estimator.loss == "exponential" else 1.0
        [probability] = translation.add(Logistic(raw[0], factor))
        return Prediction(Threshold(raw[0], inclusive=True, probability=probability), tuple(raw))
    return Prediction(Argmax(tuple(raw), tuple(translation.add(Softmax(tuple(raw))))), tuple(raw))


def _ensemble(estimator: Any, slots: Sequence[Slot], translation: Translation) -> range:
    translation.check_size(estimator, sum(member.tree_.node_count for member in estimator.estimators_.ravel()))
    columns = translation.bounded(estimator, slots, missing=False, float32=True)
    trees = tuple(
        single_tree(member.tree_, output, member.tree_.value[:, 0, :] * estimator.learning_rate)
        for stage in estimator.estimators_
        for output, member in enumerate(stage)
    )
    return translation.add(
        TreeEnsemble(
            tuple(slot.index for slot in columns),
            trees,
            base=_prior(estimator, translation),
            divisor=1.0,
            float32=True,
            strict=False,
        )
    )


def _prior(estimator: Any, translation: Translation) -> tuple[float, ...]:
    """The raw prediction before the first tree; that of the default prior does not depend on the row."""
    outputs = int(estimator.estimators_.shape[1])
    if isinstance(estimator.init_, str):  # "zero"
        return (0.0,) * outputs
    if type(estimator.init_).__name__ not in _PRIORS:
        translation.refuse(
            estimator, f"starts from init={type(estimator.init_).__name__}, where the default and 'zero' are supported"
        )
    row = np.zeros((1, estimator.n_features_in_), dtype=np.float32)
    return floats(estimator._raw_predict_init(row)[0])
