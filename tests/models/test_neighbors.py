"""Nearest neighbours, also at the points themselves; and what is equally far."""

from typing import Any

import numpy as np
import pytest
from sklearn.base import is_classifier
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fsdb.models import program_of
from tests.conftest import TestDatabase
from tests.models.edges import edge_rows
from tests.models.parity import assert_parity
from tests.models.scorer import deploy, score

NAMES = ["a", "b", "c"]
TYPES = dict.fromkeys(NAMES, "double precision")
TOO_FAR = 1e3  # from so far all points are at the same distance in float64


@pytest.mark.parametrize(
    "estimator",
    [
        KNeighborsRegressor(),
        KNeighborsRegressor(3, weights="distance", p=1),
        KNeighborsRegressor(4, algorithm="brute"),
        KNeighborsRegressor(1, algorithm="ball_tree"),
        make_pipeline(StandardScaler(), KNeighborsRegressor(3)),
        KNeighborsClassifier(),
        KNeighborsClassifier(4, weights="distance"),
        KNeighborsClassifier(3, algorithm="brute", metric="manhattan"),
    ],
    ids=lambda estimator: " ".join(repr(estimator).split()),
)
@pytest.mark.parametrize("classes", [2, 3])
def test_nearest_points(module_database: TestDatabase, estimator: Any, classes: int) -> None:
    X = np.random.default_rng(301).normal(size=(120, 3))
    y = X @ [1.0, -2.0, 0.5]
    if is_classifier(estimator):
        y = np.digitize(y, [0.0] if classes == 2 else [-0.7, 0.7])
    rows = [
        row
        for row in edge_rows(NAMES, 301, 20)
        if all(v is None or not TOO_FAR < abs(v) < np.inf for v in row.values())
    ]
    rows += [dict(zip(NAMES, row, strict=True)) for row in X[:20].tolist()]
    with module_database.connect() as connection:
        assert_parity(connection, estimator.fit(X, y), TYPES, rows)


def test_points_equally_far_are_refused_where_they_disagree(module_database: TestDatabase) -> None:
    points = np.array([[0.0], [1.0], [1.0], [3.0], [3.0], [5.0]])
    model = KNeighborsRegressor(1).fit(points, [10.0, 20.0, 20.0, 30.0, 31.0, 40.0])
    program = program_of(model, {"a": "double precision"})
    rows = [{"a": a} for a in (0.1, 1.0, 1.2, 4.9, 0.5, 3.0)]
    with module_database.connect() as connection:
        deploy(connection, program)
        found = score(connection, program, rows)
        assert [row.get("prediction") for row in found] == [10.0, 20.0, 20.0, 40.0, None, None]
        assert "equally far" in found[-1]["error"]


def test_points_at_no_distance_count_alone(module_database: TestDatabase) -> None:
    points = np.array([[0.0], [1.0], [1.0], [3.0], [3.5], [5.0]])
    model = KNeighborsRegressor(3, weights="distance", algorithm="kd_tree")
    fitted = model.fit(points, [10.0, 20.0, 24.0, 30.0, 31.0, 40.0])
    rows = [{"a": a} for a in (0.0, 1.0, 0.3, 1.1, 5.0, 1e-200)]
    with module_database.connect() as connection:
        assert_parity(connection, fitted, {"a": "double precision"}, rows)
