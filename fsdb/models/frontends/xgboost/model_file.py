"""Models in XGBoost's own files, which hold numbers and names and no code."""

from pathlib import Path
from typing import Any

import xgboost

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
    """The model in a file as one of the classes above; KeyError for another. xgboost's errors for a file that it cannot read."""
    made = CLASSES[kind]()
    made.load_model(path)
    return made
