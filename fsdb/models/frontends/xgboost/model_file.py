"""Models in XGBoost's own files, which hold numbers and names and no code."""

from pathlib import Path
from typing import Any

import xgboost

from fsdb.models.frontends import tried

CLASSES: dict[str, type] = {
    "xgboost.core.Booster": xgboost.Booster,
    "xgboost.sklearn.XGBModel": xgboost.XGBModel,
    "xgboost.sklearn.XGBClassifier": xgboost.XGBClassifier,
    "xgboost.sklearn.XGBRegressor": xgboost.XGBRegressor,
    "xgboost.sklearn.XGBRanker": xgboost.XGBRanker,
    "xgboost.sklearn.XGBRFClassifier": xgboost.XGBRFClassifier,
    "xgboost.sklearn.XGBRFRegressor": xgboost.XGBRFRegressor,
}


def load(path: Path, kind: str) -> Any:
    """The model in a file as one of the classes above; KeyError for another. UnsupportedModel for a file that it cannot read."""
    made = CLASSES[kind]()
    with tried.copied(path, "xgboost") as copy:
        made.load_model(copy)
    return made
