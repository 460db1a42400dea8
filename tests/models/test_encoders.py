"""Categories: seen, unseen, missing, infrequent, dropped."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder

from fsdb.models import program_of
from tests.conftest import TestDatabase
from tests.models.parity import assert_parity
from tests.models.scorer import deploy, score

TEXTS = ["JFK", "jfk", "", "01234", "1234", " JFK", "Zürich", 'a"b\\c,{}', "NULL", "O'Hare", "%s", "ß", "ss"]
TRIED = [*TEXTS, "JFK ", "unseen", None, "nan", "None"]


def frame_of(values: list[Any], seed: int, count: int = 400) -> pd.DataFrame:
    """Unevenly frequent categories."""
    rng = np.random.default_rng(seed)
    weights = 1 / np.arange(1, len(values) + 1) ** 1.5
    chosen = rng.choice(len(values), size=count, p=weights / weights.sum())
    chosen[: len(values)] = np.arange(len(values))
    column = np.empty(count, dtype=object)
    column[:] = [values[index] for index in chosen]
    return pd.DataFrame({"place": pd.Series(column, dtype=object)})


def check(database: TestDatabase, encoder: Any, values: list[Any], kind: str, tried: list[Any], seed: int) -> None:
    """Encodes before a model that gives every code its own value."""
    frame = frame_of(values, seed)
    if kind != "text":
        frame = frame.astype(float)
    y = np.random.default_rng(seed).normal(size=len(frame))
    with database.connect() as connection:
        for model in (Ridge(alpha=1e-3), HistGradientBoostingRegressor(max_iter=5, min_samples_leaf=2)):
            if isinstance(model, Ridge) and isinstance(encoder, OrdinalEncoder):
                continue  # takes no missing code
            pipeline = make_pipeline(encoder, model).fit(frame, y)
            assert_parity(connection, pipeline, {"place": kind}, [{"place": value} for value in tried])


@pytest.mark.parametrize("missing", [None, float("nan")], ids=["None", "NaN"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"handle_unknown": "ignore"},
        {"handle_unknown": "ignore", "drop": "first"},
        {"drop": "if_binary"},
        {"drop": ["01234"]},
        {"handle_unknown": "infrequent_if_exist", "min_frequency": 12},
        {"handle_unknown": "infrequent_if_exist", "max_categories": 4, "drop": "first"},
        {"handle_unknown": "infrequent_if_exist"},
        {"handle_unknown": "warn", "min_frequency": 0.05},
        {"handle_unknown": "ignore", "min_frequency": 12},
        {"handle_unknown": "error", "max_categories": 3},
    ],
    ids=str,
)
def test_one_hot_texts(module_database: TestDatabase, options: dict[str, Any], missing: Any) -> None:
    encoder = OneHotEncoder(sparse_output=False, **options)
    check(module_database, encoder, [*TEXTS, missing], "text", TRIED, 31)
    check(module_database, encoder, TEXTS, "text", TRIED, 32)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"handle_unknown": "use_encoded_value", "unknown_value": -1},
        {"handle_unknown": "use_encoded_value", "unknown_value": np.nan},
        {"encoded_missing_value": -2},
        {"handle_unknown": "use_encoded_value", "unknown_value": 99, "encoded_missing_value": 99},
        {"handle_unknown": "use_encoded_value", "unknown_value": -1, "min_frequency": 12},
        {"handle_unknown": "use_encoded_value", "unknown_value": 50, "max_categories": 4, "encoded_missing_value": -3},
    ],
    ids=str,
)
@pytest.mark.parametrize("missing", [None, float("nan")], ids=["None", "NaN"])
def test_ordinal_texts(module_database: TestDatabase, options: dict[str, Any], missing: Any) -> None:
    check(module_database, OrdinalEncoder(**options), [*TEXTS, missing], "text", TRIED, 33)
    check(module_database, OrdinalEncoder(**options), TEXTS, "text", TRIED, 34)


@pytest.mark.parametrize("kind", ["double precision", "bigint", "numeric", "real"])
def test_number_categories(module_database: TestDatabase, kind: str) -> None:
    tried: list[Any] = [1, 2, 3, 5, -7, 0, 4, None]
    if kind != "bigint":
        tried += [0.5, -0.0, float("nan")]
    if kind == "double precision":
        tried += [float("inf"), 1.0000000000000002]
    values = [1.0, 2.0, 3.0, 5.0, -7.0, 0.0]
    for encoder in (
        OneHotEncoder(sparse_output=False),
        OneHotEncoder(sparse_output=False, handle_unknown="ignore"),
        OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
    ):
        check(module_database, encoder, values, kind, tried, 35)
        check(module_database, encoder, [*values, float("nan")], kind, tried, 36)


def test_boolean_categories(module_database: TestDatabase) -> None:
    frame = pd.DataFrame({"on": [True, False, True, False]})
    model = make_pipeline(OneHotEncoder(sparse_output=False, handle_unknown="ignore"), Ridge()).fit(frame, [1, 2, 3, 4])
    with module_database.connect() as connection:
        assert_parity(connection, model, {"on": "boolean"}, [{"on": True}, {"on": False}, {"on": None}])


def test_sparse_output_and_wide_encodings(module_database: TestDatabase) -> None:
    values = [f"tail {number:04}" for number in range(300)]
    frame = frame_of(values, 37, 900)
    y = np.random.default_rng(37).normal(size=900)
    model = make_pipeline(OneHotEncoder(handle_unknown="ignore"), Ridge()).fit(frame, y)
    rows = [{"place": value} for value in [*values[::10], None, "unseen"]]
    with module_database.connect() as connection:
        assert_parity(connection, model, {"place": "text"}, rows, limit=50)


def test_an_unseen_category_is_named(module_database: TestDatabase) -> None:
    model = make_pipeline(OneHotEncoder(sparse_output=False), Ridge()).fit(frame_of(TEXTS, 38), np.zeros(400))
    program = program_of(model, {"place": "text"})
    with module_database.connect() as connection:
        deploy(connection, program)
        unseen, null = score(connection, program, [{"place": "L'AX%"}, {"place": None}])
    assert unseen["code"] == "22023"
    assert 'input "place" of the model has the category "L\'AX%"' in unseen["error"]
    assert null["code"] == "22004"


@pytest.mark.parametrize("seed", [41, 42])
@pytest.mark.parametrize("with_missing", [False, True])
def test_categorical_splits(module_database: TestDatabase, seed: int, with_missing: bool) -> None:
    frame = frame_of([*TEXTS, float("nan")] if with_missing else TEXTS, seed)
    frame["number"] = np.random.default_rng(seed).normal(size=len(frame))
    frame["code"] = np.random.default_rng(seed).integers(0, 40, size=len(frame)).astype(float)
    y = (frame["place"].isin(TEXTS[1:6:2]).astype(float) + frame["number"] + (frame["code"] % 3)) > 1
    categorical = frame.astype({"place": "category"})
    types = {"number": "double precision", "code": "bigint", "place": "text"}
    rows = [
        {"place": place, "number": number, "code": code}
        for place in TRIED
        for number, code in ((0.3, 7), (None, 3), (-1.0, None), (0.0, 39), (0.5, 40), (0.5, -1))
    ]
    for model in (
        HistGradientBoostingClassifier(max_iter=10, min_samples_leaf=3, categorical_features=["place", "code"]),
        HistGradientBoostingClassifier(max_iter=10, min_samples_leaf=3, categorical_features="from_dtype"),
    ):
        fitted = model.fit(categorical, y)
        with module_database.connect() as connection:
            program = assert_parity(connection, fitted, types, rows)
        assert any(any(tree.left_codes) for step in program.steps for tree in getattr(step, "trees", ()))


def test_categories_of_32_bits(module_database: TestDatabase) -> None:
    frame = pd.DataFrame({"place": np.array([0.1, 2.5, np.nan, 0.1] * 5, dtype=np.float32)})
    model = make_pipeline(OneHotEncoder(handle_unknown="ignore"), Ridge()).fit(frame, np.arange(20.0))
    with module_database.connect() as connection:
        rows = [{"place": value} for value in (0.1, 2.5, None, 3.0)]
        assert_parity(connection, model, {"place": "real"}, rows)
