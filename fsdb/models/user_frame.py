"""The frame that an estimator's owner has: what its own predict is asked with, and in which types more rows are given to it."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import numpy as np

Rows = Sequence[Mapping[str, Any]]
_EXACT = 2.0**53  # whole numbers up to here are float64


@dataclass(frozen=True)
class UserFrame:
    """Rows as their owner has them, in the types of that frame.

    `columns`: a pandas Series of each column, which tells its type. `data`: the rows themselves, of pandas, polars or Arrow, in
    the order of the rows that they are compared with; None where values alone are known.
    """

    columns: Mapping[str, Any] = field(default_factory=dict)
    data: Any = None

    @staticmethod
    def of(frame: Any, places: Sequence[int]) -> "UserFrame":
        """Some rows of a pandas, polars or Arrow table, under texts as names."""
        import pandas

        if isinstance(frame, pandas.DataFrame):
            named = frame.set_axis([str(name) for name in frame.columns], axis=1)
            return UserFrame({name: named[name] for name in named.columns}, named.iloc[list(places)])
        converted = frame.to_pandas()
        data = frame.take(list(places)) if hasattr(frame, "take") else frame[list(places)]
        return UserFrame({str(name): converted[name] for name in converted.columns}, data)

    @staticmethod
    def of_values(rows: Rows) -> "UserFrame":
        """What pandas makes of mappings of names to values, all with the same names."""
        import pandas

        columns = {}
        for name in dict.fromkeys(name for row in rows for name in row):
            made = pandas.Series([row.get(name) for row in rows])
            columns[name] = made.where(made.notna(), np.nan) if made.dtype == object else made
        return UserFrame(columns)

    def over(self, other: "UserFrame") -> "UserFrame":
        """This frame's types, and where it has no such column, those of the other one; without rows."""
        return UserFrame({**other.columns, **self.columns})

    def without_data(self) -> "UserFrame":
        """The types alone."""
        return replace(self, data=None)

    def dtype(self, name: str) -> Any:
        """The pandas dtype of a column, None where it is not known."""
        column = self.columns.get(name)
        return None if column is None else column.dtype

    def type_name(self, name: str) -> str | None:
        """The same as pandas writes it; of categories also the type of their values."""
        dtype = self.dtype(name)
        if is_categorical(dtype):
            return f"{'ordered ' if dtype.ordered else ''}category of {dtype.categories.dtype}"
        return None if dtype is None else str(dtype)

    def rows_at(self, places: Sequence[int], names: Sequence[str]) -> Any:
        """Rows of the data, with these columns in their order."""
        if hasattr(self.data, "iloc"):
            return self.data[list(names)].iloc[list(places)]
        if hasattr(self.data, "take"):
            return self.data.select(list(names)).take(list(places))
        return self.data[list(places)].select(list(names))

    def has(self, names: Sequence[str]) -> bool:
        """Whether there are rows with these columns."""
        return self.data is not None and all(name in self.columns for name in names)

    def single(self, names: Sequence[str]) -> list[str]:
        """The columns of fewer than 64 bits a number among these, in which arithmetic may round."""
        return [name for name in names if is_single(self.dtype(name))]

    def not_float64(self, names: Sequence[str]) -> list[str]:
        """The columns among these in whose types arithmetic may be another one than in float64, each with its type."""
        return [
            f"{name} {dtype}"
            for name in names
            if getattr(dtype := self.dtype(name), "kind", "O") in "iubf" and dtype != np.float64
        ]


def is_single(dtype: Any) -> bool:
    """Whether a column is of float32 or float16."""
    return getattr(dtype, "kind", None) == "f" and getattr(dtype, "itemsize", 8) < 8


def is_categorical(dtype: Any) -> bool:
    """Whether a column is of pandas' categories."""
    return type(dtype).__name__ == "CategoricalDtype"


def split(frame: UserFrame, names: Sequence[str], rows: Rows) -> tuple[list[int], list[int]]:
    """Which rows the types of the frame hold exactly, and which need a wider type in a column."""
    wide = np.zeros(len(rows), dtype=bool)
    for name in names:
        fits = _holder(frame.dtype(name))
        if fits is not None:
            wide |= ~fits([row[name] for row in rows])
    return np.flatnonzero(~wide).tolist(), np.flatnonzero(wide).tolist()


def column(frame: UserFrame, name: str, values: Sequence[Any]) -> Any:
    """Values as a pandas column of the frame's type, or where that does not hold them of the one that pandas would have for them.

    NULL is what the frame has for missing values. ValueError, TypeError: values that no such column holds.
    """
    import pandas

    known = frame.columns[name]
    dtype = known.dtype
    if is_categorical(dtype):
        return category(values, dtype.categories, dtype.ordered)
    if isinstance(dtype, np.dtype):
        if dtype.kind == "O":
            return pandas.Series(_objects(known, values), dtype=object)
        fits = _holder(dtype)
        if dtype.kind in "iub" and fits is not None and fits(values).all():
            return pandas.Series(np.array(values, dtype=dtype))
        if dtype.kind in "iub" and all(type(value) is int for value in values):
            return pandas.Series(np.array(values))
        floats = np.array(values, dtype=np.float64)
        single = is_single(dtype) and fits is not None and fits(values).all()
        return pandas.Series(floats.astype(dtype) if single else floats)
    given = [_number_or_self(value, dtype) for value in values]
    made = pandas.Series(pandas.array(given, dtype=dtype))
    if dtype.kind in "iuf":
        floats = np.array(given, dtype=np.float64)
        if not np.array_equal(made.to_numpy(dtype=np.float64, na_value=np.nan), floats, equal_nan=True):
            return pandas.Series(floats)
    return made


def category(values: Sequence[Any], categories: Any, ordered: bool = False) -> Any:
    """A column of categories, these and after them what else is among the values; each value as the categories have it."""
    import pandas

    index = pandas.Index(categories)
    places = {value: value for value in index.tolist()}
    found = [None if is_missing(value) else _known(places, value) for value in values]
    unseen = [value for value in dict.fromkeys(found) if value is not None and value not in places]
    if unseen:
        index = _index([*index.tolist(), *unseen], index.dtype)
    return pandas.Series(pandas.Categorical(found, categories=index, ordered=ordered))


def _index(values: Sequence[Any], dtype: Any) -> Any:
    """An index of the dtype, or where that does not hold the values of the one that pandas finds."""
    import pandas

    try:
        made = pandas.Index(values, dtype=dtype)
    except (TypeError, ValueError, OverflowError):
        return pandas.Index(values)
    return made if made.tolist() == list(values) else pandas.Index(values)


def _known(places: Mapping[Any, Any], value: Any) -> Any:
    """A value as the categories have it: 1.0 for True, the float for a decimal."""
    if value in places:
        return places[value]
    try:
        number = float(value)
    except (TypeError, ValueError):
        return value
    return places.get(number, value if isinstance(value, str | bool | int) else number)


def is_missing(value: Any) -> bool:
    """Whether a value is NULL or NaN."""
    return value is None or (isinstance(value, float) and math.isnan(value))


def _objects(known: Any, values: Sequence[Any]) -> Any:
    """Values as a column of objects has them: of the kind of the first one there, missing ones as there."""
    there = known[known.notna()]
    kind: Callable[[Any], Any] = type(there.iloc[0]) if len(there) else _same
    missing = known[known.isna()]
    null = missing.iloc[0] if len(missing) else np.nan
    made = np.empty(len(values), dtype=object)
    made[:] = [null if is_missing(value) else _as_kind(value, kind) for value in values]
    return made


def _as_kind(value: Any, kind: Callable[[Any], Any]) -> Any:
    if kind is Decimal:
        # The digits that people write: a threshold has all those of its float64.
        return Decimal(repr(float(value)))
    try:
        made = kind(value)
    except (TypeError, ValueError, ArithmeticError):
        return value
    return made if made == value else value


def _same(value: Any) -> Any:
    return value


def _number_or_self(value: Any, dtype: Any) -> Any:
    """Decimals as the numbers that a column of numbers takes."""
    return float(value) if dtype.kind == "f" and value is not None else value


def _holder(dtype: Any) -> Callable[[Sequence[Any]], Any] | None:
    """Tells of values which ones a dtype holds exactly; None for one that holds all that come to it."""
    if dtype is None or not isinstance(dtype, np.dtype):
        return None
    if dtype.kind in "iub":
        return lambda values: _whole(values, dtype)
    if is_single(dtype):
        return lambda values: _singles(values, dtype)
    return None


def _whole(values: Sequence[Any], dtype: Any) -> Any:
    if dtype.kind == "b":
        return np.array([value is not None and value in (0, 1) for value in values], dtype=bool)
    limits = np.iinfo(dtype)
    return np.array(
        [
            not is_missing(value)
            and limits.min <= value <= limits.max
            and (type(value) is int or (value == int(value) and abs(value) <= _EXACT))
            for value in values
        ],
        dtype=bool,
    )


def _singles(values: Sequence[Any], dtype: Any) -> Any:
    numbers = np.array(values, dtype=np.float64)
    with np.errstate(over="ignore"):
        rounded = numbers.astype(dtype).astype(np.float64)
    return (rounded == numbers) | np.isnan(numbers)
