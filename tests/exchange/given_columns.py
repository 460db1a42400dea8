"""Columns of every dtype that pandas, polars and Arrow give, each with the plain Python values that it stands for."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa

NAIVE, NIGHT = datetime(2024, 7, 1, 13, 5, 0, 7), datetime(2024, 7, 1)
AWARE = datetime(2024, 7, 1, 13, 5, tzinfo=ZoneInfo("Europe/Berlin"))
DAY = date(1969, 7, 20)
A, B = UUID(int=7), UUID(int=2**127 + 5)
NO_VALUE = object()  # a value that no type of PostgreSQL is made from
NANOSECONDS = object()

Given = tuple[Callable[[], Any], list[Any]]


class Capsule:
    """Data that hands itself out by Arrow's C interface and is of no known library."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        return self._table.__arrow_c_stream__(requested_schema)


def _series(values: Any, dtype: Any = None) -> Callable[[], Any]:
    return lambda: pd.DataFrame({"x": pd.Series(values, dtype=dtype)})


def _polars(values: Any, dtype: Any = None) -> Callable[[], Any]:
    return lambda: pl.DataFrame({"x": pl.Series("x", values, dtype=dtype)})


def _arrow(values: Any, kind: pa.DataType | None = None) -> Callable[[], Any]:
    return lambda: pa.table({"x": values if isinstance(values, pa.Array) else pa.array(values, kind)})


WHOLE = {
    f"pandas {name}": (_series(np.array([0, 1, limit], name)), [0, 1, limit])
    for name, limit in [
        ("int8", 127),
        ("int16", -(2**15)),
        ("int32", 2**31 - 1),
        ("int64", 2**53 + 1),
        ("uint8", 255),
        ("uint16", 2**16 - 1),
        ("uint32", 2**32 - 1),
        ("uint64", 2**64 - 1),
    ]
}
PANDAS: dict[str, Given] = {
    **WHOLE,
    "pandas float32": (_series(np.array([0.5, np.nan], "float32")), [0.5, None]),
    "pandas float16": (_series(np.array([0.5, np.nan], "float16")), [0.5, None]),
    "pandas float64": (_series([0.1, np.nan, 1e300]), [0.1, None, 1e300]),
    "pandas whole floats": (_series([3.0, np.nan]), [3.0, None]),
    "pandas infinite": (_series([float("inf")]), [float("inf")]),
    "pandas bool": (_series([True, False]), [True, False]),
    "pandas bools with gaps": (_series([True, None], object), [True, None]),
    "pandas booleans as floats": (_series([1.0, np.nan, 0.0]), [1.0, None, 0.0]),
    "pandas Int64": (_series([2**53 + 1, None], "Int64"), [2**53 + 1, None]),
    "pandas UInt64": (_series([2**64 - 1, None], "UInt64"), [2**64 - 1, None]),
    "pandas Float64": (_series([0.25, None], "Float64"), [0.25, None]),
    "pandas boolean": (_series([True, None], "boolean"), [True, None]),
    "pandas string": (_series(["a", None], "string"), ["a", None]),
    "pandas str": (_series(["ü", "", None], "str"), ["ü", "", None]),
    "pandas category": (_series(["a", None, "a"], "category"), ["a", None, "a"]),
    "pandas category of ints": (_series([3, 5], "category"), [3, 5]),
    "pandas category of UUIDs": (lambda: pd.DataFrame({"x": pd.Categorical([A, B, A])}), [A, B, A]),
    "pandas midnights": (_series([NIGHT, pd.NaT], "datetime64[ns]"), [NIGHT, None]),
    "pandas naive": (_series([NAIVE], "datetime64[us]"), [NAIVE]),
    "pandas aware": (_series([AWARE], "datetime64[s, Europe/Berlin]"), [AWARE]),
    "pandas nanoseconds": (_series([pd.Timestamp(1, tz="UTC")]), [NANOSECONDS]),
    "pandas timestamps": (_series([pd.Timestamp(AWARE), pd.NaT], object), [AWARE, None]),
    "pandas nanoseconds in objects": (_series([pd.Timestamp(1, tz="UTC")], object), [NANOSECONDS]),
    "pandas aware and naive": (_series([AWARE, NAIVE], object), [NO_VALUE]),
    "pandas dates": (_series([DAY, None], object), [DAY, None]),
    "pandas dates and times": (_series([DAY, NAIVE], object), [NO_VALUE]),
    "pandas ints": (_series([2**60 + 1, None], object), [2**60 + 1, None]),
    "pandas ints of 70 bits": (_series([2**70 + 1, -1], object), [2**70 + 1, -1]),
    "pandas ints of 64 bits": (_series([2**63 + 1, 1], object), [2**63 + 1, 1]),
    "pandas numpy ints": (_series([np.int8(3), np.uint64(4)], object), [3, 4]),
    "pandas ints and floats": (_series([2**53 + 1, 0.5], object), [Decimal(2**53 + 1), 0.5]),
    "pandas ints and floats that fit": (_series([1, 0.5], object), [1.0, 0.5]),
    "pandas decimals": (_series([Decimal("62.23"), Decimal("NaN"), None], object), [Decimal("62.23"), None, None]),
    "pandas signalling": (_series([Decimal("sNaN"), Decimal(1)], object), [None, Decimal(1)]),
    "pandas huge decimals": (_series([Decimal("1E+60"), Decimal("1E-60")], object), [Decimal("1E+60"), Decimal("1E-60")]),
    "pandas decimals and floats": (_series([Decimal("0.1"), 0.1], object), [Decimal("0.1"), Decimal("0.1")]),
    "pandas infinite decimals": (_series([Decimal("Infinity")], object), [Decimal("Infinity")]),
    "pandas UUIDs": (_series([A, None], object), [A, None]),
    "pandas UUIDs and texts": (_series([A, str(B)], object), [A, B]),
    "pandas texts of UUIDs": (_series([str(A).upper(), f"{{{B}}}"]), [str(A).upper(), f"{{{B}}}"]),
    "pandas bytes": (_series([b"a\0", None], object), [b"a\0", None]),
    "pandas memoryviews": (_series([memoryview(B.bytes)], object), [B.bytes]),
    "pandas texts and bytes": (_series(["a", b"a"], object), [NO_VALUE]),
    "pandas mixed": (_series([1, "a"], object), [NO_VALUE]),
    "pandas bools and ints": (_series([True, 1], object), [NO_VALUE]),
    "pandas surrogates": (_series(["\ud800"], object), [NO_VALUE]),
    "pandas lists": (_series([[0, 1], None, []]), [[0, 1], None, []]),
    "pandas arrays": (_series([np.array([0.5, 1], "float32"), None]), [[0.5, 1.0], None]),
    "pandas half arrays": (_series([np.array([0.5], "float16")]), [[0.5]]),
    "pandas matrices": (_series([np.zeros((2, 2))], object), [NO_VALUE]),
    "pandas sets": (_series([{1}], object), [NO_VALUE]),
    "pandas dicts": (_series([{"a": np.int64(1), "b": [0.5, None]}, {"c": Decimal("1.10")}], object), [{"a": 1, "b": [0.5, None]}, {"c": 1.1}]),
    "pandas dicts with times": (_series([{"a": NAIVE}], object), [NO_VALUE]),
    "pandas dicts with NaN": (_series([{"a": float("nan")}], object), [NO_VALUE]),
    "pandas durations": (_series([timedelta(1)]), [NO_VALUE]),
    "pandas times of a day": (_series([time(1)], object), [NO_VALUE]),
    "pandas periods": (lambda: pd.DataFrame({"x": pd.period_range("2024-01", periods=2, freq="M")}), [NO_VALUE]),
    "pandas intervals": (lambda: pd.DataFrame({"x": pd.interval_range(0, 2)}), [NO_VALUE]),
    "pandas complex": (_series([1j]), [NO_VALUE]),
    "pandas sparse": (lambda: pd.DataFrame({"x": pd.arrays.SparseArray([0, 5, 0])}), [0, 5, 0]),
    "pandas None": (_series([None, None], object), [None, None]),
    "pandas NaN": (_series([np.nan, np.nan]), [None, None]),
    "pandas NaT": (_series([pd.NaT, pd.NaT]), [None, None]),
    "pandas nothing": (_series([], object), []),
    "pandas Arrow ints": (_series([2**53 + 1, None], pd.ArrowDtype(pa.int64())), [2**53 + 1, None]),
    "pandas Arrow decimals": (_series([Decimal("1.50")], pd.ArrowDtype(pa.decimal128(5, 2))), [Decimal("1.50")]),
    "pandas Arrow texts": (_series(["a", None], pd.ArrowDtype(pa.string())), ["a", None]),
    "pandas Arrow times": (_series([AWARE], pd.ArrowDtype(pa.timestamp("us", "Europe/Berlin"))), [AWARE]),
    "pandas Arrow lists": (_series([[1, 2]], pd.ArrowDtype(pa.list_(pa.int32()))), [[1, 2]]),
    "pandas Arrow maps": (_series([[("a", 1)]], pd.ArrowDtype(pa.map_(pa.string(), pa.int64()))), [{"a": 1}]),
}  # fmt: skip
POLARS: dict[str, Given] = {
    **{
        f"polars {dtype}": (_polars([0, limit, None], dtype), [0, limit, None])
        for dtype, limit in [(pl.Int8, -128), (pl.Int16, 5), (pl.Int32, 2 ** 31 - 1), (pl.Int64, 2 ** 53 + 1), (pl.Int128, 2 ** 70), (pl.UInt8, 255), (pl.UInt16, 5), (pl.UInt32, 2 ** 32 - 1), (pl.UInt64, 2 ** 64 - 1)]
    },
    "polars Float32": (_polars([0.5, None], pl.Float32), [0.5, None]),
    "polars Float64": (_polars([0.1, float("nan")]), [0.1, float("nan")]),
    "polars Decimal": (_polars([Decimal("62.23"), None]), [Decimal("62.23"), None]),
    "polars Boolean": (_polars([True, None]), [True, None]),
    "polars String": (_polars(["a", None]), ["a", None]),
    "polars Categorical": (_polars(["a", None], pl.Categorical), ["a", None]),
    "polars Enum": (_polars(["a", "b"], pl.Enum(["a", "b"])), ["a", "b"]),
    "polars Date": (_polars([DAY, None]), [DAY, None]),
    "polars naive": (_polars([NAIVE]), [NAIVE]),
    "polars aware": (_polars([AWARE.astimezone(UTC)], pl.Datetime("ms", "UTC")), [AWARE]),
    "polars nanoseconds": (_polars([1], pl.Datetime("ns", "UTC")), [NANOSECONDS]),
    "polars Time": (_polars([time(1)]), [NO_VALUE]),
    "polars Duration": (_polars([timedelta(1)]), [NO_VALUE]),
    "polars List": (_polars([[1, 2], None], pl.List(pl.Int64)), [[1, 2], None]),
    "polars Array": (_polars([[0.5, 1.5]], pl.Array(pl.Float64, 2)), [[0.5, 1.5]]),
    "polars Struct": (_polars([{"a": 1, "b": None}]), [{"a": 1, "b": None}]),
    "polars Binary": (_polars([B.bytes]), [B.bytes]),
    "polars Object": (_polars([A, None], pl.Object), [A, None]),
    "polars Object of anything": (_polars([object()], pl.Object), [NO_VALUE]),
    "polars Null": (_polars([None, None]), [None, None]),
}  # fmt: skip
_RUNS = pa.RunEndEncodedArray.from_arrays(pa.array([2, 3], pa.int32()), pa.array(["a", None]))
ARROW: dict[str, Given] = {
    "Arrow null": (_arrow([None]), [None]),
    "Arrow bool8": (_arrow(pa.ExtensionArray.from_storage(pa.bool8(), pa.array([1, None], pa.int8()))), [True, None]),
    "Arrow half": (_arrow([np.float16(0.5)], pa.float16()), [0.5]),
    "Arrow NaN": (_arrow([float("nan"), 1.0]), [float("nan"), 1.0]),
    **{
        f"Arrow decimal{bits}": (_arrow([Decimal("62.23"), Decimal("-0.10")], kind), [Decimal("62.23"), Decimal("-0.10")])
        for bits, kind in [(32, pa.decimal32(6, 2)), (64, pa.decimal64(9, 2)), (128, pa.decimal128(20, 2)), (256, pa.decimal256(60, 2))]
    },
    "Arrow large string": (_arrow(["a"], pa.large_string()), ["a"]),
    "Arrow string view": (_arrow(["a", None], pa.string_view()), ["a", None]),
    "Arrow dictionary": (_arrow(pa.array(["a", None]).dictionary_encode()), ["a", None]),
    "Arrow dictionary of decimals": (_arrow(pa.array([Decimal("1.5")]).dictionary_encode()), [Decimal("1.5")]),
    "Arrow runs": (_arrow(_RUNS), ["a", "a", None]),
    "Arrow zero byte": (_arrow(["a\0b"]), [NO_VALUE]),
    "Arrow date64": (_arrow([DAY], pa.date64()), [DAY]),
    **{f"Arrow aware {unit}": (_arrow([AWARE], pa.timestamp(unit, "Asia/Kathmandu")), [AWARE]) for unit in ("s", "ms", "us", "ns")},
    "Arrow naive": (_arrow([NAIVE], pa.timestamp("ns")), [NAIVE]),
    "Arrow time": (_arrow([time(1)]), [NO_VALUE]),
    "Arrow duration": (_arrow([timedelta(1)]), [NO_VALUE]),
    "Arrow interval": (_arrow([(1, 2, 3)], pa.month_day_nano_interval()), [NO_VALUE]),
    "Arrow binary": (_arrow([B.bytes]), [B.bytes]),
    "Arrow binary view": (_arrow([B.bytes], pa.binary_view()), [B.bytes]),
    "Arrow fixed binary": (_arrow([B.bytes, None], pa.binary(16)), [B.bytes, None]),
    "Arrow uuid": (_arrow([A.bytes, None], pa.uuid()), [A, None]),
    "Arrow json": (_arrow(pa.ExtensionArray.from_storage(pa.json_(), pa.array(['{"a": 1}']))), ['{"a": 1}']),
    **{
        f"Arrow {name}": (_arrow([[1, None], [2, 3]], kind), [[1, None], [2, 3]])
        for name, kind in [("list", pa.list_(pa.int16())), ("large list", pa.large_list(pa.uint64())), ("fixed list", pa.list_(pa.float32(), 2)), ("list view", pa.list_view(pa.int64())), ("list of decimals", pa.list_(pa.decimal128(5, 2)))]
    },
    "Arrow list of lists": (_arrow([[[1.0]]]), [[[1.0]]]),
    "Arrow list of texts": (_arrow([["a"]]), [["a"]]),
    "Arrow list of nothing": (_arrow([[], None], pa.list_(pa.null())), [[], None]),
    "Arrow map": (_arrow([[("cat", 3), ("dog", 1)], None], pa.map_(pa.string(), pa.int64())), [{"cat": 3, "dog": 1}, None]),
    "Arrow map in a struct": (_arrow([{"m": [("a", 1.5)]}], pa.struct([("m", pa.map_(pa.string(), pa.float64()))])), [{"m": {"a": 1.5}}]),
    "Arrow map with a key twice": (_arrow([[("a", 1), ("a", 2)]], pa.map_(pa.string(), pa.int64())), [NO_VALUE]),
    "Arrow struct with a date": (_arrow([{"a": DAY}]), [NO_VALUE]),
    "capsule": (lambda: Capsule(pa.table({"x": pa.chunked_array([[1], [2]])})), [1, 2]),
    "record batch": (lambda: pa.record_batch({"x": [1]}), [1]),
}  # fmt: skip
COLUMNS: dict[str, Given] = {**PANDAS, **POLARS, **ARROW}
