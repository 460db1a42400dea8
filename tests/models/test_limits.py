"""Models past PostgreSQL's limits are refused when they are compiled; trees past those of CASE expressions are walked."""

import math

import numpy as np
import psycopg
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures
from sklearn.tree import DecisionTreeRegressor

from fsdb.deployments import register_model
from fsdb.errors import UnsupportedModel
from fsdb.models import Input, Program, compile_functions, program_of
from fsdb.models.backends.sql import limits
from fsdb.models.backends.sql.trees import cases
from fsdb.models.frontends.sklearn import neighbors
from fsdb.models.program import Regression
from fsdb.models.steps import LookupText, Tree, TreeEnsemble
from tests.conftest import TestDatabase
from tests.models.scorer import deploy, score, scored_in_every_form


def _linear(inputs: int) -> Program:
    model = LinearRegression().fit(np.random.default_rng(1).normal(size=(4, inputs)), range(4))
    return program_of(model, {f"x{n}": "double precision" for n in range(inputs)})


def _lookup(length: int) -> Program:
    step = LookupText(0, ("k" * length,), (1.0,), 0.0, 0.0)
    return Program((Input("a", "text"),), (step,), Regression(1), None)


def _chain(depth: int) -> Program:
    """A tree that tells whole numbers apart one after the other."""
    leaves = depth + 1
    tree = Tree(
        feature=(0,) * depth + (-1,) * leaves,
        threshold=tuple(map(float, range(depth))) + (0.0,) * leaves,
        left=tuple(range(depth, 2 * depth)) + (0,) * leaves,
        right=(*range(1, depth), 2 * depth) + (0,) * leaves,
        missing_left=(False,) * (depth + leaves),
        values=tuple((float(n),) for n in range(depth + leaves)),
        output=0,
    )
    step = TreeEnsemble((0,), (tree,), (0.0,), 1.0, False, False)
    return Program((Input("a", "double precision"),), (step,), Regression(1), None)


def test_a_function_of_more_than_100_mb_is_refused_by_its_size() -> None:
    with pytest.raises(
        UnsupportedModel, match=r"SQL function of 101\.0 MB, where 100\.0 MB.*runtime='onnx' or runtime='worker'"
    ):
        compile_functions(_lookup(101_000_000), "public", "score")


def test_a_large_function_below_the_limit_scores(module_database: TestDatabase) -> None:
    with module_database.connect() as connection:
        program = _lookup(20_000_000)
        deploy(connection, program)
        assert score(connection, program, [{"a": "k"}]) == [{"prediction": 0.0}]


def test_more_inputs_than_a_table_has_columns_are_refused(module_database: TestDatabase) -> None:
    with pytest.raises(
        UnsupportedModel, match=r"1,601 inputs, and a table of PostgreSQL has at most 1,600.*runtime='worker'"
    ):
        compile_functions(_linear(1601), "public", "score")
    program = _linear(1600)
    with module_database.connect() as connection:
        deploy(connection, program)
        (found,) = score(connection, program, [{given.name: 1.0 for given in program.inputs}])
    assert math.isfinite(found["prediction"])


def test_points_with_more_columns_than_a_query_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbors, "MOST_ARRAYS", 10**6)
    X = np.random.default_rng(2).normal(size=(20, 60))
    model = make_pipeline(PolynomialFeatures(2), KNeighborsRegressor(3)).fit(X, X[:, 0])
    program = program_of(model, {f"x{n}": "double precision" for n in range(60)})
    with pytest.raises(
        UnsupportedModel, match=r"Neighbors step of the model compares 1,891 columns.*at most 1,600.*'onnx'"
    ):
        compile_functions(program, "public", "score")


def test_a_limit_that_postgresql_alone_knows_is_told_by_the_gate(
    connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(neighbors, "MOST_ARRAYS", 10**6)
    monkeypatch.setattr(limits, "MOST_COLUMNS", 10**6)
    X = np.random.default_rng(3).normal(size=(20, 60))
    model = make_pipeline(PolynomialFeatures(2), KNeighborsRegressor(3)).fit(X, X[:, 0])
    inputs = {f"x{n}": "double precision" for n in range(60)}
    rows = [dict(zip(inputs, row, strict=True)) for row in X.tolist()]
    with pytest.raises(UnsupportedModel, match=r"Model wide version 1 is too large.*columns.*runtime='onnx'"):
        register_model(connection, "wide", model, inputs=inputs, rows=rows)
    assert connection.execute("SELECT count(*) FROM fsdb.models").fetchone() == (0,)


def test_the_limits_are_those_that_the_sentences_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MOST_TEXT", 1_500_000)
    with pytest.raises(UnsupportedModel, match=r"of 2\.0 MB, where 1\.5 MB"):
        compile_functions(_lookup(2_000_000), "public", "score")
    monkeypatch.setattr(limits, "MOST_INPUTS", 3)
    with pytest.raises(UnsupportedModel, match=r"4 inputs, and a table of PostgreSQL has at most 3"):
        compile_functions(_linear(4), "public", "score")


def test_deep_trees_have_no_case_form(module_database: TestDatabase) -> None:
    with module_database.connect() as connection:
        for depth, has_case in ((cases.MOST_DEPTH, True), (cases.MOST_DEPTH + 1, False), (5000, False)):
            program = _chain(depth)
            rows = [{"a": float(n)} for n in (0, 1, 62, 63, 64, depth - 1, depth)]
            forms = scored_in_every_form(connection, program, rows)
            assert set(forms) == {"masks", "walked"} | ({"CASE"} if has_case else set())
            for name, found in forms.items():
                assert [row["prediction"] for row in found] == [depth + row["a"] for row in rows], name


def test_ensembles_with_many_splits_have_no_case_form(monkeypatch: pytest.MonkeyPatch) -> None:
    X = np.random.default_rng(4).normal(size=(60, 2))
    program = program_of(DecisionTreeRegressor().fit(X, X[:, 0]), {"a": "real", "b": "real"})
    assert len(compile_functions(program, "public", "score")) == 2
    monkeypatch.setattr(cases, "MOST_SPLITS", 20)
    assert len(compile_functions(program, "public", "score")) == 1
