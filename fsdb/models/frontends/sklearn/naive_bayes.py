"""Naive Bayes classifiers: the class of the largest joint log likelihood, whose softmax are the probabilities."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from fsdb.models.frontends.sklearn.translation import Prediction, Slot, Translation, floats
from fsdb.models.program import Argmax
from fsdb.models.steps import Above, Softmax, SquaredDistances


def gaussian(estimator: Any, slots: Sequence[Slot], translation: Translation) -> Prediction:
    """GaussianNB."""
    columns = translation.bounded(estimator, slots, missing=False)
    distances = translation.add(
        SquaredDistances(
            tuple(slot.index for slot in columns),
            tuple(map(floats, estimator.theta_)),
            tuple(map(floats, estimator.var_)),
        )
    )
    constants = np.log(estimator.class_prior_) - 0.5 * np.log(2.0 * np.pi * estimator.var_).sum(axis=1)
    joint = [
        translation.linear([distance], [[-0.5]], [constant])[0]
        for distance, constant in zip(distances, constants, strict=True)
    ]
    return _classes(joint, translation)


def bernoulli(estimator: Any, slots: Sequence[Slot], translation: Translation) -> Prediction:
    """BernoulliNB."""
    columns = tuple(slot.index for slot in translation.bounded(estimator, slots, missing=False))
    if estimator.binarize is not None:
        columns = tuple(translation.add(Above(columns, (float(estimator.binarize),) * len(columns))))
    absent = np.log(1 - np.exp(estimator.feature_log_prob_))
    constants = estimator.class_log_prior_ + absent.sum(axis=1)
    return _classes(translation.linear(columns, estimator.feature_log_prob_ - absent, constants), translation)


def multinomial(estimator: Any, slots: Sequence[Slot], translation: Translation) -> Prediction:
    """MultinomialNB; ComplementNB, which has no priors."""
    columns = translation.bounded(estimator, slots, missing=False)
    with_priors = type(estimator).__name__ == "MultinomialNB"
    constants = estimator.class_log_prior_ if with_priors else np.zeros(len(estimator.classes_))
    indices = [slot.index for slot in columns]
    return _classes(translation.linear(indices, estimator.feature_log_prob_, constants), translation)


def _classes(joint: Sequence[int], translation: Translation) -> Prediction:
    return Prediction(Argmax(tuple(joint), tuple(translation.add(Softmax(tuple(joint))))))
