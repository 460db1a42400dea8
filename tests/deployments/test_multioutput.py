"""A model of several targets as a table: inserted, replayed, replaced, rolled back, and scored in bulk."""

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import psycopg
import pyarrow as pa
import pytest
from sklearn.ensemble import RandomForestRegressor
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeClassifier

from fsdb.deployments import compare, deploy, register_model, replay, rollback
from fsdb.deployments.bulk.score import score
from fsdb.errors import FsdbError, InvalidDefinition
from tests.deployments.world import World, frame, requests, score_of

INPUTS = {"temp": "weather.temp", "wind": "weather.wind", "distance": "double precision"}


def fitted(seed: int, labels: bool = False) -> Any:
    """Two numbers, or two texts, of three columns with gaps."""
    data = frame(200, seed)
    target = score_of(data)
    if labels:
        words = np.column_stack([np.where(target > 3, 'late"', "on, time"), np.where(data.hour > 12, "{p.m.}", "a'm")])
        return DecisionTreeClassifier(max_depth=4, random_state=seed).fit(data[list(INPUTS)], words.astype(object))
    forest = RandomForestRegressor(4, max_depth=4, random_state=seed)
    return make_pipeline(SimpleImputer(), forest).fit(data[list(INPUTS)], np.column_stack([target, -2 * target]))


def given(world: World, estimator: Any, row: dict[str, Any]) -> Any:
    """What the estimator says of a request now."""
    values = world.given(row, datetime.now(UTC))
    columns = pd.DataFrame([{name: values[name] for name in INPUTS}]).astype(float)
    return estimator.predict(columns)[0].tolist()


def inserted(connection: psycopg.Connection, row: dict[str, Any]) -> Any:
    """The recorded prediction and its version."""
    return connection.execute(
        "INSERT INTO delays (origin, distance) VALUES (%(origin)s, %(distance)s) RETURNING prediction, model_version",
        row,
    ).fetchone()


def test_numbers_of_two_targets(world: World) -> None:
    models = [fitted(1), fitted(2)]
    for model in models:
        register_model(world.connection, "delays", model, inputs=INPUTS)
    deploy(world.connection, "delays", "delays", 1)
    rows = [row for row in requests() if row["origin"] is not None][::3]
    for row in rows:
        prediction, version = inserted(world.connection, row)
        assert version == 1
        assert prediction == pytest.approx(given(world, models[0], row), rel=1e-9)
    deploy(world.connection, "delays", "delays", 2)
    assert inserted(world.connection, rows[0])[0] == pytest.approx(given(world, models[1], rows[0]), rel=1e-9)
    rollback(world.connection, "delays")
    assert inserted(world.connection, rows[0])[1] == 1
    found = score(
        world.connection, "delays", pa.Table.from_pylist([{k: r[k] for k in ("origin", "distance")} for r in rows])
    )
    assert [list(map(float, p)) for p in found["prediction"].to_pylist()] == pytest.approx(
        np.array([given(world, models[0], row) for row in rows]), rel=1e-9
    )
    with pytest.raises(InvalidDefinition, match="several targets"):
        compare(world.connection, "delays", "labels", "label")
    told = replay(world.connection, "delays")
    assert (told.checked, told.different) == (len(rows) + 2, 0)


def test_texts_of_two_targets(world: World) -> None:
    model = fitted(3, labels=True)
    version = register_model(world.connection, "delays", model, inputs=INPUTS)
    assert version.prediction_type == "text[]"
    assert version.classes == ('late"', "on, time", "a'm", "{p.m.}")
    assert version.rows_checked > 20
    deploy(world.connection, "delays", "delays")
    for row in requests()[::5]:
        assert inserted(world.connection, row)[0] == given(world, model, row)
    assert replay(world.connection, "delays").different == 0


def test_a_table_of_one_number_does_not_take_two(world: World) -> None:
    single = RandomForestRegressor(2, random_state=0).fit(frame()[list(INPUTS)].fillna(0), score_of(frame()))
    register_model(world.connection, "delays", single, inputs=INPUTS)
    register_model(world.connection, "delays", fitted(1), inputs=INPUTS)
    deploy(world.connection, "delays", "delays", 1)
    with pytest.raises(FsdbError, match=r"predicts double precision\[\], but table delays holds double precision"):
        deploy(world.connection, "delays", "delays", 2)
