"""What estimators around a predictor take from it: probabilities, decisions, the number of the predicted class."""

import math
from collections.abc import Sequence

from fsdb.errors import UnsupportedModel
from fsdb.models.frontends.sklearn.translation import Prediction, Translation
from fsdb.models.program import Argmax, Regression, Several, Threshold
from fsdb.models.steps import Above, Largest, Scale

_JUST_BELOW_ZERO = math.nextafter(0.0, -1.0)


def probabilities(prediction: Prediction, translation: Translation) -> tuple[int, ...]:
    """The slots of predict_proba, one for each class; none where the predictor has no such method."""
    match prediction.output:
        case Threshold(probability=int(second)):
            return (*complement(second, translation), second)
        case Argmax(probabilities=tuple(slots)):
            return slots
        case _:
            return ()


def complement(slot: int, translation: Translation) -> range:
    """1 - x."""
    return translation.add(Scale((slot,), (1.0,), (-1.0,)))


def class_number(prediction: Prediction, translation: Translation) -> int:
    """The slot with the number of the predicted class among the classes."""
    match prediction.output:
        case Threshold(score=score, inclusive=inclusive):
            return translation.add(Above((score,), (_JUST_BELOW_ZERO if inclusive else 0.0,)))[0]
        case Argmax(scores=scores):
            return translation.add(Largest(scores))[0]
        case Regression(value=value):
            return value
        case Several():
            raise UnsupportedModel(
                "an estimator of several targets within another estimator is not supported: register it by itself"
            )


def mean(parts: Sequence[Sequence[int]], weights: Sequence[float] | None, translation: Translation) -> range:
    """The weighted mean of slots in corresponding places: added in order, then divided, as numpy does."""
    factors = [1.0] * len(parts) if weights is None else [float(weight) for weight in weights]
    total = float(sum(factors))
    sums = [translation.linear(place, [factors], [0.0])[0] for place in zip(*parts, strict=True)]
    return translation.add(Scale(tuple(sums), (0.0,) * len(sums), (total,) * len(sums)))
