"""SimpleImputer on numbers and texts."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from tests.conftest import TestDatabase
from tests.models.edges import edge_rows
from tests.models.parity import assert_parity

NAMES = ["a", "b", "c"]
TYPES = dict.fromkeys(NAMES, "double precision")


def numbers(seed: int) -> np.ndarray:
    """A column with missing values, one without, and one that has nothing else."""
    rng = np.random.default_rng(seed)
    X = np.round(rng.normal(2, 3, size=(200, 3)))
    X[rng.random(200) < 0.3, 0] = np.nan
    X[:, 2] = np.nan
    return X


@pytest.mark.parametrize("indicator", [False, True])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"strategy": "median"},
        {"strategy": "most_frequent"},
        {"strategy": "constant"},
        {"strategy": "constant", "fill_value": -7.25},
        {"keep_empty_features": True},
    ],
    ids=str,
)
@pytest.mark.filterwarnings("ignore:Skipping features without any observed values")
def test_numbers(module_database: TestDatabase, options: dict[str, Any], indicator: bool) -> None:
    X = numbers(51)
    y = np.nan_to_num(X[:, 0], nan=9) + X[:, 1]
    imputer = SimpleImputer(add_indicator=indicator, **options)
    model = RandomForestRegressor(5, random_state=0)
    rows = [row for row in edge_rows(NAMES, 51) if all(v is None or not 1e200 < abs(v) < np.inf for v in row.values())]
    with module_database.connect() as connection:
        assert_parity(connection, make_pipeline(imputer, model).fit(X, y), TYPES, rows, limit=150)
        scaled = make_pipeline(SimpleImputer(add_indicator=indicator, **options), StandardScaler(), Ridge())
        assert_parity(connection, scaled.fit(X, y), TYPES, rows, limit=150)


def test_a_fill_that_float32_cannot_hold(module_database: TestDatabase) -> None:
    X = np.random.default_rng(52).normal(size=(50, 3))
    imputer = SimpleImputer(strategy="constant", fill_value=1e39)
    with module_database.connect() as connection:
        for model in (RandomForestRegressor(3, random_state=0), Ridge()):
            fitted = make_pipeline(imputer, model).fit(X, X[:, 0])
            assert_parity(connection, fitted, TYPES, [{"a": 1.0, "b": None, "c": 0.5}, {"a": 1.0, "b": 2.0, "c": 0.5}])


def test_a_fill_is_cast_to_the_type_seen_in_fit(module_database: TestDatabase) -> None:
    frame = pd.DataFrame({"a": np.arange(10, dtype=np.int64)})
    model = make_pipeline(SimpleImputer(strategy="constant", fill_value=3), Ridge()).fit(frame, np.arange(10.0))
    narrow = pd.DataFrame({"a": np.linspace(0, 1, 10, dtype=np.float32)})
    with module_database.connect() as connection:
        assert_parity(connection, model, {"a": "bigint"}, [{"a": None}, {"a": 4}])
        fitted = make_pipeline(SimpleImputer(), Ridge()).fit(narrow, np.arange(10.0))
        assert_parity(connection, fitted, {"a": "real"}, [{"a": None}, {"a": 0.1}])


@pytest.mark.parametrize("missing", [None, np.nan], ids=["None", "NaN"])
@pytest.mark.parametrize(
    "options",
    [{"strategy": "most_frequent"}, {"strategy": "constant"}, {"strategy": "constant", "fill_value": ""}],
    ids=str,
)
@pytest.mark.parametrize("indicator", [False, True])
def test_texts(module_database: TestDatabase, options: dict[str, Any], missing: Any, indicator: bool) -> None:
    values = np.array(["JFK", "LGA", missing, "JFK", "01"] * 10, dtype=object)
    frame = pd.DataFrame({"place": pd.Series(values, dtype=object)})
    imputer = SimpleImputer(missing_values=missing, add_indicator=indicator, **options)
    encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    model = make_pipeline(imputer, encoder, Ridge())
    fitted = model.fit(frame, np.arange(50.0))
    with module_database.connect() as connection:
        rows = [{"place": place} for place in ("JFK", "LGA", "01", "1", "", "new", None)]
        assert_parity(connection, fitted, {"place": "text"}, rows)
