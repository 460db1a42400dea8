"""Trees and ensembles at and next to every threshold, in float32 and float64."""

from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier, ExtraTreeRegressor

from fsdb.models.thresholds import as_float64
from tests.conftest import TestDatabase
from tests.models.edges import edge_rows
from tests.models.parity import assert_parity

NAMES = ["a", "b", "c"]
TYPES = dict.fromkeys(NAMES, "double precision")

ESTIMATORS: list[Any] = [
    DecisionTreeClassifier(max_depth=5),
    DecisionTreeRegressor(max_depth=9),
    DecisionTreeClassifier(max_depth=3, monotonic_cst=[1, 0, 0]),
    ExtraTreeClassifier(max_depth=6),
    ExtraTreeRegressor(),
    RandomForestClassifier(7),
    RandomForestRegressor(7),
    ExtraTreesClassifier(7, max_depth=4),
    ExtraTreesRegressor(7, max_depth=4),
    GradientBoostingClassifier(n_estimators=15),
    GradientBoostingClassifier(n_estimators=9, loss="exponential"),
    GradientBoostingClassifier(n_estimators=9, init="zero"),
    GradientBoostingRegressor(n_estimators=15),
    GradientBoostingRegressor(n_estimators=9, loss="absolute_error", init="zero"),
    GradientBoostingRegressor(n_estimators=9, loss="huber"),
    GradientBoostingRegressor(n_estimators=9, loss="quantile", alpha=0.8),
    HistGradientBoostingClassifier(max_iter=15),
    HistGradientBoostingClassifier(max_iter=9, max_depth=1),
    HistGradientBoostingRegressor(max_iter=15),
    HistGradientBoostingRegressor(max_iter=9, loss="absolute_error"),
    HistGradientBoostingRegressor(max_iter=9, loss="poisson"),
    HistGradientBoostingRegressor(max_iter=9, loss="gamma"),
    HistGradientBoostingRegressor(max_iter=9, loss="quantile", quantile=0.3),
]


def _name(estimator: Any) -> str:
    return repr(estimator).replace(" ", "")


def _target(estimator: Any, X: np.ndarray, classes: int) -> np.ndarray:
    raw = np.nan_to_num(X[:, 0], nan=1.5) * 2 + np.nan_to_num(X[:, 1], nan=-1) ** 2 - X[:, 2]
    if "Classifier" not in type(estimator).__name__:
        return np.abs(raw) + 0.1
    return np.searchsorted(np.quantile(raw, np.arange(1, classes) / classes), raw)


@pytest.mark.parametrize("seed", [11, 12])
@pytest.mark.parametrize("estimator", ESTIMATORS, ids=_name)
def test_each_family_agrees_at_its_thresholds_and_at_the_edges(
    module_database: TestDatabase, estimator: Any, seed: int
) -> None:
    X = np.random.default_rng(seed).normal(size=(300, 3))
    fitted = estimator.fit(X, _target(estimator, X, 2))
    with module_database.connect() as connection:
        assert_parity(connection, fitted, TYPES, edge_rows(NAMES, seed, 20), limit=300)


@pytest.mark.parametrize(
    "estimator",
    [
        DecisionTreeClassifier(max_depth=5),
        RandomForestClassifier(6, max_depth=4),
        ExtraTreesClassifier(6, max_depth=4),
        GradientBoostingClassifier(n_estimators=5),
        HistGradientBoostingClassifier(max_iter=5),
    ],
    ids=_name,
)
def test_several_classes(module_database: TestDatabase, estimator: Any) -> None:
    X = np.random.default_rng(3).normal(size=(300, 3))
    labels = np.array(["late", "on 'time'", "früh\\"])[_target(estimator, X, 3)]
    with module_database.connect() as connection:
        program = assert_parity(connection, estimator.fit(X, labels), TYPES, edge_rows(NAMES, 3, 20), limit=200)
    assert program.prediction_type == "text"
    assert program.has_probabilities


@pytest.mark.parametrize(
    "estimator",
    [
        DecisionTreeRegressor(max_depth=5),
        DecisionTreeClassifier(max_depth=5),
        RandomForestClassifier(6, max_depth=5),
        ExtraTreesRegressor(6, max_depth=5),
        HistGradientBoostingClassifier(max_iter=9),
    ],
    ids=_name,
)
def test_missing_values_take_the_direction_that_was_learned(module_database: TestDatabase, estimator: Any) -> None:
    rng = np.random.default_rng(4)
    X = rng.normal(size=(300, 3))
    X[rng.random((300, 3)) < 0.2] = np.nan
    y = np.nan_to_num(X[:, 0], nan=-3) + np.nan_to_num(X[:, 1], nan=3) > 0
    with module_database.connect() as connection:
        program = assert_parity(connection, estimator.fit(X, y), TYPES, edge_rows(NAMES, 4), limit=200)
    directions = {
        direction
        for step in program.steps
        for tree in getattr(step, "trees", ())
        for feature, direction in zip(tree.feature, tree.missing_left, strict=True)
        if feature >= 0
    }
    assert directions == {False, True}


def test_ties_between_trees_go_to_the_first_class(module_database: TestDatabase) -> None:
    X = np.random.default_rng(5).integers(0, 3, size=(60, 3)).astype(float)
    y = np.random.default_rng(6).integers(0, 2, size=60)
    rows = [{"a": float(a), "b": float(b), "c": float(c)} for a in range(3) for b in range(3) for c in range(3)]
    forest = RandomForestClassifier(2, max_depth=2, random_state=0).fit(X, y)
    assert (forest.predict_proba(np.array([list(row.values()) for row in rows]))[:, 0] == 0.5).any()
    with module_database.connect() as connection:
        assert_parity(connection, forest, TYPES, rows)


def test_trees_without_a_split(module_database: TestDatabase) -> None:
    X = np.random.default_rng(7).normal(size=(30, 3))
    with module_database.connect() as connection:
        for estimator in (DecisionTreeRegressor(), HistGradientBoostingRegressor(max_iter=2)):
            assert_parity(connection, estimator.fit(X, np.ones(30)), TYPES, edge_rows(NAMES, 7, 5))


@pytest.mark.parametrize("types", [("real", "integer", "numeric"), ("smallint", "numeric(12,3)", "bigint")])
def test_every_number_type_is_widened_to_float64(module_database: TestDatabase, types: tuple[str, ...]) -> None:
    rng = np.random.default_rng(8)
    X = np.round(rng.normal(0, 20, size=(300, 3)), 1)
    rows = [
        {
            name: round(value) if kind.endswith("int") or kind == "integer" else value
            for name, kind, value in zip(NAMES, types, row, strict=True)
        }
        for row in X.tolist()[:150]
    ]
    rows += [dict.fromkeys(NAMES)]
    for estimator in (GradientBoostingRegressor(n_estimators=20), HistGradientBoostingRegressor(max_iter=20)):
        with module_database.connect() as connection:
            assert_parity(connection, estimator.fit(X, X.sum(axis=1)), dict(zip(NAMES, types, strict=True)), rows)


def test_booleans_are_numbers(module_database: TestDatabase) -> None:
    X = np.random.default_rng(9).integers(0, 2, size=(50, 2)).astype(bool)
    rows = [{"a": a, "b": b} for a in (True, False, None) for b in (True, False, None)]
    model = HistGradientBoostingClassifier(min_samples_leaf=1, max_iter=5).fit(X, X[:, 0] ^ X[:, 1])
    with module_database.connect() as connection:
        program = assert_parity(connection, model, {"a": "boolean", "b": "boolean"}, rows)
    assert program.prediction_type == "boolean"


@pytest.mark.parametrize("strict", [False, True])
def test_float64_thresholds_decide_as_float32_comparisons(strict: bool) -> None:
    rng = np.random.default_rng(10)
    bits = rng.integers(0, 2**32, size=4000, dtype=np.uint32).view(np.float32)
    exact = bits[np.isfinite(bits)].astype(np.float64)
    t = np.concatenate([exact, np.nextafter(exact, np.inf), exact * (1 + 1e-9), [0.0, -0.0, 1e-46, -1e-46, 3e38, 1e39]])
    moved = np.array(as_float64(tuple(t.tolist()), strict))
    for x in (moved, np.nextafter(moved, np.inf), np.nextafter(moved, -np.inf), t):
        with np.errstate(over="ignore", under="ignore"):
            narrow = x.astype(np.float32).astype(np.float64)
        scored = np.isfinite(narrow)  # others are refused
        natively = narrow < t if strict else narrow <= t
        here = x < moved if strict else x <= moved
        assert scored.sum() > 3000
        np.testing.assert_array_equal(here[scored], natively[scored])
