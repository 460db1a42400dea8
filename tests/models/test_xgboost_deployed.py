"""Models of both boosting libraries registered, deployed and scored by INSERT."""

from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd
import psycopg
import pytest
import xgboost as xgb

from fsdb.deployments import deploy, register_model
from fsdb.models import native_outputs, program_of

TYPES = {"temp": "double precision", "place": "text", "n": "integer"}


def frame_of(seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "n": rng.integers(0, 9, 300),
            "temp": rng.normal(size=300),
            "place": pd.Categorical(rng.choice(["JFK", "01234", "1234"], 300)),
        }
    )


def models() -> dict[str, Any]:
    frame = frame_of(61)
    late = (frame["temp"] + (frame["place"] == "01234") + frame["n"] / 9 > 1).astype(int)
    quiet = {"verbose": -1, "num_threads": 1}
    return {
        "xgboost wrapper": xgb.XGBClassifier(n_estimators=5, n_jobs=1, enable_categorical=True).fit(frame, late),
        "xgboost booster": xgb.train({"nthread": 1}, xgb.DMatrix(frame, late, enable_categorical=True), 5),
        "lightgbm wrapper": lgb.LGBMClassifier(n_estimators=5, n_jobs=1, verbose=-1).fit(frame, late),
        "lightgbm booster": lgb.train(quiet, lgb.Dataset(frame, late), 5),
    }


@pytest.mark.parametrize("name", models())
def test_a_booster_scores_inserted_rows(connection: psycopg.Connection, name: str) -> None:
    estimator = models()[name]
    rows = [{"temp": 0.5, "place": "01234", "n": 3}, {"temp": None, "place": None, "n": None}]
    version = register_model(connection, "late", estimator, inputs=TYPES, rows=rows)
    assert version.framework == name.partition(" ")[0]
    assert version.largest_difference < 1e-5
    deploy(connection, "late", "late")
    inserted = connection.execute(
        "INSERT INTO late (temp, place, n) VALUES (0.5, '01234', 3), (NULL, NULL, NULL) RETURNING prediction"
    ).fetchall()
    expected = native_outputs(estimator, program_of(estimator, {**TYPES, "n": "bigint"}), rows)
    assert [row[0] for row in inserted] == pytest.approx([row["prediction"] for row in expected], rel=1e-5)
