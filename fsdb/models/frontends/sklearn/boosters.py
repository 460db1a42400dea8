"""Models of gradient boosting libraries inside scikit-learn's, translated by those libraries' own front ends."""

from collections.abc import Sequence
from importlib import import_module
from typing import Any

from fsdb.models.frontends.boosters.columns import Column
from fsdb.models.frontends.sklearn.translation import Prediction, Slot, Translation

_LIBRARIES = ("xgboost", "lightgbm")


def is_booster(estimator: Any) -> bool:
    """Whether the estimator's class is one of these libraries'."""
    return type(estimator).__module__.partition(".")[0] in _LIBRARIES


def booster(estimator: Any, slots: Sequence[Slot], translation: Translation) -> Prediction:
    """Classifiers, regressors and rankers of XGBoost and LightGBM."""
    library = type(estimator).__module__.partition(".")[0]
    columns = [
        Column(
            slot.index,
            slot.source,
            is_text=slot.kind == "text",
            sparse=slot.sparse,
            given=slot.index < translation.inputs,
        )
        for slot in slots
    ]
    front = import_module(f"fsdb.models.frontends.{library}")
    output, labels, decision = front.output_of(estimator, columns, translation.add, translation.frame)
    return Prediction(output, decision, labels)
