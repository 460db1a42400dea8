"""The walk through nested estimators."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from difflib import get_close_matches
from typing import Any

from sklearn.exceptions import NotFittedError
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from fsdb.errors import UnsupportedModel
from fsdb.models.frontends.sklearn import composition
from fsdb.models.frontends.sklearn.boosters import booster, is_booster
from fsdb.models.frontends.sklearn.kinds import CONTAINERS, PREDICTORS, TRANSFORMERS
from fsdb.models.frontends.sklearn.translation import Prediction, Slot, Translation
from fsdb.models.program import Regression, Several

_SHOWN = 10


def transform(estimator: Any, slots: Sequence[Slot], translation: Translation) -> list[Slot]:
    """The slots that a fitted transformer makes of others."""
    if isinstance(estimator, str) and estimator == "passthrough":
        return list(slots)
    _check_fitted(estimator)
    if type(estimator) is Pipeline:
        current = list(slots)
        for step in composition.steps_of(estimator):
            current = transform(step, current, translation)
        return current
    if _is_identity(estimator):  # what ColumnTransformer and set_output put in place of "passthrough"
        return list(slots)
    if type(estimator) not in TRANSFORMERS:
        raise _unsupported(estimator, "transformer", TRANSFORMERS)
    _require_bound(estimator, slots)
    return TRANSFORMERS[type(estimator)](estimator, slots, translation)


def predict(estimator: Any, slots: Sequence[Slot], translation: Translation) -> Prediction:
    """What a fitted predictor, or a pipeline that ends in one, makes of slots."""
    _check_fitted(estimator)
    if type(estimator) is Pipeline:
        *transformers, predictor = composition.steps_of(estimator)
        current = list(slots)
        for step in transformers:
            current = transform(step, current, translation)
        return predict(predictor, current, translation)
    if type(estimator) not in PREDICTORS and not is_booster(estimator):
        raise _unsupported(estimator, "predictor", PREDICTORS)
    _require_bound(estimator, slots)
    translate = booster if is_booster(estimator) else PREDICTORS[type(estimator)]
    prediction = translate(estimator, slots, translation)
    if prediction.classes or isinstance(prediction.output, Regression | Several):
        return prediction
    labels = tuple(label.item() if hasattr(label, "item") else label for label in estimator.classes_)
    return replace(prediction, classes=labels)


def _is_identity(estimator: Any) -> bool:
    return type(estimator).__name__ == "FunctionTransformer" and estimator.func is None


def _check_fitted(estimator: Any) -> None:
    try:
        check_is_fitted(estimator)
    except (NotFittedError, TypeError):
        raise UnsupportedModel(
            f"{type(estimator).__name__} is not fitted: call its fit before it is registered"
        ) from None


def check_predictor(estimator: Any) -> None:
    """UnsupportedModel unless the estimator is fitted and of a known class."""
    if type(estimator) not in PREDICTORS and type(estimator) is not Pipeline:
        raise _unsupported(estimator, "predictor", [*PREDICTORS, Pipeline])
    if type(estimator) is Pipeline and not composition.steps_of(estimator):
        raise UnsupportedModel("Pipeline has no step that does something: end it in a predictor")
    _check_fitted(estimator)


def _unsupported(estimator: Any, what: str, known: Iterable[type]) -> UnsupportedModel:
    """What is said of a class that is not known by identity: whose it is, and what to do."""
    cls = type(estimator)
    names = {one.__name__ for one in known}
    other = f" and not scikit-learn's {cls.__name__}" if cls.__name__ in names else ""
    near = get_close_matches(cls.__name__, sorted(names - {cls.__name__}), n=_SHOWN, cutoff=0.0)
    return UnsupportedModel(
        f"{cls.__name__} of {cls.__module__} is not a supported {what}{other}; register the model as ONNX, or fit it with a class "
        f"such as {', '.join(near)}"
    )


def _require_bound(estimator: Any, slots: Sequence[Slot]) -> None:
    """UnsupportedModel where the estimator needs an input that is not given, or of a type that no model takes.

    The parts of a container say themselves what they need.
    """
    if type(estimator) in CONTAINERS:
        return
    absent = sorted({slot.source for slot in slots if slot.kind == "absent"})
    if absent:
        raise UnsupportedModel(
            f"{type(estimator).__name__} was fitted with {', '.join(map(repr, absent))}, which no input is bound to: "
            "bind it, or fit without it"
        )
    for slot in slots:
        if slot.index < 0:
            raise UnsupportedModel(
                f"{type(estimator).__name__} takes the input {slot.source!r} {slot.kind}: "
                "models take numbers, boolean and text; derive one of these from it"
            )
