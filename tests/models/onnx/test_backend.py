"""Programs of every kind as ONNX graphs: native predict against onnxruntime, on the models' edges."""

from typing import Any

import lightgbm
import numpy as np
import pandas as pd
import pytest
import xgboost
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
    VotingClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, PoissonRegressor, Ridge, SGDClassifier
from sklearn.naive_bayes import BernoulliNB, GaussianNB
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    Binarizer,
    FunctionTransformer,
    KBinsDiscretizer,
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
    TargetEncoder,
)
from sklearn.svm import SVC, SVR
from sklearn.tree import DecisionTreeClassifier

from fsdb.models import program_of
from tests.models.edges import edge_rows
from tests.models.parity import assert_scorer

NAMES = ["a", "b", "c"]
TYPES = dict.fromkeys(NAMES, "double precision")
SEED = 4021

TREES: list[Any] = [
    DecisionTreeClassifier(max_depth=5),
    RandomForestClassifier(9, max_depth=6),
    RandomForestRegressor(9, max_depth=8),
    GradientBoostingClassifier(n_estimators=9),
    GradientBoostingRegressor(n_estimators=15),
    HistGradientBoostingClassifier(max_iter=9),
    HistGradientBoostingRegressor(max_iter=9, loss="poisson"),
    IsolationForest(n_estimators=9),
    AdaBoostClassifier(n_estimators=5),
    AdaBoostRegressor(n_estimators=5),
    xgboost.XGBClassifier(n_estimators=9),
    xgboost.XGBRegressor(n_estimators=9),
    lightgbm.LGBMClassifier(n_estimators=9, verbose=-1),
    lightgbm.LGBMRegressor(n_estimators=9, verbose=-1, objective="poisson"),
]

SMOOTH: list[Any] = [
    LinearRegression(),
    LogisticRegression(),
    SGDClassifier(),
    PoissonRegressor(),
    GaussianNB(),
    BernoulliNB(),
    KMeans(3, n_init=1),
    SVR(),
    SVC(kernel="poly", degree=2),
    SVC(kernel="sigmoid"),
    MLPClassifier((5,), max_iter=20),
    MLPRegressor(hidden_layer_sizes=(5, 3), activation="tanh", max_iter=20),
    MLPRegressor(hidden_layer_sizes=(4,), activation="logistic", max_iter=20),
    CalibratedClassifierCV(LogisticRegression(), cv=2),
    CalibratedClassifierCV(LogisticRegression(), method="isotonic", cv=2),
    VotingClassifier([("one", LogisticRegression()), ("two", GaussianNB())], voting="soft"),
    make_pipeline(SimpleImputer(add_indicator=True), Ridge()),
    make_pipeline(SimpleImputer(strategy="median"), StandardScaler(), LogisticRegression()),
    make_pipeline(StandardScaler(), PCA(2), Ridge()),
    make_pipeline(MinMaxScaler(clip=True), Ridge()),
    make_pipeline(RobustScaler(), Normalizer(), Ridge()),
    make_pipeline(Normalizer("l1"), Ridge()),
    make_pipeline(Normalizer("max"), Ridge()),
    make_pipeline(PolynomialFeatures(3), Ridge()),
    make_pipeline(Binarizer(threshold=0.1), Ridge()),
    make_pipeline(KBinsDiscretizer(4, encode="onehot-dense", quantile_method="averaged_inverted_cdf"), Ridge()),
    make_pipeline(KBinsDiscretizer(4, encode="ordinal", quantile_method="averaged_inverted_cdf"), Ridge()),
    make_pipeline(PowerTransformer(), Ridge()),
    make_pipeline(QuantileTransformer(n_quantiles=20), Ridge()),
    make_pipeline(FunctionTransformer(np.absolute), PowerTransformer("yeo-johnson"), Ridge()),
]

FUNCTIONS = [
    np.absolute, np.negative, np.sign, np.floor, np.ceil, np.trunc, np.rint, np.cbrt, np.square, np.expm1, np.exp,
    np.tanh, np.arcsinh, np.sin, np.cos, np.reciprocal,
]  # fmt: skip


def _name(estimator: Any) -> str:
    return repr(estimator).replace(" ", "").replace("\n", "")[:90]


def _data(estimator: Any) -> tuple[pd.DataFrame, np.ndarray]:
    X = np.random.default_rng(SEED).normal(size=(200, 3))
    raw = X[:, 0] * 2 + X[:, 1] ** 2 - X[:, 2]
    kind = getattr(estimator, "_estimator_type", None) or type(estimator).__name__
    last = type(estimator.steps[-1][1]).__name__ if hasattr(estimator, "steps") else type(estimator).__name__
    if "Classif" in str(kind) + last or last.endswith(("NB", "SVC")) or last == "LogisticRegression":
        return pd.DataFrame(X, columns=NAMES), np.array(["01234", "", "é"])[np.digitize(raw, [-0.5, 1.5])]
    return pd.DataFrame(X, columns=NAMES), np.exp(raw / 4)


def _ordinary(rows: list[dict[str, Any]], largest: float) -> list[dict[str, Any]]:
    """Without numbers on which float64 itself overflows on the way."""
    return [row for row in rows if all(value is None or not largest < abs(value) < np.inf for value in row.values())]


@pytest.mark.parametrize("estimator", TREES, ids=_name)
def test_trees(estimator: Any) -> None:
    frame, target = _data(estimator)
    if isinstance(estimator, xgboost.XGBClassifier):
        target = np.unique(target, return_inverse=True)[1]
    estimator.fit(frame, target)
    assert_scorer(estimator, program_of(estimator, TYPES), edge_rows(NAMES, SEED))


@pytest.mark.parametrize("estimator", SMOOTH, ids=_name)
@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_smooth_models(estimator: Any) -> None:
    estimator.fit(*_data(estimator))
    rows = [{name: 0.0 if row[name] == 0 else row[name] for name in NAMES} for row in edge_rows(NAMES, SEED)]
    assert_scorer(estimator, program_of(estimator, TYPES), _ordinary(rows, 50.0))


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.__name__)
def test_functions(function: Any) -> None:
    frame, target = _data(Ridge())
    estimator = make_pipeline(FunctionTransformer(function), Ridge()).fit(frame, target)
    rows = [row for row in _ordinary(edge_rows(NAMES, SEED), 1e4) if 0.0 not in row.values()]
    rows = [row for row in rows if all(value is None or abs(value) > 1e-40 for value in row.values())]
    assert_scorer(estimator, program_of(estimator, TYPES), rows)


@pytest.mark.parametrize(
    "function", [np.sqrt, np.log, np.log2, np.log10, np.log1p], ids=lambda function: function.__name__
)
def test_functions_of_positive_numbers(function: Any) -> None:
    X = np.random.default_rng(SEED).uniform(0.1, 9, size=(50, 3))
    estimator = make_pipeline(FunctionTransformer(function), Ridge()).fit(pd.DataFrame(X, columns=NAMES), X[:, 0])
    rows = [dict(zip(NAMES, row, strict=True)) for row in [*X.tolist(), [1e-7, 1e300, 1e-300], [1.0, 2.0, 3.0]]]
    assert_scorer(estimator, program_of(estimator, TYPES), rows)


TEXTS = {"city": "text", "code": "text", "n": "bigint"}
VALUES = ["a", "b", "01234", "1234", "", "é", None, "unseen", "A", "a "]


@pytest.mark.parametrize(
    "encoder",
    [
        OneHotEncoder(handle_unknown="ignore", sparse_output=False),
        OneHotEncoder(sparse_output=False),
        OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=4, sparse_output=False),
        OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2),
        TargetEncoder(cv=2),
        make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore")),
        make_pipeline(SimpleImputer(strategy="constant", fill_value="b"), OrdinalEncoder()),
    ],
    ids=_name,
)
def test_texts(encoder: Any) -> None:
    rng = np.random.default_rng(SEED)
    known = np.array(["a", "b", "01234", "1234", "", "é"], dtype=object)
    frame = pd.DataFrame(
        {
            "city": pd.Series(rng.choice(known, 60), dtype=object),
            "code": pd.Series(rng.choice(known[:3], 60), dtype=object),
            "n": rng.integers(0, 4, 60),
        }
    )
    target = frame["n"] + (frame["city"] == "a") * 2.0 + rng.normal(size=60)
    columns = ColumnTransformer(
        [("texts", encoder, ["city", "code"]), ("numbers", OneHotEncoder(handle_unknown="ignore"), ["n"])],
        sparse_threshold=0,
    )
    estimator = make_pipeline(columns, Ridge()).fit(frame, target)
    program = program_of(estimator, TEXTS)
    rows = [{"city": city, "code": code, "n": n} for city in VALUES for code in VALUES for n in (0, 7)]
    assert_scorer(estimator, program, rows)


def test_categorical_splits() -> None:
    rng = np.random.default_rng(SEED)
    frame = pd.DataFrame(
        {"city": pd.Categorical(rng.choice(["a", "b", "c", "01", "1"], 300)), "x": rng.normal(size=300)}
    )
    target = (frame["city"].isin(["a", "01"]) * 3.0 + frame["x"]).to_numpy() + rng.normal(size=300) / 9
    rows = [{"city": city, "x": x} for city in ("a", "b", "c", "01", "1", None) for x in (0.0, -1.0, 1.0, None)]
    for estimator in (
        lightgbm.LGBMRegressor(n_estimators=9, verbose=-1, min_data_per_group=1),
        HistGradientBoostingRegressor(max_iter=9, categorical_features="from_dtype"),
        xgboost.XGBRegressor(n_estimators=9, enable_categorical=True, max_cat_to_onehot=1),
    ):
        estimator.fit(frame, target)
        program = program_of(estimator, {"city": "text", "x": "double precision"})
        assert_scorer(estimator, program, rows)


def test_inputs_of_each_type() -> None:
    X = np.random.default_rng(SEED).integers(-9, 9, size=(80, 5))
    names = ["s", "i", "r", "n", "t"]
    frame = pd.DataFrame(X, columns=names)
    estimator = GradientBoostingRegressor(n_estimators=5).fit(frame, X[:, 0] + X[:, 2] * X[:, 3])
    types = {"s": "smallint", "i": "bigint", "r": "real", "n": "numeric(10,2)", "t": "boolean"}
    program = program_of(estimator, types)
    rows = [{"s": 1, "i": 2**53 + 1, "r": 0.1, "n": 1.25, "t": True}, {"s": -3, "i": 0, "r": -2.5, "n": -7, "t": False}]
    assert_scorer(estimator, program, rows)


def test_several_targets() -> None:
    X = np.random.default_rng(SEED).normal(size=(120, 3))
    frame = pd.DataFrame(X, columns=NAMES)
    numbers = np.column_stack([X[:, 0], X[:, 1] ** 2])
    words = np.column_stack(
        [np.where(X[:, 0] > 0, "ja", "nein"), np.array(["a", "b", "01"])[np.digitize(X[:, 1], [-1, 1])]]
    )
    for estimator, target in (
        (RandomForestRegressor(5, max_depth=4), numbers),
        (RandomForestClassifier(5, max_depth=4), words.astype(object)),
    ):
        estimator.fit(frame, target)
        assert_scorer(estimator, program_of(estimator, TYPES), edge_rows(NAMES, SEED))
