"""What a program cannot compute exactly is refused by name, before anything is deployed."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import (
    GradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    VotingRegressor,
)
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics.pairwise import cosine_similarity
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neighbors import KNeighborsClassifier, RadiusNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    OneHotEncoder,
    PowerTransformer,
    SplineTransformer,
    StandardScaler,
)
from sklearn.svm import SVC, SVR
from sklearn.tree import DecisionTreeClassifier

from fsdb.errors import UnsupportedModel
from fsdb.models import Input, Program, compile_functions, program_of
from fsdb.models.frontends.sklearn.kinds import SUPPORTED
from fsdb.models.program import Regression

X = np.random.default_rng(71).normal(size=(40, 2))
Y = X[:, 0] > 0
TYPES = {"a": "double precision", "b": "double precision"}


def own_function(x: Any) -> Any:
    return x


def absolute(x: Any) -> Any:
    """Has the name of a known function, and is another."""
    return x + 1


class Custom(LogisticRegression):
    """A subclass may predict differently: it is not its base."""


@pytest.mark.parametrize(
    ("estimator", "said"),
    [
        (SVC(kernel="precomputed").fit(X @ X.T, Y), "SVC"),
        (RadiusNeighborsClassifier(9.0).fit(X, Y), "RadiusNeighborsClassifier"),
        (TransformedTargetRegressor(Ridge(), transformer=PowerTransformer()).fit(X, X[:, 0]), "PowerTransformer"),
        (VotingRegressor([("s", SVR(kernel=cosine_similarity))]).fit(X, Y), "SVR"),
        (StackingClassifier([("g", GaussianProcessClassifier())], cv=2).fit(X, Y), "GaussianProcessClassifier"),
        (GridSearchCV(KNeighborsClassifier(metric="cosine"), {"n_neighbors": [2]}, cv=2).fit(X, Y), "cosine"),
        (OneVsRestClassifier(Ridge()).fit(X, np.column_stack([Y, ~Y])), "labels"),
        (DummyClassifier(strategy="stratified").fit(X, Y), "stratified"),
        (Custom().fit(X, Y), "Custom"),
        (StandardScaler().fit(X), "StandardScaler"),
        (make_pipeline(FunctionTransformer(own_function), Ridge()).fit(X, Y), "calls own_function"),
        (make_pipeline(FunctionTransformer(absolute), Ridge()).fit(X, Y), "calls absolute"),
        (make_pipeline(FunctionTransformer(np.clip, kw_args={"a_min": 0, "a_max": 1}), Ridge()).fit(X, Y), "a_min"),
        (make_pipeline(SplineTransformer(), Ridge()).fit(X, Y), "SplineTransformer"),
        (make_pipeline(KBinsDiscretizer(3, dtype=np.float32), Ridge()).fit(X, Y), "float32"),
        (make_pipeline(KNNImputer(), Ridge()).fit(X, Y), "KNNImputer"),
        (make_pipeline(StandardScaler()).fit(X), "StandardScaler"),
        (make_pipeline(SimpleImputer(missing_values=-1), Ridge()).fit(X, Y), "-1"),
        (LogisticRegression(), "LogisticRegression is not fitted"),
        (Pipeline([("nothing", "passthrough")]), "no step"),
        (Pipeline([("s", StandardScaler()), ("r", Ridge())]), "not fitted"),
        (RandomForestClassifier(2).fit(X, np.ones(40)), "one class"),
        (DecisionTreeClassifier().fit(X, np.array([1 + 2**63, 0] * 20, dtype=np.uint64)), "classes"),
        (GradientBoostingRegressor(init=Ridge(), n_estimators=2).fit(X, Y), "init=Ridge"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_estimators(estimator: Any, said: str) -> None:
    with pytest.raises(UnsupportedModel, match=said.replace("-", r"\-")):
        program_of(estimator, TYPES)


def test_the_alternatives_are_named() -> None:
    with pytest.raises(
        UnsupportedModel,
        match=r"^RadiusNeighborsClassifier of sklearn.neighbors._classification is not a .* as ONNX, .* such as KNeighborsClassifier, ",
    ) as refused:
        program_of(RadiusNeighborsClassifier(9.0).fit(X, Y), TYPES)
    assert str(refused.value).count(",") < 12


def test_a_class_of_another_library_by_the_same_name() -> None:
    named = type("Pipeline", (Pipeline,), {"__module__": "imblearn.pipeline"})
    model = named([("scale", StandardScaler()), ("model", Ridge())]).fit(X, Y)
    with pytest.raises(
        UnsupportedModel, match=r"Pipeline of imblearn.pipeline is .* not scikit-learn's Pipeline; .* as ONNX"
    ):
        program_of(model, TYPES)


def test_a_search_that_keeps_no_estimator() -> None:
    search = GridSearchCV(Ridge(), {"alpha": [1, 2]}, refit=False).fit(X, X[:, 0])
    with pytest.raises(UnsupportedModel, match=r"GridSearchCV has no best estimator, .* refit=True"):
        program_of(search, TYPES)


def test_objects_of_other_libraries() -> None:
    with pytest.raises(UnsupportedModel, match="dict is of no known library"):
        program_of({}, TYPES)


@pytest.mark.parametrize(
    ("types", "said"),
    [
        ({"a": "double precision"}, "'b', which no input is bound to"),
        ({"c": "text"}, "'a', 'b'"),
        ({"a": "date", "b": "double precision"}, "'a' of type date"),
        ({"a": "double precision[]", "b": "double precision"}, r"'a' of type double precision\[\]"),
        ({"a": "text", "b": "double precision"}, "the text input 'a'"),
    ],
)
def test_inputs(types: dict[str, str], said: str) -> None:
    model = Ridge().fit(pd.DataFrame(X, columns=["a", "b"]), Y)
    with pytest.raises(UnsupportedModel, match=said):
        program_of(model, types)


def test_the_number_of_inputs_of_a_model_without_names() -> None:
    with pytest.raises(UnsupportedModel, match="on 2 columns, but 1 inputs are given"):
        program_of(Ridge().fit(X, Y), {"a": "double precision"})


def test_categories_of_another_kind_than_the_input() -> None:
    numbers = make_pipeline(OneHotEncoder(), Ridge()).fit(pd.DataFrame({"a": [1, 2, 3]}), [1, 2, 3])
    with pytest.raises(UnsupportedModel, match=r"category .* for the text input 'a'"):
        program_of(numbers, {"a": "text"})
    texts = make_pipeline(OneHotEncoder(), Ridge()).fit(pd.DataFrame({"a": ["1", "01"]}), [1, 2])
    with pytest.raises(UnsupportedModel, match=r"category .* for the number input 'a'"):
        program_of(texts, {"a": "bigint"})
    large = make_pipeline(OneHotEncoder(), Ridge()).fit(pd.DataFrame({"a": [2**60 + 1, 2]}), [1, 2])
    with pytest.raises(UnsupportedModel, match="which float64 cannot hold"):
        program_of(large, {"a": "bigint"})


def test_two_kinds_of_missing_text() -> None:
    frame = pd.DataFrame({"a": pd.Series(["x", None, "y", None], dtype=object)})
    columns = ColumnTransformer(
        [
            ("one", OneHotEncoder(sparse_output=False), ["a"]),
            (
                "two",
                make_pipeline(SimpleImputer(strategy="constant"), OneHotEncoder(handle_unknown="ignore")),
                ["a"],
            ),
        ]
    )
    model = make_pipeline(columns, Ridge()).fit(frame, [1, 2, 3, 4])
    with pytest.raises(UnsupportedModel, match=r"None .*'a'"):
        program_of(model, {"a": "text"})


def test_a_stored_program_cannot_smuggle_sql_in_as_a_type() -> None:
    program = Program((Input("a", "text); DROP TABLE users; --"),), (), Regression(0), None)
    with pytest.raises(UnsupportedModel, match="has the type"):
        compile_functions(program, "public", "score")


def test_an_ensemble_too_large_for_a_function(monkeypatch: pytest.MonkeyPatch) -> None:
    from fsdb.models.frontends.sklearn import translation

    monkeypatch.setattr(translation, "_MOST_NODES", 50)
    with pytest.raises(UnsupportedModel, match=r"RandomForestRegressor has [0-9]+ tree nodes, more than the 50"):
        program_of(RandomForestRegressor(3).fit(X, X[:, 0]), TYPES)


def test_the_document_names_what_is_supported() -> None:
    text = (Path(__file__).parents[2] / "docs" / "models.md").read_text(encoding="utf-8")
    families = tuple(re.findall(r"`([A-Z]\w+)…`", text))
    named = set(re.findall(r"`([A-Z]\w+)`", text))
    missing = [
        name
        for name in SUPPORTED
        if name not in named and name.removesuffix("CV") not in named and not name.startswith(families)
    ]
    assert missing == []
