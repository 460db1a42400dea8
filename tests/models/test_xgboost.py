"""XGBoost models, native predict as the oracle."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xgboost as xgb
from sklearn.pipeline import make_pipeline

from fsdb.errors import UnsupportedModel
from fsdb.models import native_outputs, program_of
from fsdb.models.frontends.xgboost.links import LAST_OF_FIRST_CLASS
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
from tests.models.scorer import score

NAMES = ["a", "b", "c"]
TYPES = dict.fromkeys(NAMES, "double precision")
PLACE = "a\\'%{b}"


def data(seed: int, count: int = 300, missing: float = 0.15) -> tuple[Any, Any]:
    """Numbers with gaps, and a target above 0."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(count, 3))
    raw = X[:, 0] * 2 + X[:, 1] ** 2 - X[:, 2]
    X[rng.random(X.shape) < missing] = np.nan
    return X, np.abs(raw) + 0.1


REGRESSORS: list[Any] = [
    xgb.XGBRegressor(n_jobs=1, n_estimators=40, max_depth=5),
    xgb.XGBRegressor(n_jobs=1, n_estimators=10, base_score=3.25),
    xgb.XGBRegressor(n_jobs=1, n_estimators=10, tree_method="exact", grow_policy="depthwise"),
    xgb.XGBRegressor(n_jobs=1, n_estimators=10, grow_policy="lossguide", max_leaves=9),
    xgb.XGBRegressor(n_jobs=1, n_estimators=10, objective="count:poisson"),
    xgb.XGBRegressor(n_jobs=1, n_estimators=10, objective="reg:gamma"),
    xgb.XGBRegressor(n_jobs=1, n_estimators=10, objective="reg:tweedie", tweedie_variance_power=1.3),
    xgb.XGBRegressor(n_jobs=1, n_estimators=10, objective="reg:absoluteerror"),
    xgb.XGBRegressor(n_jobs=1, n_estimators=10, objective="reg:pseudohubererror"),
    xgb.XGBRegressor(n_jobs=1, n_estimators=10, objective="reg:squaredlogerror"),
    xgb.XGBRegressor(n_jobs=1, n_estimators=10, objective="reg:quantileerror", quantile_alpha=0.3),
    xgb.XGBRegressor(n_jobs=1, n_estimators=10, objective="survival:cox"),
    xgb.XGBRegressor(n_jobs=1, n_estimators=12, booster="dart", rate_drop=0.5, one_drop=True),
    xgb.XGBRegressor(n_jobs=1, n_estimators=4, num_parallel_tree=3, subsample=0.5),
    xgb.XGBRFRegressor(n_jobs=1, n_estimators=9, max_depth=4),
    xgb.XGBRegressor(n_jobs=1, n_estimators=3, max_depth=1),
    xgb.XGBRegressor(n_jobs=1, n_estimators=2, gamma=1e9),
]

CLASSIFIERS: list[Any] = [
    xgb.XGBClassifier(n_jobs=1, n_estimators=25),
    xgb.XGBClassifier(n_jobs=1, n_estimators=12, booster="dart", rate_drop=0.5, one_drop=True),
    xgb.XGBClassifier(n_jobs=1, n_estimators=9, objective="binary:hinge"),
    xgb.XGBClassifier(n_jobs=1, n_estimators=9, objective="binary:logitraw"),
    xgb.XGBClassifier(n_jobs=1, n_estimators=9, objective="reg:logistic", base_score=0.1),
    xgb.XGBRFClassifier(n_jobs=1, n_estimators=9),
]


def name_of(estimator: Any) -> str:
    shown = {key: value for key, value in estimator.get_params().items() if value is not None and value == value}  # noqa: PLR0124
    return type(estimator).__name__ + "-" + "-".join(str(value) for value in shown.values())


@pytest.mark.parametrize("seed", [21, 22])
@pytest.mark.parametrize("estimator", REGRESSORS, ids=name_of)
def test_regressors(module_database: TestDatabase, estimator: Any, seed: int) -> None:
    X, y = data(seed)
    y = y / y.max() if estimator.objective == "reg:logistic" else y
    with module_database.connect() as connection:
        program = assert_parity(connection, estimator.fit(X, y), TYPES, edge_rows(NAMES, seed, 20), limit=300)
    assert program.tolerance == 1e-5
    assert program.prediction_type == "double precision"


@pytest.mark.parametrize("seed", [23, 24])
@pytest.mark.parametrize("estimator", CLASSIFIERS, ids=name_of)
def test_classifiers_of_two_classes(module_database: TestDatabase, estimator: Any, seed: int) -> None:
    X, y = data(seed)
    with module_database.connect() as connection:
        program = assert_parity(connection, estimator.fit(X, y > 2), TYPES, edge_rows(NAMES, seed, 20), limit=300)
    assert program.classes == (0, 1)


@pytest.mark.parametrize(
    "estimator",
    [
        xgb.XGBClassifier(n_jobs=1, n_estimators=8, max_depth=4),
        xgb.XGBClassifier(n_jobs=1, n_estimators=6, objective="multi:softmax"),
        xgb.XGBClassifier(n_jobs=1, n_estimators=6, booster="dart", rate_drop=0.5, one_drop=True),
        xgb.XGBRFClassifier(n_jobs=1, n_estimators=5),
    ],
    ids=name_of,
)
def test_several_classes(module_database: TestDatabase, estimator: Any) -> None:
    X, y = data(25)
    with module_database.connect() as connection:
        program = assert_parity(connection, estimator.fit(X, several(y, 4)), TYPES, edge_rows(NAMES, 25, 20), limit=250)
    assert program.classes == (0, 1, 2, 3)
    assert program.has_probabilities


@pytest.mark.parametrize(
    ("parameters", "classes"),
    [
        ({"objective": "binary:logistic"}, 2),
        ({"objective": "binary:hinge"}, 2),
        ({"objective": "reg:squarederror", "booster": "dart", "rate_drop": 0.5, "one_drop": 1}, 9),
        ({"objective": "multi:softprob", "num_class": 3}, 3),
        ({"objective": "multi:softmax", "num_class": 3}, 3),
        ({"objective": "rank:ndcg"}, 4),
        ({"objective": "survival:aft"}, 5),
    ],
    ids=lambda value: value["objective"] if isinstance(value, dict) else str(value),
)
def test_boosters_refuse_infinite_numbers(
    module_database: TestDatabase, parameters: dict[str, Any], classes: int
) -> None:
    X, y = data(26)
    matrix = xgb.DMatrix(X, several(y, classes), feature_names=NAMES)
    if "rank" in parameters["objective"]:
        matrix.set_group([100, 200])
    if "aft" in parameters["objective"]:
        matrix.set_float_info("label_lower_bound", y)
        matrix.set_float_info("label_upper_bound", y)
    booster = xgb.train({"nthread": 1, **parameters}, matrix, 8)
    rows = fewer_refused(edge_rows(NAMES, 26, 20), 6)
    with module_database.connect() as connection:
        program = assert_parity(
            connection,
            booster,
            {"c": "real", "b": "double precision", "a": "double precision"},
            [
                {**row, "c": None if row["c"] is None else float(np.float32(row["c"]))}
                for row in rows
                if abs(row["c"] or 0) < 1e38
            ],
        )
    assert [given.name for given in program.inputs] == NAMES
    assert "error" in native_outputs(booster, program, [{"a": np.inf, "b": 0.0, "c": 0.0}])[0]


def fewer_refused(rows: list[dict[str, Any]], most: int) -> list[dict[str, Any]]:
    """Without the most of the rows that a Booster refuses: each costs it an exception."""
    large = [row for row in rows if any(value is not None and abs(value) > 3.4e38 for value in row.values())]
    return [row for row in rows if row not in large] + large[:: max(1, len(large) // most)]


def test_a_wrapper_stops_at_its_best_iteration_and_its_booster_does_not(module_database: TestDatabase) -> None:
    X, y = data(27)
    noise = np.random.default_rng(27).normal(size=len(y))
    model = xgb.XGBRegressor(n_jobs=1, n_estimators=60, early_stopping_rounds=5, learning_rate=0.5)
    model.fit(X[:200], noise[:200], eval_set=[(X[200:], noise[200:])], verbose=False)
    assert model.best_iteration < model.get_booster().num_boosted_rounds() - 1
    rows = fewer_refused(edge_rows(NAMES, 27, 5), 2)
    with module_database.connect() as connection:
        stopped = assert_parity(connection, model, TYPES, rows)
        every = assert_parity(connection, model.get_booster(), TYPES, rows)
    assert len(stopped.steps[-1].trees) == model.best_iteration + 1  # type: ignore[union-attr]
    assert len(every.steps[-1].trees) == model.get_booster().num_boosted_rounds()  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "options", [{}, {"max_cat_to_onehot": 100}, {"max_cat_threshold": 4, "tree_method": "approx"}], ids=str
)
@pytest.mark.parametrize("native", [False, True])
def test_categories_of_a_frame(module_database: TestDatabase, options: dict[str, Any], native: bool) -> None:
    frame = frame_of(31, PLACE)
    y = target_of(frame, 31)
    model: Any = xgb.XGBRegressor(n_jobs=1, n_estimators=12, enable_categorical=True, **options).fit(frame, y)
    if native:
        model = xgb.train({"nthread": 1, "max_depth": 5, **options}, xgb.DMatrix(frame, y, enable_categorical=True), 12)
    rows = rows_of(frame)[:80]
    rows += [{**rows[1], "place": place} for place in ("12345", "1234 ", "jfk", "nan", "None", None)]
    rows += [{**rows[2], "kind": kind} for kind in (0, 1, 2, 4, -1, 2**40, None)]
    with module_database.connect() as connection:
        program = assert_parity(connection, model, FRAME_TYPES, rows)
        refused = score(connection, program, [{**rows[1], "place": "12345"}])
    assert 'input "place" of the model has the category "12345"' in refused[0]["error"]
    assert any(any(tree.left_codes) for tree in program.steps[-1].trees)  # type: ignore[union-attr]


@pytest.mark.parametrize("kind", ["integer", "double precision", "numeric(12,4)", "boolean"])
@pytest.mark.parametrize("onehot", [1, 100])
def test_codes_without_a_frame(module_database: TestDatabase, kind: str, onehot: int) -> None:
    X, y = coded(32, kind, 300)
    model = xgb.XGBRegressor(
        n_jobs=1, n_estimators=9, feature_types=["c", "q"], enable_categorical=True, max_cat_to_onehot=onehot
    ).fit(X, y)
    with module_database.connect() as connection:
        assert_parity(connection, model, {"k": kind, "v": "real"}, code_rows(kind))


@pytest.mark.parametrize("missing", [-999.0, 0.0, 0.1, np.inf])
def test_a_number_that_stands_for_missing(module_database: TestDatabase, missing: float) -> None:
    X, y = data(34)
    X = np.where(np.isnan(X), missing, X)
    model = xgb.XGBRegressor(n_jobs=1, n_estimators=9, missing=missing).fit(X, y)
    near = np.float32(missing).item()
    edges = [
        missing,
        np.nextafter(missing, 1),
        np.nextafter(missing, -1),
        near,
        np.nextafter(near, 9),
        np.nextafter(near, -9),
    ]
    edges += [7.006492321624085e-46, 7.006492321624087e-46, -7.006492321624085e-46]
    rows = [{"a": float(edge), "b": b, "c": c} for edge in edges for b in (missing, 1.0, None) for c in (missing, -1.0)]
    with module_database.connect() as connection:
        assert_parity(connection, model, TYPES, rows + edge_rows(NAMES, 34, 5))


def test_sums_are_those_of_float32(module_database: TestDatabase) -> None:
    """Large leaves that cancel: in float64 the result would differ in its third digit."""
    X = np.arange(64.0).reshape(-1, 1)
    y = np.where(X[:, 0] % 2 == 0, 1e6, 1e6 + 0.01)
    model = xgb.XGBRegressor(n_jobs=1, n_estimators=50, base_score=1e6, max_depth=6, reg_lambda=0).fit(X, y - y.mean())
    with module_database.connect() as connection:
        assert_parity(connection, model, {"x": "double precision"}, [{"x": float(x)} for x in range(64)])


def test_the_margin_that_still_rounds_to_the_first_class() -> None:
    booster = xgb.train(
        {"nthread": 1, "objective": "binary:logistic", "base_score": 0.5},
        xgb.DMatrix(np.zeros((4, 1)), np.array([0, 1, 0, 1])),
        1,
    )
    last = np.float32(LAST_OF_FIRST_CLASS)
    matrix = xgb.DMatrix(np.zeros((3, 1)))
    matrix.set_base_margin(np.array([last, np.nextafter(last, np.float32(1)), -last]))
    assert (booster.predict(matrix) > 0.5).tolist() == [False, True, False]


def test_margins_next_to_the_edge_of_the_classes(module_database: TestDatabase) -> None:
    """Two trees whose leaves nearly cancel."""
    X, y = data(35, missing=0)
    model = xgb.XGBClassifier(n_jobs=1, n_estimators=2, max_depth=2, base_score=0.5).fit(X, y > 2)
    content = json.loads(model.get_booster().save_raw("json"))
    trees = content["learner"]["gradient_booster"]["model"]["trees"]
    rng = np.random.default_rng(35)
    for tree, sign in zip(trees, (1, -1), strict=True):
        tree["split_conditions"] = [
            limit if left >= 0 else sign * (0.25 + int(rng.integers(-6, 7)) * 2.0**-25)
            for limit, left in zip(tree["split_conditions"], tree["left_children"], strict=True)
        ]
    model.load_model(bytearray(json.dumps(content), "utf-8"))
    rows = [dict(zip(NAMES, row, strict=True)) for row in X.tolist()]
    margins = model.predict(X, output_margin=True)
    assert ((margins > 0) & (margins <= LAST_OF_FIRST_CLASS)).any()
    with module_database.connect() as connection:
        assert_parity(connection, model, TYPES, rows)


def test_a_saved_model_gives_the_same_program(tmp_path: Any) -> None:
    frame = frame_of(36, PLACE)
    model = xgb.XGBRegressor(n_jobs=1, n_estimators=5, enable_categorical=True).fit(frame, target_of(frame, 36))
    program = program_of(model, FRAME_TYPES)
    model.save_model(tmp_path / "model.ubj")
    again = xgb.XGBRegressor()
    again.load_model(tmp_path / "model.ubj")
    assert program_of(again, FRAME_TYPES) == program


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("classes", [2, 3])
def test_at_the_end_of_a_pipeline(module_database: TestDatabase, sparse: bool, classes: int) -> None:
    """In a sparse matrix zeros are missing to XGBoost."""
    frame, target = pipeline_frame(37)
    model = make_pipeline(one_hot(sparse), xgb.XGBClassifier(n_jobs=1, n_estimators=8)).fit(
        frame, several(target, classes)
    )
    rows = [*pipeline_rows(frame), {"temp": 0.0, "place": "new", "n": None}]
    with module_database.connect() as connection:
        program = assert_parity(connection, model, PIPELINE_TYPES, rows, limit=200)
    assert program.classes == tuple(range(classes))
    assert program.tolerance == 1e-5


def test_categories_that_a_pipeline_has_encoded(module_database: TestDatabase) -> None:
    frame, target = pipeline_frame(38)
    last = xgb.XGBRegressor(n_jobs=1, n_estimators=8, enable_categorical=True, feature_types=["c", "q", "q"])
    model = make_pipeline(ordinal(), last).fit(frame, target)
    with module_database.connect() as connection:
        assert_parity(connection, model, PIPELINE_TYPES, pipeline_rows(frame.dropna()), limit=200)


class Custom(xgb.XGBRegressor):
    """A subclass may predict differently: it is not its base."""


X, Y = data(39, missing=0)


def small(**options: Any) -> Any:
    return xgb.XGBRegressor(n_jobs=1, **{"n_estimators": 3, **options})


def categories(values: list[Any]) -> Any:
    frame = pd.DataFrame({"a": pd.Categorical(values * 10)})
    return small(enable_categorical=True).fit(frame, np.arange(len(frame)))


@pytest.mark.parametrize(
    ("fitted", "types", "said"),
    [
        (small, TYPES, "XGBRegressor is not fitted"),
        (
            lambda: Custom(n_estimators=2).fit(X, Y),
            TYPES,
            "Custom is not a supported model of XGBoost; supported are Booster",
        ),
        (lambda: small(booster="gblinear").fit(X, Y), TYPES, "booster 'gblinear'"),
        (lambda: small().fit(X, np.column_stack([Y, Y])), TYPES, "2 targets"),
        (lambda: small(multi_strategy="multi_output_tree").fit(X, np.column_stack([Y, Y])), TYPES, "2 targets"),
        (
            lambda: small(objective="reg:quantileerror", quantile_alpha=[0.2, 0.8]).fit(X, Y),
            TYPES,
            "2 targets or quantiles",
        ),
        (
            lambda: xgb.XGBClassifier(n_jobs=1, n_estimators=2, objective="count:poisson").fit(X, Y > 1),
            TYPES,
            "objective 'count:poisson'; supported are",
        ),
        (lambda: small(objective="multi:softprob", num_class=3).fit(X, several(Y, 3)), TYPES, "fit an XGBClassifier"),
        (lambda: small().fit(X, Y), {"a": "real"}, "on 3 columns, but 1 inputs are given"),
        (lambda: small().fit(X, Y), {**TYPES, "b": "date"}, "'b' of type date"),
        (lambda: small().fit(X, Y), {**TYPES, "b": "text"}, "bound to a text"),
        (lambda: small().fit(pd.DataFrame(X, columns=list("abz")), Y), TYPES, "'z', which no input is bound to"),
        (
            lambda: make_pipeline("passthrough", small()).fit(X, Y),
            {**TYPES, "b": "text"},
            "text input 'b', which needs an encoder",
        ),
        (
            lambda: make_pipeline("passthrough", small(enable_categorical=True)).fit(
                frame_of(40, PLACE), target_of(frame_of(40, PLACE), 40)
            ),
            dict.fromkeys(FRAME_TYPES, "double precision"),
            "category '' of type str for the number input 'place'",
        ),
        (lambda: categories(["x", "y"]), {"a": "integer"}, "category 'x' of type str for the number input 'a'"),
        (lambda: categories([3, 4]), {"a": "text"}, "category 3 of type int for the text input 'a'"),
        (lambda: categories(["é", "y"]), {"a": "text"}, "outside ASCII"),
        (
            lambda: small(missing=-1.0, enable_categorical=True).fit(
                frame_of(40, PLACE), target_of(frame_of(40, PLACE), 40)
            ),
            FRAME_TYPES,
            "missing=-1.0 besides categories",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_refusals(fitted: Callable[[], Any], types: dict[str, str], said: str) -> None:
    with pytest.raises(UnsupportedModel, match=said):
        program_of(fitted(), types)


def test_an_ensemble_too_large_for_a_function(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fsdb.models.frontends.boosters.size._MOST_NODES", 20)
    with pytest.raises(UnsupportedModel, match=r"XGBRegressor has [0-9]+ tree nodes, more than the 20"):
        program_of(small().fit(X, Y), TYPES)
