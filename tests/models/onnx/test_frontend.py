"""ONNX files as skl2onnx writes them: onnxruntime on the file, the SQL function and the back end on the same rows."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pandas as pd
import pytest
from skl2onnx import to_onnx
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Binarizer, MinMaxScaler, Normalizer, OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from fsdb.models import OnnxModel, class_of, knows_names, program_of, whole_of
from tests.conftest import TestDatabase
from tests.models.edges import edge_rows
from tests.models.parity import assert_parity, assert_whole

NAMES = ["a", "b", "c"]
TYPES = dict.fromkeys(NAMES, "double precision")
SEED = 4022

CLASSIFIERS: list[Any] = [
    LogisticRegression(C=9),
    DecisionTreeClassifier(max_depth=5),
    RandomForestClassifier(10, max_depth=4),
    ExtraTreesClassifier(8, max_depth=4),
    GradientBoostingClassifier(n_estimators=6),
    make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression()),
    make_pipeline(MinMaxScaler(), DecisionTreeClassifier(max_depth=4)),
    make_pipeline(StandardScaler(), MLPClassifier((6,), max_iter=30)),
]
REGRESSORS: list[Any] = [
    LinearRegression(),
    DecisionTreeRegressor(max_depth=5),
    RandomForestRegressor(6, max_depth=6),
    GradientBoostingRegressor(n_estimators=15),
    make_pipeline(Normalizer(), LinearRegression()),
    make_pipeline(Binarizer(threshold=0.25), LinearRegression()),
]


def _name(value: Any) -> str:
    return repr(value).replace(" ", "").replace("\n", "")[:80]


def _data(seed: int = SEED) -> tuple[np.ndarray, np.ndarray]:
    X = np.random.default_rng(seed).normal(size=(250, 3))
    return X, X[:, 0] * 2 + X[:, 1] ** 2 - X[:, 2] + 10


def _converted(estimator: Any, X: Any, **options: Any) -> bytes:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        content: bytes = to_onnx(estimator, X[:1], **options).SerializeToString()
    return content


def _rows(largest: float = 1e30) -> list[dict[str, Any]]:
    """Edges, but for those on which float32 itself overflows on the way."""
    return [
        row
        for row in edge_rows(NAMES, SEED)
        if all(value is None or not largest < abs(value) <= 3.5e38 for value in row.values())
    ]


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("estimator", CLASSIFIERS, ids=_name)
@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_classifiers(module_database: TestDatabase, estimator: Any, classes: int) -> None:
    X, raw = _data()
    target = np.digitize(raw, [10.5] if classes == 2 else [9.5, 11.5])
    labels = np.array(["01234", "", "é"])[target] if classes == 3 else target
    estimator.fit(X.astype(np.float32), labels)
    zipmap = classes == 2
    model = _converted(estimator, X.astype(np.float32), **({} if zipmap else {"options": {"zipmap": False}}))
    with module_database.connect() as connection:
        program = assert_parity(connection, model, TYPES, _rows())
    assert program.classes == tuple(estimator.classes_.tolist())
    assert program.has_probability
    assert program.tolerance == 1e-5


@pytest.mark.parametrize("estimator", REGRESSORS, ids=_name)
def test_regressors(module_database: TestDatabase, estimator: Any) -> None:
    X, target = _data()
    estimator.fit(X.astype(np.float32), target)
    with module_database.connect() as connection:
        model = _converted(estimator, X.astype(np.float32))
        # squares of larger numbers are infinite as float32
        program = assert_parity(connection, model, TYPES, _rows(1e15))
    assert program.classes is None


@pytest.mark.parametrize(
    "estimator", [LinearRegression(), RandomForestClassifier(10, max_depth=4), LogisticRegression()], ids=_name
)
def test_float64_files(module_database: TestDatabase, estimator: Any) -> None:
    X, raw = _data()
    regression = isinstance(estimator, LinearRegression)
    estimator.fit(X, raw if regression else np.digitize(raw, [9.5, 11.5]))
    model = _converted(estimator, X, **({} if regression else {"options": {"zipmap": False}}))
    rows = [row for row in _rows() if all(value is None or not abs(value) > 1e30 for value in row.values())]
    with module_database.connect() as connection:
        program = assert_parity(connection, model, TYPES, rows)
    if not isinstance(estimator, RandomForestClassifier):
        assert program.tolerance == 1e-9


def test_a_tensor_for_each_column(module_database: TestDatabase) -> None:
    X, raw = _data()
    rng = np.random.default_rng(SEED)
    frame = pd.DataFrame(
        {
            "temp": X[:, 0].astype(np.float32),
            "city": pd.Series(rng.choice(["JFK", "01234", "1234", ""], 250), dtype=object),
            "n": rng.integers(0, 4, 250),
        }
    )
    columns = ColumnTransformer(
        [
            ("numbers", StandardScaler(), ["temp"]),
            ("codes", OneHotEncoder(handle_unknown="ignore"), ["city", "n"]),
        ]
    )
    target = np.where(raw + (frame["city"] == "JFK") > 10.5, "late", "punctual")
    estimator = make_pipeline(columns, LogisticRegression()).fit(frame, target)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = to_onnx(estimator, frame[:1], options={"zipmap": False}).SerializeToString()
    assert knows_names(model)
    rows = [
        {"temp": temp, "city": city, "n": n}
        for temp in (0.0, -0.7, 1.3, None, np.inf)
        for city in ("JFK", "01234", "1234", "", "unseen", "jfk", None)
        for n in (0, 3, 9, -1, None)
    ]
    with module_database.connect() as connection:
        program = assert_parity(connection, model, {"n": "integer", "city": "text", "temp": "double precision"}, rows)
    assert [given.name for given in program.inputs] == ["temp", "city", "n"]
    assert program.classes == ("late", "punctual")


def test_what_has_no_steps_stays_whole() -> None:
    X, _ = _data()
    model = _converted(KMeans(3, n_init=1, random_state=0).fit(X), X.astype(np.float32))
    program = assert_whole(model, TYPES, _rows(1e15))
    assert program.classes == (0, 1, 2)
    assert not program.has_probability


def test_a_model_that_is_kept_whole_on_purpose() -> None:
    X, target = _data()
    model = _converted(GradientBoostingRegressor(n_estimators=5).fit(X, target), X.astype(np.float32))
    whole = whole_of(model)
    assert whole is not None
    assert whole_of(whole) is None
    assert whole_of(LinearRegression()) is None
    assert_whole(whole, TYPES, _rows())


def test_bytes_a_file_and_a_proto_are_one_model(tmp_path: Path) -> None:
    X, target = _data()
    model = _converted(LinearRegression().fit(X, target), X.astype(np.float32))
    path = tmp_path / "model.onnx"
    path.write_bytes(model)
    given = [model, path, str(path), onnx.load_model_from_string(model), OnnxModel(model)]
    assert len({program_of(one, TYPES).checksum for one in given}) == 1
    assert {class_of(one) for one in given} == {class_of(model)}
    assert class_of(model).startswith("ONNX(")
    assert not knows_names(model)
    assert class_of(make_pipeline(StandardScaler(), LinearRegression())) == "Pipeline(StandardScaler, LinearRegression)"


def test_columns_by_position() -> None:
    X, target = _data()
    model = _converted(LinearRegression().fit(X, target), X.astype(np.float32))
    program = program_of(model, {"z": "real", "y": "integer", "x": "numeric"})
    assert [given.name for given in program.inputs] == ["z", "y", "x"]
