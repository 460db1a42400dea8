"""CatBoost: models that save_model(format="onnx") writes, against their own predict and predict_proba."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from catboost import CatBoostClassifier, CatBoostError, CatBoostRegressor
from onnx import helper

from fsdb.errors import UnsupportedModel
from fsdb.models import OnnxModel, program_of
from tests.conftest import TestDatabase
from tests.exports.rows import NAMES, SEED, as_matrix, as_rows, data, odd_rows
from tests.exports.served import TYPES, assert_as_native, numbers, served, shares

X, TARGET = data(missing=0.1)
TWO = np.array(["early", "late"])[(TARGET > 11).astype(int)]
THREE = np.digitize(TARGET, [10.0, 12.0])
PLAIN: dict[str, Any] = {"iterations": 40, "depth": 4, "random_seed": SEED, "verbose": False}
PLAIN["allow_writing_files"] = False

REGRESSORS = [{}, {"loss_function": "MAE"}, {"nan_mode": "Max"}, {"loss_function": "Quantile:alpha=0.3"}, {"depth": 1}]
CLASSIFIERS = [{}, {"nan_mode": "Max"}, {"auto_class_weights": "Balanced"}]


def at_borders(model: Any, folder: Path) -> list[dict[str, Any]]:
    """Rows at each border of each feature, one step of float32 below and above, and one of float64 where the column has it."""
    model.save_model(str(folder / "model.json"), format="json")
    described = json.loads((folder / "model.json").read_text())["features_info"]["float_features"]
    usual = {"a": 0.25, "b": -0.125, "c": 1.5}
    rows = []
    for feature in described:
        name = NAMES[feature["feature_index"]]
        for border in map(np.float32, feature["borders"] or ()):
            with np.errstate(
                over="ignore"
            ):  # the border between what is missing and all numbers is the last of float32
                near = [border, *(np.nextafter(border, np.float32(side)) for side in (-np.inf, np.inf))]
            if TYPES[name] == "double precision":
                near += [np.nextafter(np.float64(border), side) for side in (-np.inf, np.inf)]
            rows += [{**usual, name: float(value)} for value in near if np.isfinite(value)]
    assert rows
    return rows


def saved(model: Any, folder: Path) -> Path:
    """The file that CatBoost writes."""
    path = folder / "model.onnx"
    model.save_model(str(path), format="onnx")
    return path


def rows_for(model: Any, folder: Path) -> list[dict[str, Any]]:
    return as_rows(X[:40]) + odd_rows(3.3e38) + at_borders(model, folder)


@pytest.mark.parametrize("options", REGRESSORS, ids=str)
def test_regressors(database: TestDatabase, tmp_path: Path, options: dict[str, Any]) -> None:
    model = CatBoostRegressor(**{**PLAIN, **options}).fit(X, TARGET)
    rows = rows_for(model, tmp_path)
    given = served(database, saved(model, tmp_path), rows, as_rows(X))
    assert_as_native(given, numbers(model.predict(as_matrix(rows))))
    assert given.runtime == "sql"
    assert given.program.classes is None


@pytest.mark.parametrize("options", [*CLASSIFIERS, {"boost_from_average": True}], ids=str)
def test_two_classes(database: TestDatabase, tmp_path: Path, options: dict[str, Any]) -> None:
    model = CatBoostClassifier(**{**PLAIN, **options}).fit(X, TWO)
    rows = rows_for(model, tmp_path)
    given = served(database, saved(model, tmp_path), rows, as_rows(X))
    native = shares(model.predict_proba(as_matrix(rows)), ("early", "late"))
    assert [row["prediction"] for row in native] == model.predict(as_matrix(rows)).tolist()
    assert_as_native(given, native)
    assert given.runtime == "sql"


@pytest.mark.parametrize("options", CLASSIFIERS, ids=str)
def test_three_classes(database: TestDatabase, tmp_path: Path, options: dict[str, Any]) -> None:
    model = CatBoostClassifier(**{**PLAIN, **options}).fit(X, THREE)
    rows = rows_for(model, tmp_path)
    given = served(database, saved(model, tmp_path), rows, as_rows(X))
    native = shares(model.predict_proba(as_matrix(rows)), (0, 1, 2))
    assert [row["prediction"] for row in native] == model.predict(as_matrix(rows)).reshape(-1).tolist()
    assert_as_native(given, native)
    assert given.runtime == "sql"
    assert given.program.has_probabilities


def test_true_and_false(database: TestDatabase, tmp_path: Path) -> None:
    """CatBoost does not export labels that are booleans; numbers with names are served as these."""
    with pytest.raises(CatBoostError, match="Unexpected label type"):
        saved(CatBoostClassifier(**PLAIN).fit(X, TARGET > 11), tmp_path)
    model = CatBoostClassifier(**PLAIN).fit(X, (TARGET > 11).astype(int))
    rows = rows_for(model, tmp_path)
    given = served(database, OnnxModel(saved(model, tmp_path), classes=(False, True)), rows, as_rows(X))
    assert_as_native(given, shares(model.predict_proba(as_matrix(rows)), (False, True)))


@pytest.mark.parametrize("loss", ["Poisson", "Tweedie:variance_power=1.5"])
def test_an_exponential_is_appended(database: TestDatabase, tmp_path: Path, loss: str) -> None:
    model = CatBoostRegressor(**PLAIN, loss_function=loss).fit(X, TARGET - TARGET.min() + 1)
    path = saved(model, tmp_path)
    name = loss.partition(":")[0]
    with pytest.raises(
        UnsupportedModel, match=f"the logarithm of what a model with the loss {name} predicts: append an Exp"
    ):
        program_of(path, TYPES)
    graph = onnx.load(path)
    graph.opset_import.append(helper.make_opsetid("", 13))
    graph.graph.node[0].output[0] = "logarithm"
    graph.graph.node.append(helper.make_node("Exp", ["logarithm"], ["predictions"]))
    rows = rows_for(model, tmp_path)
    given = served(database, graph, rows, as_rows(X))
    assert_as_native(given, numbers(model.predict(as_matrix(rows))))


def test_one_class_against_all_others(database: TestDatabase, tmp_path: Path) -> None:
    model = CatBoostClassifier(**PLAIN, loss_function="MultiClassOneVsAll").fit(X, THREE)
    path = saved(model, tmp_path)
    with pytest.raises(UnsupportedModel, match=r"MultiClassOneVsAll .*or set post_transform .* to LOGISTIC"):
        program_of(path, TYPES)
    graph = onnx.load(path)
    (post,) = [attribute for attribute in graph.graph.node[0].attribute if attribute.name == "post_transform"]
    post.s = b"LOGISTIC"
    rows = rows_for(model, tmp_path)
    given = served(database, graph, rows, as_rows(X))
    assert_as_native(given, shares(model.predict_proba(as_matrix(rows)), (0, 1, 2)))


@pytest.mark.parametrize(
    ("make", "loss", "target", "said"),
    [
        (CatBoostClassifier, "MultiLogloss", np.column_stack([TARGET > 10, TARGET > 12]).astype(int), "several labels"),
        (CatBoostRegressor, "MultiRMSE", np.column_stack([TARGET, TARGET]), "several numbers"),
        (CatBoostRegressor, "RMSEWithUncertainty", TARGET, "several numbers"),
        (CatBoostRegressor, "MultiQuantile:alpha=0.1,0.9", TARGET, "several numbers"),
    ],
    ids=["labels", "targets", "uncertainty", "quantiles"],
)
def test_several_predictions_are_refused(tmp_path: Path, make: Any, loss: str, target: Any, said: str) -> None:
    model = make(**PLAIN, loss_function=loss).fit(X, target)
    with pytest.raises(UnsupportedModel, match=f"the {said} that a model with the loss {loss.partition(':')[0]} gives"):
        program_of(saved(model, tmp_path), TYPES)


def test_categories_are_not_exported(database: TestDatabase, tmp_path: Path) -> None:
    """By CatBoost itself; encoded before they reach it, they are numbers."""
    codes = np.random.default_rng(SEED).integers(0, 3, len(X))
    target = TARGET + 3 * codes
    columns = [[*row, "uvw"[code]] for row, code in zip(X.tolist(), codes, strict=True)]
    with pytest.raises(CatBoostError, match="not support categorical features"):
        saved(CatBoostRegressor(**PLAIN, cat_features=[3]).fit(columns, target), tmp_path)
    encoded = np.column_stack([X[:, :2], codes == 0]).astype(np.float32)
    model = CatBoostRegressor(**PLAIN).fit(encoded, target)
    rows = as_rows(encoded[:40])
    given = served(database, saved(model, tmp_path), rows, as_rows(encoded))
    assert_as_native(given, numbers(model.predict(as_matrix(rows))))


@pytest.mark.parametrize("policy", ["Lossguide", "Depthwise"])
def test_trees_that_are_not_symmetric_are_not_exported(tmp_path: Path, policy: str) -> None:
    model = CatBoostRegressor(**PLAIN, grow_policy=policy).fit(X, TARGET)
    with pytest.raises(CatBoostError, match="non symmetric trees"):
        saved(model, tmp_path)
