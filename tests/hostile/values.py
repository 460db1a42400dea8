"""Values that some caller gives where another kind is meant: by mistake, from another library, or to break what takes them."""

import decimal
import pathlib
import uuid
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa

_MOMENT = datetime(2024, 2, 1, tzinfo=UTC)


def wrong_values() -> Mapping[str, Any]:
    """Each with what it is called in a test's report; made anew, since a generator can be read once."""
    return {
        "None": None,
        "no text": "",
        "a blank": " ",
        "an unknown name": "no_such_thing",
        "a dotted unknown name": "no.such.thing",
        "a quote": 'a"b',
        "an injection": "'; DROP TABLE weather; --",
        "a placeholder": "%s %(x)s {y} $1",
        "NUL": "a\0b",
        "half a character": "\ud800",
        "a long text": "x" * 5000,
        "a statement": "DELETE FROM weather",
        "two statements": "SELECT 1; SELECT 2",
        "a missing file": "nowhere/at_all.parquet",
        "a folder": "/",
        "a number in text": "12",
        "bytes": b"weather",
        "True": True,
        "0": 0,
        "-1": -1,
        "a huge number": 10**40,
        "2**63": 2**63,
        "0.5": 0.5,
        "NaN": float("nan"),
        "infinity": float("inf"),
        "numpy's int": np.int64(1),
        "numpy's float": np.float32(0.5),
        "numpy's text": np.str_("weather"),
        "a Decimal": decimal.Decimal("1.5"),
        "a signalling NaN": decimal.Decimal("sNaN"),
        "a complex number": 1j,
        "a date": date(2024, 1, 1),
        "a naive datetime": datetime(2024, 1, 1),
        "a datetime": _MOMENT,
        "the first datetime": datetime.min.replace(tzinfo=UTC),
        "the last datetime": datetime.max.replace(tzinfo=timezone(timedelta(hours=-14))),
        "NaT": pd.NaT,
        "pandas' NA": pd.NA,
        "numpy's datetime": np.datetime64("2024-01-01"),
        "a timedelta": timedelta(hours=1),
        "a negative timedelta": timedelta(days=-999999999),
        "a uuid": uuid.UUID(int=1),
        "a path": pathlib.Path("nowhere.csv"),
        "no list": [],
        "a list of None": [None],
        "a list of numbers": [1, 2],
        "a list of names": ["no", "names"],
        "a list in a list": [["weather.temp"]],
        "a list of rows": [{"origin": object()}],
        "twice the same": ["weather.temp", "weather.temp"],
        "a tuple": ("a", 1),
        "a set": {"weather.temp"},
        "a generator": (name for name in ["weather.temp"]),
        "no mapping": {},
        "a mapping": {"origin": "A", "more": 1},
        "a mapping of numbers": {1: 2},
        "a mapping of None": {None: None},
        "a mapping of objects": {"origin": object()},
        "a mapping of lists": {"origin": [1, 2]},
        "an object": object(),
        "a class": dict,
        "a function": len,
        "a module": pa,
        "an empty frame": pd.DataFrame(),
        "a frame": pd.DataFrame({"a": [1]}),
        "a frame with one name twice": pd.DataFrame([[1, 2]], columns=["origin", "origin"]),
        "a frame with levels": pd.DataFrame([[1]], columns=pd.MultiIndex.from_tuples([("a", "b")])),
        "a frame of objects": pd.DataFrame({"origin": [object()]}),
        "a series": pd.Series([1, 2], name="origin"),
        "an index": pd.Index(["weather.temp"]),
        "polars' frame": pl.DataFrame({"a": [1]}),
        "polars' lazy frame": pl.LazyFrame({"a": [1]}),
        "an Arrow table": pa.table({"a": [1]}),
        "an Arrow array": pa.array([1]),
        "a matrix": np.zeros((2, 2)),
        "no array": np.array([]),
        "an exception": ValueError("odd"),
    }
