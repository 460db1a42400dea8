"""A model gives in the database what its own predict gives on its owner's own frame, whatever the types of that frame, or it is refused.

The oracle is the native predict on that frame, with nothing of fsdb's in between.
"""

import re
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import sqlalchemy as sa
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

import fsdb
from fsdb.errors import FsdbError, ParityFailed, UnsupportedModel
from tests.conftest import TestDatabase
from tests.deployments.frames_of_fits import COLUMNS, MODELS, frame_of, target_of

pytestmark = pytest.mark.filterwarnings("ignore")  # what libraries warn of
NUMBERS = {"a": "double precision", "b": "double precision"}
# Beside these, whatever a column is: a linear model, an encoder and a booster.
TRIED = ("imputed", "one hot", "lightgbm")
FURTHER = {
    "xgboost": ("int16", "category of int64", "category of int8", "category of texts", "boolean", "Int16"),
    "hist": ("category of texts", "category of floats", "ordered category", "category of booleans"),
    "nearest": ("int32", "float32"),
    "np.square": ("int32", "uint8", "Int16", "float16", "float32", "float64"),
    "np.log1p": ("int8", "int64"),
}


@pytest.fixture(scope="module")
def store(module_database: TestDatabase) -> Any:
    with fsdb.connect(module_database.url) as opened:
        yield opened


def served(store: fsdb.Store, estimator: Any, inputs: dict[str, str], rows: Any, data: Any = None) -> Any:
    """What the model predicts in the database for the frame, which it is registered with."""
    store.register_model("m", estimator, inputs=inputs, rows=rows)
    deployment = store.deploy("m", table="m")
    try:
        return np.array(deployment.score(rows if data is None else data, on_error="null")["prediction"].to_pylist())
    finally:
        deployment.undeploy(drop_predictions=True)


def served_or_refused(store: fsdb.Store, estimator: Any, inputs: dict[str, str], rows: Any) -> Any:
    """The same, or why it is refused."""
    try:
        return served(store, estimator, inputs, rows)
    except FsdbError as refusal:
        return refusal


def assert_same(found: Any, native: Any, tolerance: float = 1e-9) -> None:
    expected = np.ravel(native).astype(float)
    assert (np.abs(found.astype(float) - expected) <= tolerance * np.maximum(np.abs(expected), 1e-3)).all()


CASES = [(column, model) for column in COLUMNS for model in TRIED]
CASES += [(column, model) for model, columns in FURTHER.items() for column in columns]


@pytest.mark.slow
@pytest.mark.parametrize("model", [*TRIED, *FURTHER])
def test_columns_of_every_type(store: fsdb.Store, model: str) -> None:
    took = 0
    for name in [column for column, one in CASES if one == model]:
        column, kind = COLUMNS[name]
        X = frame_of(column)
        try:
            estimator = MODELS[model]().fit(X, target_of(column))
            native = estimator.predict(X)
        except Exception:
            continue
        single = "float" in str(column.dtype).lower() and "64" not in str(column.dtype)
        found = served_or_refused(store, estimator, {"x": kind, "f": "double precision"}, X)
        if isinstance(found, FsdbError):
            assert re.search("float64 before the fit|outside ASCII", str(found)), (name, str(found))
            continue
        assert_same(found, native, 1e-5 if single or model == "xgboost" else 1e-9)
        took += 1
    assert took


def test_functions_of_whole_numbers_are_refused(store: fsdb.Store) -> None:
    """numpy's square of int32 wraps beyond 46,340, whatever numbers the fit has seen."""
    X = pd.DataFrame({"a": np.arange(1, 60, dtype="int32"), "b": np.linspace(0, 1, 59)})
    types = {"a": "integer", "b": "double precision"}
    squares = make_column_transformer((FunctionTransformer(np.square), ["a"]), remainder="passthrough")
    model = make_pipeline(squares, LinearRegression()).fit(X, X["b"])
    for rows in (X, pl.from_pandas(X), pa.Table.from_pandas(X), X.to_dict("records")):
        with pytest.raises(UnsupportedModel, match=r"square of the column 'a' in int\d\d, .* column float64 before"):
            store.register_model("m", model, inputs=types, rows=rows)
    floats = X.astype("float64")
    assert_same(served(store, make_pipeline(squares, LinearRegression()).fit(floats, X["b"]), types, floats), X["b"])


def test_the_frame_of_a_training_set(store: fsdb.Store) -> None:
    """What to_pandas() gives is what the native model is asked with: integer features are int32 there."""
    columns = {"income": sa.Integer, "level": sa.SmallInteger, "score": sa.Double, "share": sa.REAL}
    features = [fsdb.Feature(name, kind) for name, kind in columns.items()]
    store.apply([fsdb.FeatureSet("people", keys={"id": sa.BigInteger}, features=features)])
    rng = np.random.default_rng(0)
    data = {"id": range(80), "income": rng.integers(20_000, 90_000, 80), "level": rng.integers(0, 4, 80)}
    data |= {"score": rng.normal(size=80), "share": rng.random(80)}
    store.ingest("people", pd.DataFrame(data))
    at = pd.Timestamp.now(tz="UTC") + pd.Timedelta(hours=1)
    spine = pd.DataFrame({"id": range(80), "at": at, "y": rng.normal(size=80)})
    ts = store.training_set(spine=spine, features=["people.*"], timestamp="at", label="y")
    F = ts.to_pandas()
    X = F[list(columns)]
    assert list(map(str, X.dtypes)) == ["int32", "int16", "float64", "float32"]
    squared = make_column_transformer((FunctionTransformer(np.square), ["income"]), remainder="passthrough")
    with pytest.raises(UnsupportedModel, match="'income' in int32"):
        store.register_model("m", make_pipeline(squared, Ridge()).fit(X, F["y"]), training_set=ts)
    model = lightgbm.LGBMRegressor(n_estimators=4, min_child_samples=3, verbose=-1)
    model.fit(X.assign(level=X["level"].astype("category")), F["y"])
    store.register_model("m", model, training_set=ts)
    deployment = store.deploy("m", table="m")
    found = np.array(deployment.score(F[["id"]])["prediction"].to_pylist())
    assert_same(found, model.predict(X.assign(level=X["level"].astype("category"))))
    with store.transaction() as connection:
        kept = connection.execute(
            "SELECT name, frame_type FROM fsdb.model_inputs WHERE (model, version) = ('m', %s) ORDER BY position",
            (deployment.version,),
        ).fetchall()
    assert dict(kept) == {name: str(dtype) for name, dtype in X.dtypes.items()}
    deployment.undeploy(drop_predictions=True)


@pytest.mark.parametrize("ordered", [False, True])
@pytest.mark.parametrize("zones", [(3, 5, 9, 12), (0, 1, 2, 3)])
def test_categories_beside_other_columns_of_codes(store: fsdb.Store, zones: tuple[int, ...], ordered: bool) -> None:
    """LightGBM keeps the categories of a frame without saying whose they are."""
    rng = np.random.default_rng(1)
    plans = rng.choice([10, 20, 30, 40], 300)
    X = pd.DataFrame({"zone": rng.choice(zones, 300), "plan": pd.Categorical(plans, ordered=ordered)})
    X["load"] = rng.normal(size=300)
    y = (plans == 20) * 2.0 + (X["zone"] == zones[1]) * 1.5 + X["load"] * 0.3
    model = lightgbm.LGBMRegressor(n_estimators=10, verbose=-1).fit(X, y, categorical_feature=["zone"])
    given = X.astype({"plan": "int64"})
    types = {"zone": "bigint", "plan": "bigint", "load": "double precision"}
    for rows in (X, given, given.to_dict("records")):
        assert_same(served(store, model, types, rows, given), model.predict(X))
    if zones[0] == 0:
        with pytest.raises(UnsupportedModel, match="does not say which: register it with rows= as the data frame"):
            store.register_model("m", model, inputs=types)


def test_a_name_with_a_space_that_is_anothers_too(store: fsdb.Store) -> None:
    X = pd.DataFrame(np.random.default_rng(2).normal(size=(90, 2)), columns=["flow rate", "flow_rate"])
    model = lightgbm.LGBMRegressor(n_estimators=3, verbose=-1).fit(X[["flow rate"]], X["flow rate"])
    with pytest.raises(UnsupportedModel, match=r"'flow rate' and 'flow_rate' its column 'flow_rate' is: rename one"):
        store.register_model("m", model, inputs=dict.fromkeys(X, "double precision"), rows=X)
    assert_same(
        served(store, model, {"flow rate": "double precision"}, X[["flow rate"]]), model.predict(X[["flow rate"]])
    )


@pytest.mark.parametrize("method", ["sigmoid", "isotonic", "temperature"])
def test_calibrated_boosters(store: fsdb.Store, method: str) -> None:
    """LightGBM's classifiers have a decision_function, which is what scikit-learn calibrates; also on categories."""
    rng = np.random.default_rng(5)
    X = pd.DataFrame({"a": rng.normal(size=150), "k": pd.Categorical(rng.choice(["u", "v", "w"], 150))})
    y = (X["a"] + (X["k"] == "u") + rng.normal(0, 0.5, 150) > 0.4).astype(int)
    booster = lightgbm.LGBMClassifier(n_estimators=4, verbose=-1)
    model = CalibratedClassifierCV(booster, method=method, cv=2).fit(X, y)
    assert_same(served(store, model, {"a": "double precision", "k": "text"}, X), model.predict(X))


def test_boosters_of_categories_within_others(store: fsdb.Store) -> None:
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"k": pd.Categorical(rng.choice(["a", "b", "c"], 150)), "f": rng.normal(size=150)})
    y = ((X["k"] == "a") + X["f"] > 0.5).astype(int)
    booster = lightgbm.LGBMClassifier(n_estimators=4, verbose=-1)
    search = GridSearchCV(booster, {"max_depth": [2]}, cv=2).fit(X, y)
    for model in (search, FrozenEstimator(search.best_estimator_), make_pipeline(booster).fit(X, y)):
        assert_same(served(store, model, {"k": "text", "f": "double precision"}, X), model.predict(X))


def test_models_fitted_on_float32(store: fsdb.Store) -> None:
    rng = np.random.default_rng(11)
    X = pd.DataFrame({name: rng.gamma(2, 3, 150).astype("float32") for name in "ab"})
    y = (X["a"] + X["b"] > 11).astype(int)
    model = GaussianNB().fit(X, y)
    assert_same(served(store, model, dict.fromkeys(X, "real"), X), model.predict(X))
    tolerance = store.describe_model("m").tolerance
    assert tolerance == 1e-5
    doubles = X.astype("float64")
    served(store, GaussianNB().fit(doubles, y), dict.fromkeys(X, "real"), doubles)
    assert store.describe_model("m").tolerance == 1e-9


def test_rows_equally_far_from_several_points_are_not_compared(store: fsdb.Store) -> None:
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(200, 2)).round(1), columns=["a", "b"])
    model = KNeighborsClassifier(5).fit(X, X["a"] > 0)
    found = served(store, model, NUMBERS, X)
    native = model.predict(X)
    assert all(got is None or got == expected for got, expected in zip(found, native, strict=True))
    assert 0 < sum(got is None for got in found) < 100
    twins = X.head(2).iloc[[0] * 8].reset_index(drop=True)
    with pytest.raises(ParityFailed, match="is equally far from more points than its n_neighbors"):
        store.register_model("m", KNeighborsClassifier(3).fit(twins, [0, 1] * 4), inputs=NUMBERS, rows=twins)


def test_a_frame_in_another_type_than_that_of_the_fit(store: fsdb.Store) -> None:
    """The rows that are given may be of other types than those of the fit, where the model takes them so."""
    X = pd.DataFrame({"a": np.arange(50.0), "b": np.arange(50.0)[::-1] ** 2})
    model = HistGradientBoostingRegressor(max_iter=3).fit(X, X["a"])
    for rows in (X.astype("int32"), X.astype("float32"), X.astype(object), X.astype("Int64"), pl.from_pandas(X)):
        assert_same(served(store, model, NUMBERS, rows), model.predict(X))
