"""Each transformer before a linear model, which sees the numbers, and before trees, which see missing and infinite ones."""

import re
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA, IncrementalPCA, TruncatedSVD
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.feature_selection import (
    RFE,
    RFECV,
    SelectFromModel,
    SelectKBest,
    SelectPercentile,
    SequentialFeatureSelector,
    VarianceThreshold,
    f_regression,
)
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.linear_model import Lasso, LinearRegression, Ridge
from sklearn.model_selection import KFold
from sklearn.pipeline import FeatureUnion, make_pipeline, make_union
from sklearn.preprocessing import (
    Binarizer,
    FunctionTransformer,
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
    TargetEncoder,
)

from fsdb.models.frontends.sklearn.features import FUNCTIONS
from tests.conftest import TestDatabase
from tests.models.edges import edge_rows
from tests.models.parity import assert_parity

NAMES = ["a", "b", "c"]
TYPES = dict.fromkeys(NAMES, "double precision")
TOO_LARGE = 1e100

TAKING_MISSING: list[Any] = [
    MinMaxScaler(),
    MinMaxScaler((-2, 3), clip=True),
    MaxAbsScaler(),
    RobustScaler(),
    RobustScaler(with_centering=False, quantile_range=(10, 90)),
    RobustScaler(with_scaling=False),
    PowerTransformer(),
    PowerTransformer(standardize=False),
    QuantileTransformer(n_quantiles=20),
    QuantileTransformer(n_quantiles=20, output_distribution="normal"),
    VarianceThreshold(),
    FunctionTransformer(),
    ColumnTransformer([("s", MinMaxScaler(), [0, 1])], remainder="passthrough", transformer_weights={"s": 2.5}),
    make_union(RobustScaler(), SimpleImputer(strategy="median")),
]
TAKING_NUMBERS: list[Any] = [
    Normalizer(),
    Normalizer("l1"),
    Normalizer("max"),
    Binarizer(threshold=0.25),
    KBinsDiscretizer(4, encode="ordinal", quantile_method="averaged_inverted_cdf"),
    KBinsDiscretizer(4, encode="onehot-dense", strategy="uniform"),
    KBinsDiscretizer(3, strategy="kmeans"),
    PolynomialFeatures(),
    PolynomialFeatures(3, include_bias=False),
    PolynomialFeatures((2, 3), interaction_only=True),
    PCA(2),
    PCA(whiten=True),
    IncrementalPCA(2),
    TruncatedSVD(2),
    SelectKBest(f_regression, k=2),
    SelectPercentile(f_regression, percentile=50),
    SelectFromModel(Lasso(alpha=0.01)),
    SelectFromModel(RandomForestRegressor(3, random_state=0)),
    SequentialFeatureSelector(LinearRegression(), n_features_to_select=2, cv=2),
    RFE(LinearRegression(), n_features_to_select=2),
    RFECV(LinearRegression(), cv=2),
    FeatureUnion(
        [("p", PCA(1)), ("gone", "drop"), ("as it is", "passthrough")], transformer_weights={"p": 0.5, "as it is": -3.0}
    ),
    make_pipeline(StandardScaler(), PolynomialFeatures(2), SelectKBest(f_regression, k=4)),
    make_pipeline(OneHotEncoder(handle_unknown="ignore"), MaxAbsScaler()),
    make_pipeline(KBinsDiscretizer(3), Normalizer()),
]


def _name(estimator: Any) -> str:
    return re.sub(r" at 0x[0-9a-f]+", "", " ".join(repr(estimator).split()))


def _data(seed: int) -> tuple[np.ndarray, np.ndarray]:
    X = np.random.default_rng(seed).normal(0.5, 2, size=(120, 3))
    return X, X @ [1.0, -0.5, 0.25] + np.abs(X[:, 0])


def _rows(seed: int, most: float = TOO_LARGE) -> list[dict[str, Any]]:
    rows = edge_rows(NAMES, seed, 10)
    return [row for row in rows if all(v is None or not most < abs(v) < np.inf for v in row.values())]


def _check(database: TestDatabase, transformer: Any, model: Any, rows: list[dict[str, Any]], seed: int) -> None:
    X, y = _data(seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = make_pipeline(transformer, model).fit(X, y)
    with database.connect() as connection:
        assert_parity(connection, fitted, TYPES, rows, limit=60)


@pytest.mark.parametrize("transformer", TAKING_MISSING, ids=_name)
def test_transformers_that_take_missing_numbers(module_database: TestDatabase, transformer: Any) -> None:
    _check(module_database, transformer, HistGradientBoostingRegressor(max_iter=4, random_state=0), _rows(201), 201)
    _check(module_database, make_pipeline(SimpleImputer(), transformer), Ridge(), _rows(201), 201)


@pytest.mark.parametrize("transformer", TAKING_NUMBERS, ids=_name)
def test_transformers_that_take_no_missing_number(module_database: TestDatabase, transformer: Any) -> None:
    _check(module_database, transformer, Ridge(), _rows(202, 1e60), 202)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_of_one_number(module_database: TestDatabase, name: str) -> None:
    X = np.random.default_rng(203).normal(size=(100, 1))
    X[:6, 0] = [0.0, -0.0, 1e-9, -1e-9, 30.0, np.nan]
    function = getattr(np, name)
    model = HistGradientBoostingRegressor(max_iter=3, min_samples_leaf=2, random_state=0)
    values = [*np.linspace(-3, 3, 13).tolist(), 1e-6, -1e-6, 0.5, 2.5, 700.0, 709.7, 710.0, -745.0, 1e-160, 1e155]
    rows = [{"a": value} for value in values] + edge_rows(["a"], 203, 5)
    if name in ("sin", "cos"):
        rows = [row for row in rows if row["a"] is None or not 1e15 < abs(row["a"]) < np.inf]
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = make_pipeline(FunctionTransformer(function), model).fit(X, X[:, 0] > 0.3)
        bounded = make_pipeline(
            FunctionTransformer(function), FunctionTransformer(np.tanh), SimpleImputer(strategy="constant"), Ridge()
        ).fit(X[10:], X[10:, 0])
    with module_database.connect() as connection:
        assert_parity(connection, fitted, {"a": "double precision"}, rows)
        assert_parity(connection, bounded, {"a": "double precision"}, rows)


def test_box_cox_refuses_what_is_not_positive(module_database: TestDatabase) -> None:
    X = np.random.default_rng(204).gamma(2.0, size=(100, 2))
    rows = [row for row in edge_rows(["a", "b"], 204, 10) if not 1e30 < abs(row["a"] or 0) < np.inf]
    rows = [row for row in rows if not 1e30 < abs(row["b"] or 0) < np.inf]
    rows += [{"a": a, "b": b} for a, b in X.tolist()[:20]]
    model = HistGradientBoostingRegressor(max_iter=3, random_state=0)
    with module_database.connect() as connection:
        fitted = make_pipeline(PowerTransformer("box-cox"), model).fit(X, X[:, 0])
        assert_parity(connection, fitted, dict.fromkeys("ab", "double precision"), rows)


@pytest.mark.parametrize("power", [0.0, 2.0, 1.0, -1.3, 3.7, 1e-12])
def test_powers_with_a_limit_and_next_to_it(module_database: TestDatabase, power: float) -> None:
    X = np.random.default_rng(205).normal(size=(100, 1))
    transformer = PowerTransformer(standardize=False).fit(X)
    transformer.lambdas_ = np.array([power])
    model = make_pipeline(transformer, Ridge().fit(transformer.transform(X), X[:, 0]))
    rows = [{"a": a} for a in (0.0, -0.0, 1e-9, -1e-9, 0.3, -0.3, 1e-5, -1e-5, 17.0, -17.0, 1e-200, 5e-324)]
    with module_database.connect() as connection:
        assert_parity(connection, model, {"a": "double precision"}, rows)


TEXTS = ["JFK", "jfk", "", "01234", "1234", "Zürich", 'a"b\\c,{}', "NULL"]


@pytest.mark.parametrize("target", ["continuous", "binary", "multiclass"])
@pytest.mark.parametrize("missing", ["x", None, float("nan")], ids=["text", "None", "NaN"])
def test_target_encoder(module_database: TestDatabase, target: str, missing: Any) -> None:
    rng = np.random.default_rng(206)
    values = np.array([*TEXTS, missing], dtype=object)[rng.integers(0, len(TEXTS) + 1, 200)]
    frame = pd.DataFrame(
        {
            "place": pd.Series(values, dtype=object),
            "code": rng.integers(0, 5, 200).astype(float),
            "n": rng.normal(size=200),
        }
    )
    y: Any = frame["n"] + (frame["place"] == "JFK")
    if target != "continuous":
        y = np.digitize(y, [0.3] if target == "binary" else [-0.3, 0.6])
    columns = ColumnTransformer([("t", TargetEncoder(cv=KFold(2)), ["place", "code"])], remainder="passthrough")
    types = {"place": "text", "code": "integer", "n": "double precision"}
    rows = [{"place": place, "code": 2, "n": 0.5} for place in [*TEXTS, None, "new", "JFK "]]
    rows += [{"place": "JFK", "code": code, "n": -1.0} for code in (0, 4, 9, -1, None)]
    with module_database.connect() as connection:
        for model in (Ridge(), RandomForestRegressor(3, random_state=0)):
            assert_parity(
                connection,
                make_pipeline(columns, model).fit(frame, frame["n"] if target == "continuous" else y),
                types,
                rows,
            )


@pytest.mark.parametrize("options", [{}, {"features": "all"}, {"error_on_new": False}, {"sparse": True}], ids=str)
def test_missing_indicator(module_database: TestDatabase, options: dict[str, Any]) -> None:
    rng = np.random.default_rng(207)
    X = rng.normal(size=(80, 3))
    X[rng.random(80) < 0.3, 0] = np.nan
    X[rng.random(80) < 0.3, 2] = np.nan
    model = make_pipeline(make_union(SimpleImputer(), MissingIndicator(**options)), Ridge())
    with module_database.connect() as connection:
        assert_parity(connection, model.fit(X, rng.normal(size=80)), TYPES, _rows(207))


@pytest.mark.parametrize("output", ["uniform", "normal"])
def test_quantiles_that_repeat(module_database: TestDatabase, output: str) -> None:
    values = np.array([0.0] * 30 + [1.0, 2.0, 2.0, 2.0, 2.5, 7.0, 7.0] + [9.0] * 20)[:, None]
    transformer = QuantileTransformer(n_quantiles=25, output_distribution=output).fit(values)
    model = make_pipeline(transformer, Ridge().fit(transformer.transform(values), values[:, 0]))
    near = [0.0, 1.0, 2.0, 7.0, 9.0, 1e-7, 9.0 - 1e-7, 2.2, 4.5, -3.0, 12.0, 1e-200]
    rows = [{"a": side} for value in near for side in (value, np.nextafter(value, -9), np.nextafter(value, 99))]
    with module_database.connect() as connection:
        assert_parity(connection, model, {"a": "double precision"}, rows)
        constant = QuantileTransformer(n_quantiles=5, output_distribution=output).fit(np.full((9, 1), 3.0))
        model = make_pipeline(constant, Ridge().fit(constant.transform(values), values[:, 0]))
        assert_parity(connection, model, {"a": "double precision"}, [{"a": a} for a in (2.9, 3.0, 3.1, 3.0 + 1e-8)])
