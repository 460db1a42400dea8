"""CalibratedClassifierCV."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from fsdb.models.frontends.sklearn.responses import complement, mean, probabilities
from fsdb.models.frontends.sklearn.translation import Prediction, Slot, Translation, floats
from fsdb.models.program import Argmax
from fsdb.models.steps import Apply, Logistic, Piecewise, Scale, Shares, Softmax

_LOG_FLOOR = 1e-12  # what scikit-learn adds to a probability before its logarithm


def calibrated_classifier(estimator: Any, slots: Sequence[Slot], translation: Translation) -> Prediction:
    """The mean of the calibrated members' probabilities."""
    parts = [_member(estimator, member, slots, translation) for member in estimator.calibrated_classifiers_]
    shares = tuple(mean(parts, None, translation))
    return Prediction(Argmax(shares, shares))


def _member(estimator: Any, member: Any, slots: Sequence[Slot], translation: Translation) -> Sequence[int]:
    """Calibrators see the decision, else the probability; for two classes that of the second."""
    prediction = translation.predict(member.estimator, slots, translation)
    count = len(member.classes)
    if list(prediction.classes) not in (list(member.classes), list(range(count))):
        translation.refuse(estimator, "has a member that knows other classes than itself")
    shares = probabilities(prediction, translation)
    responses = prediction.decision or (shares[1:] if count == 2 else shares)
    if not responses:
        translation.refuse(estimator, "calibrates an estimator that gives neither a decision nor a probability")
    if member.method == "temperature":
        return _temperature(member.calibrators[0], prediction, responses, count, translation)
    calibrated = [
        _sigmoid(calibrator, response, translation)
        if member.method == "sigmoid"
        else _isotonic(estimator, calibrator, response, translation)
        for calibrator, response in zip(member.calibrators, responses, strict=True)
    ]
    if count == 2:
        return (*complement(calibrated[0], translation), calibrated[0])
    return translation.add(Shares(tuple(calibrated), uniform=True))


def _sigmoid(calibrator: Any, response: int, translation: Translation) -> int:
    """Platt's scaling: 1 / (1 + exp(a x + b))."""
    [exponent] = translation.linear([response], [[-float(calibrator.a_)]], [-float(calibrator.b_)])
    return translation.add(Logistic(exponent, 1.0))[0]


def _isotonic(estimator: Any, calibrator: Any, response: int, translation: Translation) -> int:
    """Linear between the thresholds, constant beyond them."""
    knots, values = np.asarray(calibrator.X_thresholds_), np.asarray(calibrator.y_thresholds_)
    if knots.dtype != np.float64 or calibrator.out_of_bounds != "clip":
        translation.refuse(estimator, f"calibrates in {knots.dtype}, where only float64 is supported")
    slopes = np.diff(values) / np.diff(knots)
    step = Piecewise(
        response,
        floats(knots),
        floats(values),
        floats(values[:-1]),
        floats(slopes),
        below=float(values[0]),
        above=float(values[-1]),
    )
    return translation.add(step)[0]


def _temperature(
    calibrator: Any, prediction: Prediction, responses: Sequence[int], count: int, translation: Translation
) -> Sequence[int]:
    """The softmax of the logits times beta (Guo et al. 2017)."""
    if prediction.decision and count == 2:
        logits: Sequence[int] = translation.linear(responses, [[-1.0], [1.0]], [0.0, 0.0])
    elif prediction.decision:
        logits = responses
    else:
        shares = responses if count > 2 else (*complement(responses[0], translation), responses[0])
        raised = translation.add(Scale(tuple(shares), (-_LOG_FLOOR,) * count, (1.0,) * count))
        logits = translation.add(Apply("log", tuple(raised)))
    scaled = [translation.linear([logit], [[float(calibrator.beta_)]], [0.0])[0] for logit in logits]
    return translation.add(Softmax(tuple(scaled)))
