"""Linear and logistic models, scaling, and float64 arithmetic where PostgreSQL would raise an error."""

from typing import Any

import numpy as np
import pytest
from sklearn.base import is_classifier
from sklearn.linear_model import ElasticNet, Lasso, LinearRegression, LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fsdb.models import native_outputs, program_of
from tests.conftest import TestDatabase
from tests.models.edges import edge_rows
from tests.models.parity import assert_parity
from tests.models.scorer import deploy, score

NAMES = ["a", "b", "c"]
TYPES = dict.fromkeys(NAMES, "double precision")
# Sums of these leave float64, where PostgreSQL reports an error instead of infinity: not for linear models.
TOO_LARGE = 1e200


def moderate(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows without finite numbers so large that a linear model's own result is infinite."""
    return [row for row in rows if all(v is None or not TOO_LARGE < abs(v) < np.inf for v in row.values())]


@pytest.mark.parametrize("seed", [21, 22])
@pytest.mark.parametrize(
    "estimator",
    [
        LinearRegression(),
        LinearRegression(fit_intercept=False),
        Ridge(),
        Lasso(alpha=0.1),
        ElasticNet(alpha=0.1),
        LogisticRegression(),
        LogisticRegression(C=1e6, fit_intercept=False),
        make_pipeline(StandardScaler(), LogisticRegression()),
        make_pipeline(StandardScaler(with_mean=False), Ridge()),
        make_pipeline(StandardScaler(with_std=False), Ridge()),
    ],
    ids=lambda estimator: repr(estimator).replace(" ", "").replace("\n", ""),
)
def test_linear_models(module_database: TestDatabase, estimator: Any, seed: int) -> None:
    X = np.random.default_rng(seed).normal(3, 5, size=(200, 3))
    y = X @ [1.0, -2.0, 0.5] > 1 if is_classifier(estimator) else X @ [1.0, -2.0, 1e-4]
    with module_database.connect() as connection:
        assert_parity(connection, estimator.fit(X, y), TYPES, moderate(edge_rows(NAMES, seed)))


@pytest.mark.parametrize("labels", [(3, 1, 2), ("x", "y", "z"), (1.0, 2.0, 3.0)])
def test_multinomial_logistic_regression(module_database: TestDatabase, labels: tuple[Any, ...]) -> None:
    X = np.random.default_rng(23).normal(size=(300, 3))
    y = np.array(labels)[np.argmax(X, axis=1)]
    with module_database.connect() as connection:
        program = assert_parity(connection, LogisticRegression().fit(X, y), TYPES, moderate(edge_rows(NAMES, 23)))
    assert program.classes == tuple(sorted(labels))


@pytest.mark.parametrize("magnitude", [1.0, 40.0, 700.0, 745.0, 1e4, 1e300])
def test_probabilities_saturate_without_an_error(module_database: TestDatabase, magnitude: float) -> None:
    X = np.random.default_rng(24).normal(size=(200, 2))
    rows = [{"a": a * magnitude, "b": b} for a in (-1.0, -0.999, 0.999, 1.0) for b in (-1.0, 0.0, 1.0)]
    with module_database.connect() as connection:
        for y in (X[:, 0] > 0, np.digitize(X[:, 0], [-0.5, 0.5])):
            model = LogisticRegression(C=10).fit(X, y)
            model.coef_ /= np.abs(model.coef_).max()
            assert_parity(connection, model, dict.fromkeys("ab", "double precision"), rows)


def test_a_score_of_zero_is_the_first_class(module_database: TestDatabase) -> None:
    model = LogisticRegression(fit_intercept=False).fit([[-1.0], [1.0]], [0, 1])
    rows = [{"a": a} for a in (0.0, -0.0, 5e-324, -5e-324, 1e-320)]
    with module_database.connect() as connection:
        assert_parity(connection, model, {"a": "double precision"}, rows)


@pytest.mark.parametrize("scale", [1e-300, 1e-10, 0.3, 1.0, 7.0, 1e200])
@pytest.mark.parametrize("mean", [0.0, 2.5, -1e280])
def test_scaling_neither_overflows_nor_underflows(module_database: TestDatabase, scale: float, mean: float) -> None:
    from sklearn.ensemble import HistGradientBoostingRegressor  # takes the infinite results

    scaler = StandardScaler().fit([[0.0], [1.0]])
    scaler.mean_, scaler.scale_ = np.array([mean]), np.array([scale])
    X = np.linspace(-1, 1, 200)[:, None]
    X[0], X[-1] = -np.inf, np.inf
    model = make_pipeline(scaler, HistGradientBoostingRegressor(max_iter=5).fit(X, np.arange(200.0)))
    with module_database.connect() as connection:
        assert_parity(connection, model, {"a": "double precision"}, edge_rows(["a"], 25))


def test_a_result_beyond_float64_is_refused_by_postgresql(module_database: TestDatabase) -> None:
    model = LinearRegression().fit([[0.0], [1.0]], [0.0, 1e10])
    program = program_of(model, {"a": "double precision"})
    row = {"a": 1.7e308}
    assert native_outputs(model, program, [row]) == [{"prediction": np.inf}]
    with module_database.connect() as connection:
        deploy(connection, program)
        assert score(connection, program, [row])[0]["code"] == "22003"


def test_models_wider_than_a_function_has_parameters(module_database: TestDatabase) -> None:
    rng = np.random.default_rng(26)
    names = [f"f{number}" for number in range(700)]
    model = make_pipeline(StandardScaler(), Ridge()).fit(rng.normal(size=(50, 700)), rng.normal(size=50))
    rows = [dict(zip(names, row, strict=True)) for row in rng.normal(size=(20, 700)).tolist()]
    rows.append({**rows[0], "f699": None})
    with module_database.connect() as connection:
        assert_parity(connection, model, dict.fromkeys(names, "double precision"), rows)
