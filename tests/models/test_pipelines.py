"""Whole pipelines, native predict as the oracle."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from psycopg import sql
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from fsdb.models import compile_functions, native_outputs, program_of, same_outputs
from tests.conftest import TestDatabase
from tests.models.parity import assert_parity
from tests.models.scorer import score

TYPES = {"temp": "double precision", "distance": "bigint", "origin": "text"}


def flights(seed: int, count: int = 400) -> pd.DataFrame:
    """Rows with missing numbers and texts, and with the categories '' and '01234'."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "temp": rng.normal(60, 15, count),
            "distance": rng.integers(100, 3000, count).astype(float),
            "origin": rng.choice(["JFK", "LGA", "EWR", "01234", ""], count),
        }
    )
    frame.loc[rng.random(count) < 0.1, "temp"] = np.nan
    frame.loc[rng.random(count) < 0.05, "origin"] = None
    return frame


def rows_of(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """As they would come from the database."""
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return [{**row, "distance": int(row["distance"])} for row in rows]


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize(
    "predictor",
    [
        HistGradientBoostingClassifier(max_iter=20),
        HistGradientBoostingRegressor(max_iter=20),
        GradientBoostingClassifier(n_estimators=10),
        RandomForestClassifier(n_estimators=10, random_state=0),
        LogisticRegression(max_iter=1000),
    ],
    ids=lambda predictor: type(predictor).__name__,
)
def test_imputer_scaler_and_one_hot_before_each_family(
    module_database: TestDatabase, predictor: Any, seed: int
) -> None:
    frame = flights(seed)
    late = frame["temp"].fillna(50) + frame["distance"] / 50 + 20 * (frame["origin"] == "JFK") > 95
    columns = ColumnTransformer(
        [
            ("filled", SimpleImputer(), ["temp"]),
            ("scaled", StandardScaler(), ["distance"]),
            ("coded", OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["origin"]),
        ]
    )
    pipeline = make_pipeline(columns, predictor).fit(frame, late)
    with module_database.connect() as connection:
        assert_parity(connection, pipeline, TYPES, rows_of(frame)[:200])


def test_functions_and_types_of_other_schemas_are_not_taken(module_database: TestDatabase) -> None:
    frame = flights(3)
    columns = ColumnTransformer(
        [
            ("scaled", make_pipeline(SimpleImputer(), StandardScaler()), ["temp", "distance"]),
            ("coded", OneHotEncoder(handle_unknown="ignore"), ["origin"]),
        ]
    )
    model = make_pipeline(columns, LogisticRegression()).fit(frame, frame["distance"] > 1000)
    program = program_of(model, TYPES)
    rows = rows_of(frame)[:20]
    with module_database.connect() as connection:
        connection.execute("CREATE SCHEMA foreign_things")
        connection.execute("CREATE DOMAIN foreign_things.text AS pg_catalog.text CHECK (false)")
        for name in ("abs", "exp", "sign"):
            connection.execute(
                sql.SQL(
                    "CREATE FUNCTION foreign_things.{}(float8) RETURNS float8 LANGUAGE sql AS 'SELECT 42.0::float8'"
                ).format(sql.Identifier(name))
            )
        connection.execute("SET search_path = foreign_things, pg_catalog")
        for statement in compile_functions(program, "public", "guarded"):
            connection.execute(statement)
        outputs = score(connection, program, rows, "guarded")
    native = native_outputs(model, program, rows)
    assert all(same_outputs(*pair) for pair in zip(native, outputs, strict=True))
