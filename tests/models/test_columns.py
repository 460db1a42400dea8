"""ColumnTransformer and Pipeline: how columns find their way."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.ensemble import GradientBoostingRegressor, HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from fsdb.models import program_of
from tests.conftest import TestDatabase
from tests.models.parity import assert_parity

# The order is not that of the model, one name needs quotes, and `prediction` is what the function returns.
TYPES = {
    "prediction": "double precision",
    "place": "text",
    "unused": "date",
    'a "b" %': "double precision",
    "n": "integer",
}


def frame_of(seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "n": rng.integers(0, 9, 300).astype(float),
            'a "b" %': rng.normal(size=300),
            "place": pd.Series(rng.choice(["JFK", "LGA", "EWR"], 300), dtype=object),
            "prediction": rng.normal(5, 2, size=300),
        }
    )
    frame.loc[::7, "prediction"] = np.nan
    return frame


def rows_of(frame: pd.DataFrame) -> list[dict[str, Any]]:
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return [{**row, "n": int(row["n"])} for row in rows[:100]]


NUMBERS = make_pipeline(SimpleImputer(), StandardScaler())
ONE_HOT = OneHotEncoder(sparse_output=False)

TRANSFORMERS = {
    "names": ColumnTransformer([("p", ONE_HOT, ["place"]), ("n", NUMBERS, ["prediction", "n"])]),
    "remainder": ColumnTransformer([("p", ONE_HOT, ["place"])], remainder="passthrough"),
    "remainder_estimator": ColumnTransformer([("p", OrdinalEncoder(), ["place"])], remainder=NUMBERS),
    "positions": ColumnTransformer([("p", ONE_HOT, [2]), ("n", NUMBERS, [-1, 0])]),
    "slice": ColumnTransformer([("p", ONE_HOT, slice(2, 3)), ("n", NUMBERS, slice(0, 2))]),
    "label_slice": ColumnTransformer([("p", ONE_HOT, ["place"]), ("n", NUMBERS, slice("n", 'a "b" %'))]),
    "mask": ColumnTransformer([("p", ONE_HOT, [False, False, True, False]), ("n", NUMBERS, [True, True, False, True])]),
    "selector": ColumnTransformer(
        [
            ("p", ONE_HOT, make_column_selector(dtype_include=object)),
            ("n", NUMBERS, make_column_selector(dtype_include="number")),
        ]
    ),
    "drop": ColumnTransformer([("p", "drop", ["place"]), ("n", "passthrough", ["n", "prediction"])]),
    "twice": ColumnTransformer([("a", NUMBERS, ["n"]), ("b", "passthrough", ["n"]), ("c", ONE_HOT, ["n", "place"])]),
    "empty": ColumnTransformer([("e", StandardScaler(), []), ("n", NUMBERS, ["n"])]),
    "sparse": ColumnTransformer(
        [("p", OneHotEncoder(), ["place", "n"]), ("n", NUMBERS, ["prediction"])], sparse_threshold=1.0
    ),
    "pandas": ColumnTransformer([("p", ONE_HOT, ["place"])], remainder=NUMBERS).set_output(transform="pandas"),
}


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_columns_reach_their_transformers(module_database: TestDatabase, name: str) -> None:
    frame = frame_of(61)
    y = frame["n"] + frame['a "b" %'] + 3 * (frame["place"] == "JFK")
    models = [RandomForestRegressor(4, max_depth=6, random_state=0)]
    if name not in ("remainder", "drop"):  # what is passed through has missing values
        models += [make_pipeline(StandardScaler(with_mean=False), Ridge()), GradientBoostingRegressor(n_estimators=5)]
    if name != "sparse":
        models.append(HistGradientBoostingRegressor(max_iter=5))
    with module_database.connect() as connection:
        for model in models:
            fitted = make_pipeline(TRANSFORMERS[name], model).fit(frame, y)
            program = assert_parity(connection, fitted, TYPES, rows_of(frame), limit=100)
            assert [given.name for given in program.inputs] == list(frame.columns)


def test_nested_pipelines_and_passthrough_steps(module_database: TestDatabase) -> None:
    frame = frame_of(62)
    inner = ColumnTransformer([("p", ONE_HOT, ["place"])], remainder="passthrough").set_output(transform="pandas")
    outer = ColumnTransformer([("keep", "passthrough", ["p__place_JFK"]), ("n", NUMBERS, ["remainder__n"])])
    model = Pipeline(
        [("none", "passthrough"), ("inner", inner), ("outer", outer), ("last", Pipeline([("r", Ridge())]))]
    )
    with module_database.connect() as connection:
        assert_parity(connection, model.fit(frame, frame["n"]), TYPES, rows_of(frame))


def test_inputs_of_a_model_without_names_go_by_position(module_database: TestDatabase) -> None:
    frame = frame_of(63)[["place", "n"]]
    model = make_pipeline(ColumnTransformer([("p", ONE_HOT, [0])], remainder="passthrough"), Ridge())
    fitted = model.fit(frame.to_numpy(dtype=object), frame["n"])
    with module_database.connect() as connection:
        rows = [{"one": "JFK", "two": 3}, {"one": "LGA", "two": 4}]
        assert_parity(connection, fitted, {"one": "text", "two": "integer"}, rows)


def test_a_dropped_column_need_not_be_an_input(module_database: TestDatabase) -> None:
    frame = frame_of(64)
    model = make_pipeline(ColumnTransformer([("n", NUMBERS, ["n"])]), Ridge()).fit(frame, frame["n"])
    program = program_of(model, {"n": "integer"})
    assert [given.name for given in program.inputs] == ["n"]
    with module_database.connect() as connection:
        assert_parity(connection, model, {"n": "integer"}, [{"n": 3}, {"n": None}])
