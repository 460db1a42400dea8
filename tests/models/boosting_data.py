"""What both boosting libraries are tested on: frames with categories, pipelines, and the codes of a column without a frame."""

from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

FRAME_TYPES = {"many": "text", "place": "text", "kind": "bigint", "n": "integer", "temp": "double precision"}
PIPELINE_TYPES = {"temp": "double precision", "place": "text", "n": "integer"}


def several(y: Any, classes: int) -> Any:
    """Numbers as so many classes of about the same size."""
    return np.searchsorted(np.quantile(y, np.arange(1, classes) / classes), y)


def frame_of(seed: int, place: str, count: int = 400) -> pd.DataFrame:
    """Numbers and categories, some of them missing; `place` is one of the categories of column place."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "temp": rng.normal(size=count),
            "place": pd.Categorical(rng.choice(["JFK", "01234", "1234", "", place], count)),
            "kind": pd.Categorical(rng.choice([3, 7, 250], count)),
            "many": pd.Categorical([f"m{number}" for number in rng.integers(0, 60, count)]),
            "n": rng.integers(0, 9, count),
        }
    )
    frame.loc[::9, "place"] = None
    frame.loc[::11, "kind"] = None
    return frame


def rows_of(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a frame as Python has them."""
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return [{**row, "kind": None if row["kind"] is None else int(row["kind"])} for row in rows]


def target_of(frame: pd.DataFrame, seed: int) -> Any:
    """A number that depends on every column."""
    effect = np.random.default_rng(seed).normal(size=60)[frame["many"].cat.codes]
    return frame["temp"] + 2 * (frame["place"] == "01234") + effect + (frame["kind"] == 7) + frame["n"] / 5


def coded(seed: int, kind: str, count: int) -> tuple[Any, Any]:
    """A column of codes, some of them missing, beside one of numbers; and a target."""
    rng = np.random.default_rng(seed)
    X = np.column_stack([rng.integers(0, 2 if kind == "boolean" else 12, count), rng.normal(size=count)]).astype(float)
    X[::7, 0] = np.nan
    return X, np.random.default_rng(seed + 1).normal(size=12)[np.nan_to_num(X[:, 0]).astype(int)] + X[:, 1]


def code_rows(kind: str) -> list[dict[str, Any]]:
    """Rows `k`, a code of the type, and `v`: known codes, unknown ones, and numbers that are none."""
    codes: list[Any] = [None, *range(14)]
    if kind == "boolean":
        codes = [None, False, True]
    elif kind == "integer":
        codes += [-1, -7, 2**24, 2**24 + 1, 2**31 - 1]
    elif kind == "double precision":
        codes += [0.5, 2.9999999, 2.99999999, 3.00001, -0.3, -0.99999, -1.0, -1e-46, 5e-324, 1e-30, 1.7e7]
        codes += [2.0**31, 2.0**32, 2.0**32 + 3, 1e300, -1e300, np.inf, -np.inf, np.nan]
    else:
        codes += [2.9999, -0.0001, 3.0001]
    return [{"k": code, "v": value} for code in codes for value in (-1.0, 0.0, 1.0, None)]


def pipeline_frame(seed: int) -> tuple[pd.DataFrame, Any]:
    """A frame for pipelines to prepare, and a target."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "temp": rng.normal(size=300),
            "place": pd.Series(rng.choice(["JFK", "01234", "1234", ""], 300), dtype=object),
            "n": rng.integers(0, 5, 300).astype(float),
        }
    )
    frame.loc[::7, "temp"] = np.nan
    return frame, frame["temp"].fillna(1) + (frame["place"] == "01234") + frame["n"] / 4


def pipeline_rows(frame: pd.DataFrame, count: int = 100) -> list[dict[str, Any]]:
    """The first rows of such a frame as Python has them."""
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")[:count]
    return [{**row, "n": int(row["n"])} for row in rows]


def one_hot(sparse: bool) -> ColumnTransformer:
    """Prepares such a frame, as a sparse matrix or a dense one."""
    columns = [
        ("one", OneHotEncoder(handle_unknown="ignore", sparse_output=sparse), ["place"]),
        ("rest", StandardScaler(with_mean=False), ["temp", "n"]),
    ]
    return ColumnTransformer(columns, sparse_threshold=1.0 if sparse else 0.0)


def ordinal() -> ColumnTransformer:
    """Prepares such a frame with the categories as codes, in the first column."""
    return ColumnTransformer([("codes", OrdinalEncoder(), ["place"])], remainder="passthrough")
