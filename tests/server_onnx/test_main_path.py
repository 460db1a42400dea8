"""The main path once on PostgreSQL 15, the oldest that fsdb works on: declare, write, train, deploy, insert, copy, look after."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa
from sklearn.ensemble import HistGradientBoostingClassifier

import fsdb
from fsdb.doctor import diagnose
from tests.conftest import TestDatabase

START = datetime(2024, 1, 1, tzinfo=UTC)


# Everything is recorded today and true of 2024.
@pytest.mark.filterwarnings("ignore::fsdb.LateValues")
def test_the_main_path(database: TestDatabase, tmp_path: Path) -> None:
    weather = fsdb.FeatureSet(
        "weather",
        keys={"origin": sa.Text},
        features=[fsdb.Feature("temp", sa.Float), fsdb.Feature("wind", sa.Integer)],
    )
    generator = np.random.default_rng(0)
    versions = pd.DataFrame(
        {
            "origin": generator.choice(["JFK", "LGA", "EWR"], 900),
            "temp": generator.normal(50, 20, 900),
            "wind": generator.integers(0, 30, 900),
            "observed_at": [START + timedelta(hours=hour) for hour in range(900)],
        }
    )
    spine = pd.DataFrame(
        {
            "origin": generator.choice(["JFK", "LGA", "EWR"], 300),
            "distance": generator.uniform(100, 2000, 300),
            "at": [START + timedelta(hours=3 * hour) for hour in range(300)],
        }
    )
    expected = pd.merge_asof(spine, versions, left_on="at", right_on="observed_at", by="origin")
    spine["late"] = expected.temp.fillna(0) + spine.distance / 50 > 70

    with fsdb.connect(database.url, warehouse=str(tmp_path / "warehouse")) as store:
        store.apply([weather])
        store.ingest("weather", versions, event_time="observed_at")
        features = ["weather.temp", "weather.wind"]
        assert store.feature_vector(features, {"origin": "JFK"})["temp"] is not None
        built = {}
        for engine in ("postgres", "duckdb"):
            if engine == "duckdb":
                store.sync()
            built[engine] = store.training_set(
                spine=spine, features=features, timestamp="at", label="late", engine=engine
            )
        for training_set in built.values():
            frame = training_set.to_pandas()
            np.testing.assert_array_equal(frame.temp, expected.temp)
        built["postgres"].save("delays")
        versions["temp"] += 1
        store.ingest("weather", versions.tail(50), event_time="observed_at")
        store.load_training_set("delays").verify()

        data = frame[["temp", "wind", "distance"]].astype(float)
        estimator = HistGradientBoostingClassifier(max_iter=10).fit(data, frame.late)
        store.register_model("late", estimator, training_set=built["postgres"])
        for runtime in ("sql", "onnx"):
            deployment = store.deploy("late", table="late", runtime=runtime)
            with store.transaction() as connection:
                row = connection.execute(
                    "INSERT INTO late (origin, distance) VALUES ('JFK', 900) RETURNING prediction_id, prediction, probability"
                ).fetchone()
            given = pd.DataFrame([{**store.feature_vector(features, {"origin": "JFK"}), "distance": 900.0}])
            given = given[["temp", "wind", "distance"]].astype(float)
            assert row[1] == bool(estimator.predict(given)[0])
            assert row[2] == pytest.approx(estimator.predict_proba(given)[0, 1], rel=1e-9)
            assert len(deployment.lineage(row[0])) == 3
        assert deployment.replay().different == 0
        store.sync()
        assert "late" in repr(store.status())
        with store.transaction() as connection:
            diagnosis = diagnose(connection)
        assert diagnosis.healthy, repr(diagnosis)
        deployment.undeploy(drop_predictions=True)
