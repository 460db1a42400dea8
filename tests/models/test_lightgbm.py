"""LightGBM models, native predict as the oracle."""

import math
from collections.abc import Callable
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import make_pipeline

from fsdb.errors import UnsupportedModel
from fsdb.models import program_of
from fsdb.models.frontends.lightgbm.links import LAST_OF_FIRST_CLASS
from fsdb.models.frontends.lightgbm.trees import ZERO
from fsdb.models.steps import TreeEnsemble
from tests.conftest import TestDatabase
from tests.models.boosting_data import (
    FRAME_TYPES,
    PIPELINE_TYPES,
    code_rows,
    coded,
    frame_of,
    one_hot,
    ordinal,
    pipeline_frame,
    pipeline_rows,
    rows_of,
    several,
    target_of,
)
from tests.models.edges import edge_rows
from tests.models.parity import assert_parity

NAMES = ["a", "b", "c"]
TYPES = dict.fromkeys(NAMES, "double precision")
QUIET = {"verbose": -1, "min_child_samples": 5, "n_jobs": 1}
ZEROS = [0.0, -0.0, ZERO, -ZERO, np.nextafter(ZERO, 1), np.nextafter(-ZERO, -1), 1e-36, -1e-36, 5e-324]


def data(seed: int, count: int = 300, missing: float = 0.15) -> tuple[Any, Any]:
    """Numbers with gaps and zeros, and a target above 0."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(count, 3))
    X[rng.random(X.shape) < 0.1] = 0
    raw = X[:, 0] * 2 + X[:, 1] ** 2 - X[:, 2]
    X[rng.random(X.shape) < missing] = np.nan
    return X, np.abs(raw) + 0.1


def rows_at(seed: int) -> list[dict[str, Any]]:
    plain = edge_rows(NAMES, seed, 15)
    zeros = [{**row, name: float(zero)} for name in NAMES for zero, row in zip(ZEROS, plain[-15:], strict=False)]
    return plain + zeros


def regressor(**options: Any) -> Any:
    return lgb.LGBMRegressor(**{"n_estimators": 10, **QUIET, **options})


def classifier(**options: Any) -> Any:
    return lgb.LGBMClassifier(**{"n_estimators": 10, **QUIET, **options})


FOREST = {"boosting_type": "rf", "subsample": 0.5, "subsample_freq": 1}

REGRESSORS: list[Any] = [
    {"n_estimators": 40},
    {"objective": "regression_l1"},
    {"objective": "huber"},
    {"objective": "fair"},
    {"objective": "quantile", "alpha": 0.8},
    {"objective": "mape"},
    {"objective": "poisson"},
    {"objective": "gamma"},
    {"objective": "tweedie", "tweedie_variance_power": 1.3},
    {"boosting_type": "dart", "drop_rate": 0.5},
    {"boosting_type": "goss"},
    {**FOREST, "n_estimators": 7},
    {"extra_trees": True, "max_depth": 3},
    {"use_missing": False},
    {"zero_as_missing": True},
    {"min_child_samples": 1000},
]


@pytest.mark.parametrize("missing", [0.0, 0.15], ids=["dense", "gaps"])
@pytest.mark.parametrize("options", REGRESSORS, ids=str)
def test_regressors(module_database: TestDatabase, options: dict[str, Any], missing: float) -> None:
    X, y = data(41, missing=missing)
    with module_database.connect() as connection:
        program = assert_parity(connection, regressor(**options).fit(X, y), TYPES, rows_at(41), limit=250)
    assert program.tolerance == 1e-9
    assert program.prediction_type == "double precision"


@pytest.mark.parametrize("missing", [0.0, 0.15], ids=["dense", "gaps"])
@pytest.mark.parametrize(
    "options",
    [
        {"n_estimators": 25},
        {"sigmoid": 2.5, "is_unbalance": True},
        {"objective": "cross_entropy"},
        {"boosting_type": "dart", "drop_rate": 0.5},
        {**FOREST, "n_estimators": 7},
        {"zero_as_missing": True},
    ],
    ids=str,
)
def test_classifiers_of_two_classes(module_database: TestDatabase, options: dict[str, Any], missing: float) -> None:
    X, y = data(42, missing=missing)
    labels = np.array(["late", "on 'time'"])[(y > 2).astype(int)]
    with module_database.connect() as connection:
        program = assert_parity(connection, classifier(**options).fit(X, labels), TYPES, rows_at(42), limit=250)
    assert program.classes == ("late", "on 'time'")
    assert program.has_probability


@pytest.mark.parametrize(
    "options",
    [{}, {"objective": "multiclassova", "sigmoid": 0.7}, {**FOREST, "n_estimators": 5}, {"boosting_type": "dart"}],
    ids=str,
)
def test_several_classes(module_database: TestDatabase, options: dict[str, Any]) -> None:
    X, y = data(43)
    with module_database.connect() as connection:
        program = assert_parity(
            connection, classifier(**options).fit(X, several(y, 4) * 10), TYPES, rows_at(43), limit=200
        )
    assert program.classes == (0, 10, 20, 30)
    assert program.has_probabilities


@pytest.mark.parametrize(
    ("parameters", "classes"),
    [
        ({"objective": "binary"}, 2),
        ({"objective": "regression"}, 9),
        ({"objective": "multiclass", "num_class": 3}, 3),
        ({"objective": "multiclassova", "num_class": 3}, 3),
        ({"objective": "lambdarank"}, 4),
        ({"objective": "rank_xendcg"}, 4),
    ],
    ids=lambda value: value["objective"] if isinstance(value, dict) else str(value),
)
def test_boosters(module_database: TestDatabase, parameters: dict[str, Any], classes: int) -> None:
    X, y = data(44)
    group = [100, 200] if "rank" in parameters["objective"] else None
    given = lgb.Dataset(X, several(y, classes), feature_name=NAMES, group=group)
    booster = lgb.train({"verbose": -1, "num_threads": 1, "min_data_in_leaf": 5, **parameters}, given, 8)
    with module_database.connect() as connection:
        program = assert_parity(connection, booster, {"c": "double precision", **TYPES}, rows_at(44), limit=200)
        again = assert_parity(connection, lgb.Booster(model_str=booster.model_to_string()), TYPES, rows_at(44)[:30])
    assert [given.name for given in program.inputs] == NAMES
    assert again == program


def test_prediction_stops_at_the_best_iteration(module_database: TestDatabase) -> None:
    X, y = data(45)
    y = y + np.random.default_rng(45).normal(size=len(y))
    booster = lgb.train(
        {"verbose": -1, "num_threads": 1, "learning_rate": 0.2, "min_data_in_leaf": 5},
        given := lgb.Dataset(X[:200], y[:200], feature_name=NAMES),
        60,
        valid_sets=[lgb.Dataset(X[200:], y[200:], reference=given)],
        callbacks=[lgb.early_stopping(3, verbose=False)],
        keep_training_booster=True,
    )
    assert 1 < booster.best_iteration < booster.current_iteration()
    with module_database.connect() as connection:
        program = assert_parity(connection, booster, TYPES, rows_at(45)[:60], limit=100)
    assert len(program.steps[-1].trees) == booster.best_iteration  # type: ignore[union-attr]


RANKED_TYPES = {**FRAME_TYPES, "rank": "text", "constant": "character varying(9)"}


def ranked(seed: int) -> tuple[pd.DataFrame, Any]:
    """The common frame with an ordered category and one of a single value, and a target."""
    frame = frame_of(seed, "früh\\'%{b}", 500)
    ranks = np.random.default_rng(seed).choice(["low", "mid", "high"], len(frame))
    frame["rank"] = pd.Categorical(ranks, ["low", "mid", "high"], ordered=True)
    frame.loc[::13, "rank"] = None
    frame["constant"] = pd.Categorical(["one"] * len(frame))
    return frame, target_of(frame, seed) + frame["rank"].cat.codes


OFTEN_SPLIT = {"cat_smooth": 1.0, "min_data_per_group": 5, "cat_l2": 0.1}


@pytest.mark.parametrize("options", [{}, {"max_cat_to_onehot": 100}, {"zero_as_missing": True}], ids=str)
@pytest.mark.parametrize("native", [False, True])
def test_categories_of_a_frame(module_database: TestDatabase, options: dict[str, Any], native: bool) -> None:
    frame, y = ranked(51)
    model = regressor(n_estimators=12, **OFTEN_SPLIT, **options).fit(frame, y)
    rows = rows_of(frame)[:80]
    rows += [{**rows[1], "place": place} for place in ("12345", "1234 ", "jfk", "nan", "None", "früh", None)]
    rows += [{**rows[2], "kind": kind} for kind in (0, 1, 2, 4, -1, 2**40, None)]
    rows += [{**rows[3], "rank": rank} for rank in ("low", "mid", "high", "highest", "", None)]
    with module_database.connect() as connection:
        program = assert_parity(connection, model.booster_ if native else model, RANKED_TYPES, rows, limit=300)
    trees = next(step.trees for step in program.steps if isinstance(step, TreeEnsemble))
    assert any(any(tree.left_codes) for tree in trees)


@pytest.mark.parametrize("kind", ["integer", "double precision", "numeric(12,4)", "boolean"])
@pytest.mark.parametrize("onehot", [1, 100])
def test_codes_without_a_frame(module_database: TestDatabase, kind: str, onehot: int) -> None:
    X, y = coded(52, kind, 400)
    model = regressor(max_cat_to_onehot=onehot, **OFTEN_SPLIT).fit(X, y, categorical_feature=[0])
    with module_database.connect() as connection:
        assert_parity(connection, model, {"k": kind, "v": "real"}, code_rows(kind))


def test_scores_next_to_the_edge_of_the_classes() -> None:
    for score, second in ((LAST_OF_FIRST_CLASS, False), (np.nextafter(LAST_OF_FIRST_CLASS, 1), True), (-1e-16, False)):
        share = 1 / (1 + math.exp(-score))
        assert (share > 1 - share) == second


def test_two_trees_that_cancel(module_database: TestDatabase) -> None:
    """Scores of 0 and of an ulp of a leaf belong to the first class."""
    X, y = data(54, missing=0)
    booster = classifier(n_estimators=2, max_depth=2, num_leaves=4).fit(X, y > 2).booster_
    rng = np.random.default_rng(54)
    lines = [line for line in booster.model_to_string().split("\n") if not line.startswith("tree_sizes=")]
    signs = iter((1, -1))
    for number, line in enumerate(lines):
        if line.startswith("leaf_value="):
            sign = next(signs)
            values = [sign * (0.25 + int(rng.integers(-6, 7)) * 2.0**-54) for _ in line.split(" ")]
            lines[number] = "leaf_value=" + " ".join(map(repr, values))
    model = classifier(n_estimators=2, max_depth=2, num_leaves=4).fit(X, y > 2)
    model._Booster = lgb.Booster(model_str="\n".join(lines))
    scores = model.predict(X, raw_score=True)
    assert ((scores > 0) & (scores <= LAST_OF_FIRST_CLASS)).any()
    with module_database.connect() as connection:
        assert_parity(connection, model, TYPES, [dict(zip(NAMES, row, strict=True)) for row in X.tolist()])


def test_names_with_spaces(module_database: TestDatabase) -> None:
    X, y = data(55)
    frame = pd.DataFrame(X, columns=["a 1", "b", "c"])
    model = regressor().fit(frame, y)
    rows = [dict(zip(frame.columns, row.values(), strict=True)) for row in rows_at(55)[:40]]
    with module_database.connect() as connection:
        assert_parity(
            connection,
            model,
            {"b": "double precision", "c": "real", "a 1": "double precision"},
            [{**row, "c": 1.5} for row in rows],
        )


def test_a_booster_that_was_saved_gives_the_same_program(tmp_path: Any) -> None:
    model = regressor(**OFTEN_SPLIT).fit(*ranked(56))
    model.booster_.save_model(tmp_path / "model.txt")
    assert program_of(lgb.Booster(model_file=tmp_path / "model.txt"), RANKED_TYPES) == program_of(model, RANKED_TYPES)


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("several_classes", [False, True])
def test_at_the_end_of_a_pipeline(module_database: TestDatabase, sparse: bool, several_classes: bool) -> None:
    frame, target = pipeline_frame(57)
    labels = np.array(["a", "b", "c"])[several(target, 3) if several_classes else (target > 1).astype(int)]
    model = make_pipeline(one_hot(sparse), classifier()).fit(frame, labels)
    rows = [*pipeline_rows(frame), {"temp": None, "place": "new", "n": None}]
    with module_database.connect() as connection:
        program = assert_parity(connection, model, PIPELINE_TYPES, rows, limit=200)
    assert program.classes == (("a", "b", "c") if several_classes else ("a", "b"))


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("options", [{}, {"zero_as_missing": True}, {"use_missing": False}], ids=str)
def test_numbers_around_zero_in_a_pipeline(
    module_database: TestDatabase, sparse: bool, options: dict[str, Any]
) -> None:
    """LightGBM reads what is near 0 as 0 in a dense matrix, and compares it as it is in a sparse one."""
    frame, target = pipeline_frame(59)
    frame.loc[::3, "temp"] = 0.0
    model = make_pipeline(one_hot(sparse), regressor(**options)).fit(frame, target * (frame["temp"] != 0))
    (scale, _) = model[0].named_transformers_["rest"].scale_
    near = [zero * scale for zero in ZEROS]
    near += [np.nextafter(value, sign) for value in near for sign in (-1, 1)]
    rows = [{"temp": float(temp), "place": "JFK", "n": n} for temp in near for n in (0, 3)]
    with module_database.connect() as connection:
        program = assert_parity(connection, model, PIPELINE_TYPES, rows, limit=100)
    trees = next(step.trees for step in program.steps if isinstance(step, TreeEnsemble))
    if not options.get("zero_as_missing"):
        assert any(abs(limit) < 1e-30 for tree in trees for limit in tree.threshold if limit)


def test_categories_that_a_pipeline_has_encoded(module_database: TestDatabase) -> None:
    frame, target = pipeline_frame(58)
    model = make_pipeline(ordinal(), regressor(**OFTEN_SPLIT))
    model.fit(frame, target, lgbmregressor__categorical_feature=[0])
    with module_database.connect() as connection:
        program = assert_parity(connection, model, PIPELINE_TYPES, pipeline_rows(frame.dropna()), limit=200)
    trees = next(step.trees for step in program.steps if isinstance(step, TreeEnsemble))
    assert any(any(tree.left_codes) for tree in trees)


class Custom(lgb.LGBMRegressor):
    """A subclass may predict differently: it is not its base."""


X, Y = data(59, missing=0)


@pytest.mark.parametrize(
    ("fitted", "types", "said"),
    [
        (regressor, TYPES, "LGBMRegressor is not fitted"),
        (
            lambda: Custom(**QUIET).fit(X, Y),
            TYPES,
            "Custom is not a supported model of LightGBM; supported are Booster",
        ),
        (lambda: regressor(linear_tree=True).fit(X, Y), TYPES, "linear_tree=True"),
        (lambda: regressor(reg_sqrt=True).fit(X, Y), TYPES, "objective 'regression sqrt'"),
        (lambda: regressor(objective="cross_entropy_lambda").fit(X, Y > 1), TYPES, "cross_entropy_lambda"),
        (
            lambda: classifier(objective=lambda y, z: (z - y, np.ones_like(y))).fit(X, Y > 1),
            TYPES,
            "an objective of its own",
        ),
        (lambda: classifier().fit(X, np.ones(len(X))), TYPES, "one class"),
        (lambda: regressor().fit(X, Y), {"a": "real"}, "on 3 columns, but 1 inputs are given"),
        (lambda: regressor().fit(X, Y), {**TYPES, "b": "date"}, "'b' of type date"),
        (lambda: regressor().fit(X, Y), {**TYPES, "b": "text"}, "bound to a text"),
        (lambda: regressor().fit(pd.DataFrame(X, columns=list("abz")), Y), TYPES, "'z', which no input is bound to"),
        (
            lambda: regressor().fit(*ranked(60)),
            {**RANKED_TYPES, "kind": "text"},
            "does not say which",
        ),
        (
            lambda: regressor().fit(*ranked(60)),
            {**RANKED_TYPES, "place": "integer"},
            "does not say which",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_refusals(fitted: Callable[[], Any], types: dict[str, str], said: str) -> None:
    with pytest.raises(UnsupportedModel, match=said):
        program_of(fitted(), types)


def test_too_many_categories_split_in_too_many_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    model = regressor(**OFTEN_SPLIT).fit(*ranked(61))
    monkeypatch.setattr("fsdb.models.frontends.boosters.categories._MOST_CELLS", 100)
    with pytest.raises(UnsupportedModel, match=r"cells, where 100 are supported.*group rare categories"):
        program_of(model, RANKED_TYPES)


def test_an_ensemble_too_large_for_a_function(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fsdb.models.frontends.boosters.size._MOST_NODES", 20)
    with pytest.raises(UnsupportedModel, match=r"LGBMRegressor has [0-9]+ tree nodes, more than the 20"):
        program_of(regressor().fit(X, Y), TYPES)
