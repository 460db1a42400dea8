"""Multi-layer perceptrons."""

from collections.abc import Sequence
from typing import Any

from fsdb.models.frontends.sklearn import targets
from fsdb.models.frontends.sklearn.translation import Prediction, Slot, Translation, floats
from fsdb.models.program import Argmax, Threshold
from fsdb.models.steps import Exponential, Layer, Logistic, Scale, Softmax

_MOST_WEIGHTS = 20_000  # computed in about 20 ms


def mlp_regressor(estimator: Any, slots: Sequence[Slot], translation: Translation) -> Prediction:
    """The last layer as it is, or its exponential for the Poisson loss."""
    outputs = _layers(estimator, slots, translation)
    if estimator.out_activation_ == "exp":
        return targets.numbers([translation.add(Exponential(output))[0] for output in outputs])
    return targets.numbers(outputs)


def mlp_classifier(estimator: Any, slots: Sequence[Slot], translation: Translation) -> Prediction:
    """Binary: probability above a half; several classes: the largest probability; several labels a row: 1 or 0 for each."""
    outputs = _layers(estimator, slots, translation)
    if len(outputs) == 1:
        [probability] = translation.add(Logistic(outputs[0], 1.0))
        [score] = translation.add(Scale((probability,), (0.5,), (1.0,)))
        return Prediction(Threshold(score, inclusive=False, probability=probability))
    if estimator.out_activation_ != "softmax":
        return _labels(outputs, translation)
    shares = tuple(translation.add(Softmax(tuple(outputs))))
    return Prediction(Argmax(shares, shares))


def _labels(outputs: range, translation: Translation) -> Prediction:
    shares = tuple(translation.add(Logistic(output, 1.0))[0] for output in outputs)
    return targets.zeros_and_ones(translation.add(Scale(shares, (0.5,) * len(shares), (1.0,) * len(shares))))


def _layers(estimator: Any, slots: Sequence[Slot], translation: Translation) -> range:
    weights = sum(matrix.size for matrix in estimator.coefs_)
    if weights > _MOST_WEIGHTS:
        translation.refuse(
            estimator,
            f"has {weights:,} weights, more than the {_MOST_WEIGHTS:,} that a function can hold: make it smaller",
        )
    columns = tuple(slot.index for slot in translation.bounded(estimator, slots, missing=False))
    last = len(estimator.coefs_) - 1
    outputs = range(0)
    for number, (matrix, biases) in enumerate(zip(estimator.coefs_, estimator.intercepts_, strict=True)):
        activation = "identity" if number == last else estimator.activation
        outputs = translation.add(Layer(columns, tuple(map(floats, matrix.T)), floats(biases), activation))
        columns = tuple(outputs)
    return outputs
