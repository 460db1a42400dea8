"""Columns of every type that data frames have, and models that are fitted on frames with such a column."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
import xgboost
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder
from sklearn.tree import DecisionTreeRegressor

ROWS = 60
_rng = np.random.default_rng(99)
_small = pd.Series(_rng.integers(0, 5, ROWS) * 20 + 5)
_floats = pd.Series(_rng.normal(30, 12, ROWS))
_flags = pd.Series(_rng.random(ROWS) > 0.5)
_words = pd.Series(_rng.choice(["ba", "nord", "é", "z z"], ROWS)).astype(object)
_gaps = pd.Series(_rng.random(ROWS) < 0.15)
_codes = pd.Series(_rng.integers(0, 4, ROWS))


def _filled_with(values: Any, null: Any) -> pd.Series:
    objects = pd.Series(values).astype(object)
    return pd.Series([null if gap else value for value, gap in zip(objects, _gaps, strict=True)], dtype=object)


# A column of each type, and the input's type in PostgreSQL.
COLUMNS: dict[str, tuple[pd.Series, str]] = {
    **{kind: (_small.astype(kind), "bigint") for kind in ("int8", "int16", "int32", "int64")},
    **{kind: (_small.astype(kind), "bigint") for kind in ("uint8", "uint16", "uint32", "uint64")},
    **{kind: (_floats.astype(kind), "real") for kind in ("float16", "float32")},
    "float64": (_floats, "double precision"),
    "float64 of whole numbers with gaps": (_small.astype("float64").mask(_gaps), "bigint"),
    "float64 of booleans with gaps": (_flags.astype("float64").mask(_gaps), "boolean"),
    "bool": (_flags, "boolean"),
    "Int64": (_small.astype("Int64").mask(_gaps), "bigint"),
    "Int16": (_small.astype("Int16"), "smallint"),
    "UInt8": (_small.astype("UInt8"), "integer"),
    "Float32": (_floats.astype("Float32").mask(_gaps), "real"),
    "boolean": (_flags.astype("boolean").mask(_gaps), "boolean"),
    "string": (_words.astype("string").mask(_gaps), "text"),
    "str": (_words.astype("str").mask(_gaps), "text"),
    "int32[pyarrow]": (_small.astype("int32[pyarrow]"), "integer"),
    "int64[pyarrow]": (_small.astype("int64[pyarrow]").mask(_gaps), "bigint"),
    "float[pyarrow]": (_floats.astype("float[pyarrow]"), "real"),
    "double[pyarrow]": (_floats.astype("double[pyarrow]").mask(_gaps), "double precision"),
    "bool[pyarrow]": (_flags.astype("bool[pyarrow]").mask(_gaps), "boolean"),
    "string[pyarrow]": (_words.astype("string[pyarrow]"), "text"),
    "category of int64": (_small.astype("category"), "bigint"),
    "category of int8": (_small.astype("int8").astype("category"), "smallint"),
    "category of own codes": (_codes.astype("category").cat.set_categories([3, 1, 0, 2]), "bigint"),
    "category of floats": ((_small / 4).mask(_gaps).astype("category"), "double precision"),
    "category of texts": (_words.mask(_gaps).astype("category"), "text"),
    "category of booleans": (_flags.astype("category"), "boolean"),
    "category of floats for booleans": (_flags.astype("float64").mask(_gaps).astype("category"), "boolean"),
    "ordered category": (
        pd.Series(pd.Categorical(_small, categories=[85, 65, 5, 25, 45], ordered=True)),
        "bigint",
    ),
    "objects: booleans": (_flags.astype(object), "boolean"),
    "objects: booleans and NaN": (_filled_with(_flags, np.nan), "boolean"),
    "objects: booleans and None": (_filled_with(_flags, None), "boolean"),
    "objects: integers and None": (_filled_with(_small, None), "bigint"),
    "objects: decimals": (
        pd.Series([Decimal(f"{value / 7:.3f}") for value in _small], dtype=object),
        "numeric(8,3)",
    ),
    "objects: texts and None": (_filled_with(_words, None), "text"),
    "objects: texts and NaN": (_filled_with(_words, np.nan), "text"),
}

_FUNCTIONS = (np.square, np.reciprocal, np.log1p, np.sqrt, np.negative, np.sign)


def _encoded(encoder: Any) -> Any:
    return make_pipeline(
        make_column_transformer((encoder, ["x"]), remainder="passthrough"), SimpleImputer(), Ridge(alpha=0.1)
    )


MODELS: dict[str, Callable[[], Any]] = {
    "linear": LinearRegression,
    "imputed": lambda: make_pipeline(SimpleImputer(), LinearRegression()),
    "tree": lambda: DecisionTreeRegressor(max_depth=4, random_state=0),
    "hist": lambda: HistGradientBoostingRegressor(max_iter=4, min_samples_leaf=3),
    "lightgbm": lambda: lightgbm.LGBMRegressor(n_estimators=4, min_child_samples=3, verbose=-1, n_jobs=1),
    "xgboost": lambda: xgboost.XGBRegressor(n_estimators=4, enable_categorical=True, n_jobs=1),
    "one hot": lambda: _encoded(OneHotEncoder(handle_unknown="ignore")),
    "ordinal": lambda: _encoded(OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)),
    "nearest": lambda: KNeighborsRegressor(3),
    **{
        f"np.{function.__name__}": (
            lambda function=function: make_pipeline(
                make_column_transformer((FunctionTransformer(function), ["x"]), remainder="passthrough"),
                LinearRegression(),
            )
        )
        for function in _FUNCTIONS
    },
}


def frame_of(column: pd.Series) -> pd.DataFrame:
    """The column as x, beside one of ordinary numbers."""
    return pd.DataFrame({"x": column, "f": np.random.default_rng(3).normal(size=ROWS)})


def target_of(column: pd.Series) -> Any:
    """Something that depends on the column."""
    ranks = {value: rank for rank, value in enumerate(dict.fromkeys(column.astype(object).map(str)))}
    return column.astype(object).map(str).map(ranks).to_numpy(dtype=float) + np.arange(ROWS) % 3 / 10
