"""Predictors of several targets: each target's output in an array, in the order of the fit."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from fsdb.models.frontends.sklearn.translation import Prediction, Slot, Translation
from fsdb.models.program import Argmax, Regression, Several, Threshold


def numbers(slots: Sequence[int]) -> Prediction:
    """A regression of one target, or of several."""
    if len(slots) == 1:
        return Prediction(Regression(slots[0]))
    return Prediction(Several(tuple(map(Regression, slots)), ()))


def choices(shares: Sequence[Sequence[int]], classes: Sequence[Sequence[Any]]) -> Prediction:
    """For each target the first class with the largest share."""
    targets = tuple(Argmax(tuple(slots), None) for slots in shares)
    return Prediction(Several(targets, tuple(map(len, classes))), classes=labels(classes))


def zeros_and_ones(scores: Sequence[int]) -> Prediction:
    """Several labels a row: 1 for each whose score is above 0, else 0."""
    each = tuple(Threshold(score, inclusive=False, probability=None) for score in scores)
    return Prediction(Several(each, (2,) * len(each)), classes=(0, 1) * len(each))


def labels(classes: Sequence[Sequence[Any]]) -> tuple[Any, ...]:
    """The targets' classes one after another, as plain values."""
    return tuple(label.item() if hasattr(label, "item") else label for known in classes for label in known)


def each_on_its_own(estimator: Any, slots: Sequence[Slot], translation: Translation) -> Prediction:
    """MultiOutputRegressor, MultiOutputClassifier: an estimator for each target."""
    found = [translation.predict(member, slots, translation) for member in estimator.estimators_]
    outputs: list[Regression | Threshold | Argmax] = []
    for prediction in found:
        match prediction.output:
            case Regression() as output:
                outputs.append(output)
            case Threshold() as output:
                outputs.append(replace(output, probability=None))
            case Argmax() as output:
                outputs.append(replace(output, probabilities=None))
            case Several():
                translation.refuse(estimator, "has a member that predicts several targets itself")
    if len(outputs) == 1:
        return replace(found[0], output=outputs[0])
    if any(isinstance(output, Regression) for output in outputs):
        if not all(isinstance(output, Regression) for output in outputs):
            translation.refuse(estimator, "has members that predict numbers and others that predict classes")
        return Prediction(Several(tuple(outputs), ()))
    classes = [prediction.classes for prediction in found]
    return Prediction(Several(tuple(outputs), tuple(map(len, classes))), classes=labels(classes))


def chain(estimator: Any, slots: Sequence[Slot], translation: Translation) -> Prediction:
    """RegressorChain: each estimator sees the columns and what the ones before it gave."""
    columns = translation.bounded(estimator, slots, missing=False)
    if any(slot.sparse for slot in columns):
        translation.refuse(estimator, "is given a sparse matrix")
    values = []
    for member in estimator.estimators_:
        output = translation.predict(member, columns, translation).output
        if not isinstance(output, Regression):
            translation.refuse(estimator, f"has a {type(member).__name__}, which does not predict one number")
        values.append(output.value)
        columns = [*columns, Slot(output.value, "number", type(member).__name__, missing=False)]
    return numbers([values[place] for place in np.argsort(estimator.order_)])
