"""Models of several targets: one array for a row, as the native predict gives it."""

from typing import Any

import numpy as np
import pandas as pd
import psycopg
import pytest
from sklearn.base import clone
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import (
    BaggingRegressor,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import (
    ElasticNet,
    Lasso,
    LinearRegression,
    LogisticRegression,
    MultiTaskElasticNet,
    MultiTaskLassoCV,
    RANSACRegressor,
    Ridge,
    RidgeClassifier,
)
from sklearn.model_selection import GridSearchCV
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier, MultiOutputRegressor, RegressorChain
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from fsdb.errors import UnsupportedModel
from fsdb.models import program_of
from fsdb.models.program import Several
from tests.models.edges import edge_rows
from tests.models.parity import assert_parity

NAMES = ["a", "b", "c"]
TYPES = dict.fromkeys(NAMES, "double precision")
RNG = np.random.default_rng(4)
X = pd.DataFrame(RNG.normal(size=(160, 3)), columns=NAMES)
NUMBERS = np.column_stack([X.a * 2 - X.b, X.c**2, X.a + 1e3 * X.b])
WORDS = np.column_stack(
    [np.where(X.a > 0, "ja", "nein"), np.select([X.b < -0.5, X.b < 0.5], ["tief", "mittel"], "hoch")]
).astype(object)
COUNTS = np.column_stack([X.a > 0, X.b + X.c > 0.3, X.c > 1]).astype(int)
# Beyond these numbers products overflow here, and points are equally far from others.
ROWS = [row for row in edge_rows(NAMES, 4, 10) if all(v is None or not 1e6 < abs(v) < np.inf for v in row.values())]


@pytest.mark.parametrize(
    "estimator",
    [
        LinearRegression(),
        Ridge(fit_intercept=False),
        Lasso(0.1),
        RANSACRegressor(random_state=1),
        DummyRegressor(),
        ElasticNet(0.1),
        MultiTaskElasticNet(0.1),
        MultiTaskLassoCV(cv=2),
        DecisionTreeRegressor(max_depth=5, random_state=1),
        RandomForestRegressor(5, max_depth=5, random_state=1),
        ExtraTreesRegressor(5, max_depth=5, random_state=1),
        KNeighborsRegressor(4),
        KNeighborsRegressor(4, weights="distance", algorithm="kd_tree"),
        MLPRegressor(hidden_layer_sizes=(5,), max_iter=60, random_state=1),
        MultiOutputRegressor(HistGradientBoostingRegressor(max_iter=4)),
        RegressorChain(Ridge(), order=[2, 0, 1]),
        RegressorChain(DecisionTreeRegressor(max_depth=4, random_state=1)),
        make_pipeline(SimpleImputer(), StandardScaler(), MultiOutputRegressor(make_pipeline(StandardScaler(), Ridge()))),
        GridSearchCV(Ridge(), {"alpha": [0.1, 1.0]}, cv=2),
    ],
    ids=lambda estimator: type(estimator).__name__,
)  # fmt: skip
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_numbers(connection: psycopg.Connection, estimator: Any) -> None:
    program = assert_parity(connection, clone(estimator).fit(X, NUMBERS), TYPES, ROWS, 100)
    assert (program.prediction_type, program.classes, program.has_probability) == ("double precision[]", None, False)
    assert isinstance(program.output, Several)
    assert len(program.output.targets) == 3


@pytest.mark.parametrize(
    "estimator",
    [
        DecisionTreeClassifier(max_depth=4, random_state=1),
        RandomForestClassifier(5, max_depth=4, random_state=1),
        ExtraTreesClassifier(5, max_depth=4, random_state=1),
        KNeighborsClassifier(3),
        KNeighborsClassifier(4, weights="distance", algorithm="kd_tree", p=1),
        MultiOutputClassifier(LogisticRegression()),
        MultiOutputClassifier(GradientBoostingClassifier(n_estimators=3)),
        make_pipeline(StandardScaler(), MultiOutputClassifier(GaussianNB())),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_texts(connection: psycopg.Connection, estimator: Any) -> None:
    program = assert_parity(connection, clone(estimator).fit(X, WORDS), TYPES, ROWS, 100)
    assert (program.prediction_type, program.has_probability) == ("text[]", False)
    assert program.classes == ("ja", "nein", "hoch", "mittel", "tief")
    assert isinstance(program.output, Several)
    assert program.output.counts == (2, 3)


@pytest.mark.parametrize(
    "estimator",
    [DecisionTreeClassifier(max_depth=4, random_state=1), KNeighborsClassifier(3), MultiOutputClassifier(GaussianNB())],
    ids=lambda estimator: type(estimator).__name__,
)
@pytest.mark.parametrize(
    ("labels", "kind"),
    [(COUNTS, "bigint[]"), (COUNTS == 1, "boolean[]"), (COUNTS + 1.0, "double precision[]")],
    ids=["int", "bool", "float"],
)
def test_labels_of_other_types(connection: psycopg.Connection, estimator: Any, labels: Any, kind: str) -> None:
    assert assert_parity(connection, clone(estimator).fit(X, labels), TYPES, ROWS, 40).prediction_type == kind


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    "estimator",
    [MLPClassifier((4,), max_iter=50, random_state=1), RidgeClassifier()],
    ids=lambda estimator: type(estimator).__name__,
)
def test_several_labels_a_row(connection: psycopg.Connection, estimator: Any) -> None:
    model = clone(estimator).fit(X, COUNTS)
    assert assert_parity(connection, model, TYPES, ROWS, 100).classes == (0, 1) * 3


def test_one_target_in_two_dimensions_is_one(connection: psycopg.Connection) -> None:
    model = MultiOutputClassifier(LogisticRegression()).fit(X, WORDS[:, :1])
    assert isinstance(program_of(model, TYPES).output, Several) is False
    assert program_of(Ridge().fit(X, NUMBERS[:, :1]), TYPES).prediction_type == "double precision"


def mixed() -> Any:
    """A model whose targets have labels of two types, which fit would not make."""
    model = MultiOutputClassifier(GaussianNB()).fit(X, WORDS)
    model.estimators_[1] = GaussianNB().fit(X, COUNTS[:, 0])
    return model


@pytest.mark.parametrize(
    ("estimator", "said"),
    [
        (ClassifierChain(LogisticRegression()).fit(X, COUNTS), "ClassifierChain of sklearn.multioutput is not a supported predictor"),
        (DecisionTreeClassifier().fit(X, np.column_stack([WORDS[:, 0], np.full(len(X), "x")]).astype(object)), "one class alone of target 2"),
        (mixed(), "all boolean, all bigint"),
        (DummyClassifier().fit(X, COUNTS), "DummyClassifier was fitted with 3 targets"),
        (BaggingRegressor(LinearRegression(), 2).fit(X, NUMBERS), "several targets within another"),
    ],
    ids=["chain", "one class", "two types", "dummy", "bag"],
)  # fmt: skip
def test_what_is_refused(estimator: Any, said: str) -> None:
    with pytest.raises(UnsupportedModel, match=said):
        program_of(estimator, TYPES)
