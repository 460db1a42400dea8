"""The model: will the flight arrive more than 15 minutes late?"""

import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder

CATEGORIES = ["carrier", "origin"]
COUNTS = ["engines", "seats"]
NUMBERS = [
    *("distance", "hour", "weekday"),
    *("temp", "dewp", "humid", "wind_speed", "wind_gust", "precip", "pressure", "visib"),
    *("last_arr_delay", "last_dep_delay", "last_distance", "flights_today"),
    *("departures", "mean_dep_delay", "worst_dep_delay"),
    "year",
]
INPUTS = [*CATEGORIES, *COUNTS, *NUMBERS]


def pipeline() -> Pipeline:
    """Gradient-boosted trees over one-hot carriers and airports, imputed counts, and numbers that may be missing."""
    columns = ColumnTransformer(
        [
            ("categories", OneHotEncoder(handle_unknown="ignore", sparse_output=False), CATEGORIES),
            ("counts", SimpleImputer(strategy="median"), COUNTS),
            ("numbers", "passthrough", NUMBERS),
        ]
    )
    return make_pipeline(columns, HistGradientBoostingClassifier(max_iter=80, learning_rate=0.1, random_state=7))


def fit(frame: pd.DataFrame) -> Pipeline:
    """The pipeline fitted on the frame's inputs and its column `late`."""
    return pipeline().fit(frame[INPUTS], frame["late"].astype(bool))


def auc(model: Pipeline, frame: pd.DataFrame) -> float:
    """Area under the ROC curve of the model on a labelled frame."""
    return float(roc_auc_score(frame["late"].astype(bool), model.predict_proba(frame[INPUTS])[:, 1]))
