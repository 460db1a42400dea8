"""Ensembles of whole pipelines on named columns, texts among them."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    MaxAbsScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PowerTransformer,
    TargetEncoder,
)

from fsdb.errors import UnsupportedModel
from fsdb.models import program_of
from tests.conftest import TestDatabase
from tests.models.parity import assert_parity

TYPES = {"distance": "integer", "place": "text", "temp": "real", "unused": "date"}
PLACES = ["JFK", "", "01234", "1234", "Zürich", None]


def _frame(seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    places = np.array(PLACES, dtype=object)[rng.integers(0, len(PLACES), 200)]
    temp = rng.normal(60, 15, 200).astype(np.float32).astype(float)
    temp[::9] = np.nan
    return pd.DataFrame(
        {"temp": temp, "place": pd.Series(places, dtype=object), "distance": rng.integers(0, 3000, 200).astype(float)}
    )


def _rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")[:60]
    rows = [{**row, "distance": int(row["distance"])} for row in rows]
    return [*rows, {**rows[0], "place": "never seen"}, {**rows[1], "temp": None}, {**rows[2], "distance": None}]


def _columns(encoder: Any) -> ColumnTransformer:
    numbers = FeatureUnion(
        [("power", make_pipeline(SimpleImputer(), PowerTransformer())), ("filled", SimpleImputer(add_indicator=True))]
    )
    bins = make_pipeline(FunctionTransformer(np.log1p), KBinsDiscretizer(4, quantile_method="averaged_inverted_cdf"))
    return ColumnTransformer([("t", numbers, ["temp"]), ("p", encoder, ["place"]), ("d", bins, ["distance"])])


ONE_HOT = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=20)
LINEAR = make_pipeline(_columns(ONE_HOT), MaxAbsScaler(), LogisticRegression(max_iter=500))
TARGET = make_pipeline(_columns(TargetEncoder(cv=KFold(2))), MaxAbsScaler(), LogisticRegression(max_iter=500))
FOREST = make_pipeline(
    _columns(OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2)),
    RandomForestClassifier(4, max_depth=4, random_state=0),
)
BOOSTED = Pipeline(
    [
        ("columns", ColumnTransformer([("keep", "passthrough", ["temp", "distance"])])),
        ("model", HistGradientBoostingClassifier(max_iter=4)),
    ]
)

COMPOSED: dict[str, Any] = {
    "voting": VotingClassifier([("l", LINEAR), ("f", FOREST), ("b", BOOSTED)], voting="soft", weights=[1, 2, 3]),
    "hard voting": VotingClassifier([("l", TARGET), ("f", FOREST), ("b", BOOSTED)]),
    "stacking": StackingClassifier([("l", LINEAR), ("f", FOREST), ("b", BOOSTED)], cv=2),
    "calibrated": CalibratedClassifierCV(FOREST, cv=2, method="isotonic"),
    "search": GridSearchCV(LINEAR, {"logisticregression__C": [0.1, 1.0]}, cv=2),
    "calibrated search": CalibratedClassifierCV(
        GridSearchCV(LINEAR, {"logisticregression__C": [0.1, 1.0]}, cv=2), cv=2
    ),
}


@pytest.mark.parametrize("name", COMPOSED)
@pytest.mark.parametrize("classes", [2, 3])
def test_pipelines_within_ensembles(module_database: TestDatabase, name: str, classes: int) -> None:
    frame = _frame(401)
    score = frame["distance"] / 1000 + (frame["place"] == "JFK") + frame["temp"].fillna(60) / 30
    y = np.array(["early", "late", "never"])[np.digitize(score, [3.5] if classes == 2 else [3.0, 4.0])]
    with module_database.connect() as connection:
        program = assert_parity(connection, COMPOSED[name].fit(frame, y), TYPES, _rows(frame), limit=100)
    assert sorted(given.name for given in program.inputs) == ["distance", "place", "temp"]
    assert program.has_probability is (name != "hard voting")


def test_an_input_that_a_part_needs_is_asked_for() -> None:
    frame = _frame(402)
    model = VotingClassifier([("l", LINEAR), ("b", BOOSTED)]).fit(frame, frame["distance"] > 1000)
    with pytest.raises(UnsupportedModel, match="'place', which no input is bound to"):
        program_of(model, {"temp": "real", "distance": "integer"})
