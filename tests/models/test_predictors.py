"""Each family of predictors against its own predict, on ordinary rows and on numbers at the edges."""

import re
import warnings
from typing import Any

import numpy as np
import pytest
from sklearn import linear_model as lm
from sklearn.base import is_classifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans, MiniBatchKMeans
from sklearn.compose import TransformedTargetRegressor
from sklearn.cross_decomposition import PLSRegression
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    BaggingClassifier,
    BaggingRegressor,
    GradientBoostingClassifier,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    RandomizedSearchCV,
    TunedThresholdClassifierCV,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import BernoulliNB, ComplementNB, GaussianNB, MultinomialNB
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, StandardScaler
from sklearn.svm import SVC, SVR, LinearSVC, LinearSVR, NuSVC, NuSVR, OneClassSVM
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from tests.conftest import TestDatabase
from tests.models.edges import edge_rows
from tests.models.parity import assert_parity

NAMES = ["a", "b", "c"]
TYPES = dict.fromkeys(NAMES, "double precision")
TOO_LARGE = 1e100  # squares and sums of larger numbers leave float64, where PostgreSQL reports an error

REGRESSORS: list[Any] = [
    lm.RidgeCV(),
    lm.LassoCV(cv=3),
    lm.LassoLars(alpha=0.01),
    lm.LassoLarsCV(cv=3),
    lm.LassoLarsIC(),
    lm.Lars(),
    lm.LarsCV(cv=3),
    lm.ElasticNetCV(cv=3),
    lm.BayesianRidge(),
    lm.ARDRegression(),
    lm.HuberRegressor(),
    lm.TheilSenRegressor(max_subpopulation=100),
    lm.OrthogonalMatchingPursuit(),
    lm.OrthogonalMatchingPursuitCV(cv=3),
    lm.QuantileRegressor(),
    lm.SGDRegressor(),
    lm.SGDRegressor(loss="huber", penalty="l1"),
    lm.RANSACRegressor(random_state=0),
    LinearSVR(max_iter=10_000),
    SVR(),
    SVR(kernel="linear"),
    NuSVR(kernel="poly"),
    PLSRegression(),
    MLPRegressor(hidden_layer_sizes=(5, 4), max_iter=30),
    MLPRegressor(hidden_layer_sizes=(4,), activation="tanh", max_iter=30),
    MLPRegressor(hidden_layer_sizes=(4,), activation="logistic", max_iter=30),
    MLPRegressor(hidden_layer_sizes=(), activation="identity", max_iter=30),
    AdaBoostRegressor(n_estimators=12),
    AdaBoostRegressor(lm.Ridge(), n_estimators=4),
    VotingRegressor([("l", lm.Ridge()), ("t", DecisionTreeRegressor(max_depth=3))], weights=[1, 2.5]),
    VotingRegressor([("l", lm.Ridge()), ("gone", "drop"), ("f", RandomForestRegressor(3))]),
    StackingRegressor([("l", lm.Ridge()), ("t", DecisionTreeRegressor(max_depth=3))], cv=3),
    StackingRegressor([("l", lm.Ridge())], RandomForestRegressor(3), passthrough=True, cv=3),
    BaggingRegressor(DecisionTreeRegressor(max_depth=3), n_estimators=4, max_features=2),
    BaggingRegressor(lm.Ridge(), n_estimators=3),
    TransformedTargetRegressor(lm.Ridge(), func=np.log1p, inverse_func=np.expm1, check_inverse=False),
    TransformedTargetRegressor(make_pipeline(StandardScaler(), lm.Ridge()), transformer=StandardScaler()),
    TransformedTargetRegressor(lm.Ridge(), transformer=MinMaxScaler()),
    TransformedTargetRegressor(lm.Ridge()),
    DummyRegressor(),
    GridSearchCV(make_pipeline(StandardScaler(), lm.Ridge()), {"ridge__alpha": [0.1, 1.0]}, cv=2),
]
POSITIVE: list[Any] = [
    lm.PoissonRegressor(),
    lm.GammaRegressor(),
    lm.TweedieRegressor(power=1.5),
    lm.TweedieRegressor(power=0),
    lm.TweedieRegressor(power=0, link="log"),
    MLPRegressor(loss="poisson", hidden_layer_sizes=(4,), max_iter=30),
]
CLASSIFIERS: list[Any] = [
    lm.LogisticRegressionCV(cv=3, use_legacy_attributes=False, l1_ratios=(0,)),
    lm.RidgeClassifier(),
    lm.RidgeClassifierCV(),
    lm.Perceptron(),
    lm.SGDClassifier(),
    lm.SGDClassifier(loss="log_loss"),
    lm.SGDClassifier(loss="modified_huber"),
    lm.SGDClassifier(loss="perceptron"),
    LinearSVC(),
    SVC(),
    SVC(kernel="linear"),
    SVC(kernel="poly", degree=4, coef0=1),
    NuSVC(kernel="sigmoid", nu=0.2),
    LinearDiscriminantAnalysis(),
    LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto"),
    GaussianNB(),
    BernoulliNB(binarize=0.3),
    MLPClassifier((5, 4), max_iter=30),
    MLPClassifier((4,), activation="tanh", max_iter=30),
    MLPClassifier((4,), activation="logistic", max_iter=30),
    AdaBoostClassifier(n_estimators=12),
    AdaBoostClassifier(DecisionTreeClassifier(max_depth=3), n_estimators=5),
    AdaBoostClassifier(lm.LogisticRegression(), n_estimators=3),
    BaggingClassifier(DecisionTreeClassifier(max_depth=3), n_estimators=4, max_features=2),
    BaggingClassifier(GaussianNB(), n_estimators=2, max_features=2),
    BaggingClassifier(LinearSVC(), n_estimators=3),
    VotingClassifier([("l", lm.LogisticRegression()), ("t", DecisionTreeClassifier(max_depth=2))]),
    VotingClassifier(
        [("l", LinearSVC()), ("t", DecisionTreeClassifier(max_depth=2)), ("n", GaussianNB())], weights=[1, 2, 1.5]
    ),
    VotingClassifier([("t", DecisionTreeClassifier(max_depth=2)), ("f", RandomForestClassifier(2))], voting="soft"),
    VotingClassifier(
        [("l", lm.LogisticRegression()), ("n", GaussianNB())],
        voting="soft",
        weights=[0.3, 0.7],
        flatten_transform=False,
    ),
    StackingClassifier([("l", lm.LogisticRegression()), ("t", DecisionTreeClassifier(max_depth=3))], cv=3),
    StackingClassifier([("s", LinearSVC()), ("n", GaussianNB())], GaussianNB(), passthrough=True, cv=3),
    StackingClassifier([("s", LinearSVC())], RandomForestClassifier(3), stack_method="predict", cv=3),
    OneVsRestClassifier(LinearSVC()),
    OneVsRestClassifier(lm.LogisticRegression()),
    OneVsRestClassifier(DecisionTreeClassifier(max_depth=3)),
    OneVsRestClassifier(lm.Ridge()),
    CalibratedClassifierCV(LinearSVC(), cv=2),
    CalibratedClassifierCV(LinearSVC(), cv=2, method="isotonic"),
    CalibratedClassifierCV(GaussianNB(), cv=2, method="isotonic", ensemble=False),
    CalibratedClassifierCV(RandomForestClassifier(3, max_depth=4), cv=2),
    CalibratedClassifierCV(RandomForestClassifier(3, max_depth=4), cv=2, method="temperature"),
    CalibratedClassifierCV(LinearSVC(), cv=2, method="temperature"),
    GradientBoostingClassifier(n_estimators=3),
    DummyClassifier(),
    DummyClassifier(strategy="most_frequent"),
    RandomizedSearchCV(lm.LogisticRegression(), {"C": [0.1, 1.0]}, n_iter=2, cv=2),
]
BINARY: list[Any] = [
    FixedThresholdClassifier(lm.LogisticRegression(), threshold=0.3),
    FixedThresholdClassifier(LinearSVC(), threshold=0.1, response_method="decision_function"),
    TunedThresholdClassifierCV(lm.LogisticRegression(), cv=2),
]


def _name(estimator: Any) -> str:
    return re.sub(r" at 0x[0-9a-f]+", "", " ".join(repr(estimator).split()))


def _rows(seed: int) -> list[dict[str, Any]]:
    return [
        row
        for row in edge_rows(NAMES, seed, 12)
        if all(v is None or not TOO_LARGE < abs(v) < np.inf for v in row.values())
    ]


def _raw(X: np.ndarray) -> np.ndarray:
    raw: np.ndarray = X @ [2.0, -1.0, 0.3] + np.sin(3 * X[:, 0])
    return raw


def _fit(estimator: Any, X: np.ndarray, y: np.ndarray | None) -> Any:
    if "random_state" in estimator.get_params():
        estimator.set_params(random_state=7)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of fits that stop early
        return estimator.fit(X, y)


def _check(database: TestDatabase, estimator: Any, seed: int) -> None:
    with database.connect() as connection:
        program = assert_parity(connection, estimator, TYPES, _rows(seed), limit=60)
    assert (program.classes is not None) == (is_classifier(estimator))


@pytest.mark.parametrize("estimator", REGRESSORS, ids=_name)
def test_regressors(module_database: TestDatabase, estimator: Any) -> None:
    X = np.random.default_rng(101).normal(size=(150, 3))
    _check(module_database, _fit(estimator, X, np.abs(_raw(X))), 101)


@pytest.mark.parametrize("estimator", POSITIVE, ids=_name)
def test_regressors_of_positive_numbers(module_database: TestDatabase, estimator: Any) -> None:
    X = np.random.default_rng(102).normal(size=(150, 3))
    _check(module_database, _fit(estimator, X, np.exp(_raw(X) / 2)), 102)


@pytest.mark.parametrize("estimator", [*CLASSIFIERS, *BINARY], ids=_name)
def test_two_classes(module_database: TestDatabase, estimator: Any) -> None:
    X = np.random.default_rng(103).normal(size=(150, 3))
    _check(module_database, _fit(estimator, X, np.where(_raw(X) > 0.2, "late", "in time")), 103)


@pytest.mark.parametrize("estimator", CLASSIFIERS, ids=_name)
def test_several_classes(module_database: TestDatabase, estimator: Any) -> None:
    X = np.random.default_rng(104).normal(size=(200, 3))
    y = np.array([7, -3, 12])[np.digitize(_raw(X), [-0.8, 0.8])]
    _check(module_database, _fit(estimator, X, y), 104)


@pytest.mark.parametrize("estimator", [MultinomialNB(), ComplementNB(), ComplementNB(norm=True)], ids=_name)
def test_counts(module_database: TestDatabase, estimator: Any) -> None:
    X = np.random.default_rng(105).integers(0, 9, size=(150, 3)).astype(float)
    _check(module_database, estimator.fit(X, np.digitize(X[:, 0] - X[:, 1], [-2, 2])), 105)


@pytest.mark.parametrize(
    "estimator",
    [
        IsolationForest(n_estimators=20),
        IsolationForest(n_estimators=10, contamination=0.1),
        IsolationForest(n_estimators=10, contamination=0.25, max_features=2, max_samples=17),
    ],
    ids=_name,
)
def test_isolation_forests_at_their_offset(module_database: TestDatabase, estimator: Any) -> None:
    X = np.random.default_rng(106).normal(size=(101, 3))
    fitted = _fit(estimator, X, None)
    rows = edge_rows(NAMES, 106, 20) + [dict(zip(NAMES, row, strict=True)) for row in X.tolist()]
    with module_database.connect() as connection:
        program = assert_parity(connection, fitted, TYPES, rows, limit=100)
    assert program.classes == (-1, 1)


@pytest.mark.parametrize("estimator", [OneClassSVM(), OneClassSVM(kernel="linear", nu=0.2)], ids=_name)
def test_support_of_a_distribution(module_database: TestDatabase, estimator: Any) -> None:
    X = np.random.default_rng(109).normal(size=(80, 3))
    with module_database.connect() as connection:
        assert_parity(connection, estimator.fit(X), TYPES, _rows(109), limit=60)


@pytest.mark.parametrize("estimator", [KMeans(4, n_init=1), MiniBatchKMeans(3, n_init=1)], ids=_name)
def test_clusters(module_database: TestDatabase, estimator: Any) -> None:
    X = np.random.default_rng(107).normal(size=(150, 3))
    with module_database.connect() as connection:
        program = assert_parity(connection, _fit(estimator, X, None), TYPES, _rows(107))
    assert program.prediction_type == "bigint"


def test_calibration_of_a_frozen_pipeline(module_database: TestDatabase) -> None:
    X = np.random.default_rng(108).normal(size=(150, 3))
    y = _raw(X) > 0
    inner = make_pipeline(FunctionTransformer(np.tanh), StandardScaler(), lm.LogisticRegression()).fit(X, y)
    _check(module_database, CalibratedClassifierCV(FrozenEstimator(inner), cv=2).fit(X, y), 108)
