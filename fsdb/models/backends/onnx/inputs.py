"""Values of rows as the tensors that a graph takes, and the rows that it does not take.

Part of what the database server runs: see running.py.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

NAN = math.nan


class RowRefused(ValueError):
    """A row that the model does not take; the text names the input."""


class _Range:
    """A number within limits, perhaps missing."""

    def __init__(self, given: dict[str, Any]) -> None:
        self._column: int = given["column"]
        self._low: float = given["low"]
        self._high: float = given["high"]
        self._missing: bool = given["missing"]
        self._absent: str = given["absent"]
        self._outside: str = given["outside"]

    def row(self, numbers: Sequence[float]) -> None:
        value = numbers[self._column]
        if not self._low <= value <= self._high and not (self._missing and math.isnan(value)):
            raise RowRefused(self._absent if math.isnan(value) else self._outside)

    def rows(self, numbers: Any, errors: list[str | None]) -> None:
        values = numbers[:, self._column]
        bad = ~((values >= self._low) & (values <= self._high))
        if self._missing:
            bad &= ~np.isnan(values)
        for place in np.flatnonzero(bad).tolist():
            errors[place] = errors[place] or (self._absent if math.isnan(values[place]) else self._outside)


class _Known:
    """A number that is one of some, perhaps missing."""

    def __init__(self, given: dict[str, Any]) -> None:
        self._column: int = given["column"]
        self._keys = None if given["keys"] is None else frozenset(given["keys"])
        self._missing: bool = given["missing"]
        self._absent: str = given["absent"]
        self._before: str = given["before"]
        self._after: str = given["after"]

    def row(self, numbers: Sequence[float]) -> None:
        error = self._error(numbers[self._column])
        if error is not None:
            raise RowRefused(error)

    def rows(self, numbers: Any, errors: list[str | None]) -> None:
        for place, value in enumerate(numbers[:, self._column].tolist()):
            errors[place] = errors[place] or self._error(value)

    def _error(self, value: float) -> str | None:
        if math.isnan(value):
            return None if self._missing else self._absent
        if self._keys is None or value in self._keys:
            return None
        return f"{self._before}{value:g}{self._after}"


def check_of(given: dict[str, Any]) -> Any:
    return _Range(given) if given["is"] == "range" else _Known(given)


class _Lookup:
    """A text input as a number."""

    def __init__(self, given: dict[str, Any]) -> None:
        self._unknown = given["unknown"]
        self._table = dict(zip(reversed(given["keys"]), reversed(given["values"]), strict=True))
        self._missing = given["missing"]
        if given["fill"] is not None:
            self._missing = self._table.get(given["fill"], self._unknown)
        self._given = given

    def number(self, value: Any) -> float:
        found = self._missing if value is None else self._table.get(value, self._unknown)
        if found is None:
            raise RowRefused(self._error(value))
        return float(found)

    def numbers(self, values: Sequence[Any], errors: list[str | None]) -> list[float]:
        find, unknown, missing = self._table.get, self._unknown, self._missing
        # A data frame's missing text may be NaN.
        found = [missing if value is None or isinstance(value, float) else find(value, unknown) for value in values]
        if unknown is None or missing is None:
            for place, number in enumerate(found):
                if number is None:
                    value = values[place]
                    errors[place] = errors[place] or self._error(None if isinstance(value, float) else value)
                    found[place] = NAN
        return found

    def _error(self, value: str | None) -> str:
        if value is None and self._given["fill"] is None:
            return str(self._given["absent"])
        return f"{self._given['before']}{self._given['fill'] if value is None else value}{self._given['after']}"


class Matrix:
    """Rows as one float64 tensor `x`: numbers as they are, texts looked up."""

    def __init__(self, given: dict[str, Any]) -> None:
        kinds = [entry["kind"] for entry in given["inputs"]]
        self._columns: list[tuple[int, str, _Lookup | None]] = [
            (entry["input"], kinds[entry["input"]], _Lookup(entry) if "keys" in entry else None)
            for entry in given["columns"]
        ]
        self._plain = [(place, kind) for place, kind, _ in self._columns] == [(i, "number") for i in range(len(kinds))]
        self._checks = [check_of(entry) for entry in given["checks"]]

    def row(self, values: Sequence[Any]) -> dict[str, Any]:
        if self._plain:
            numbers = [NAN if value is None else float(value) for value in values]
        else:
            numbers = [
                _number(values[place], kind) if lookup is None else lookup.number(values[place])
                for place, kind, lookup in self._columns
            ]
        for check in self._checks:
            check.row(numbers)
        return {"x": np.array([numbers], dtype=np.float64)}

    def rows(self, columns: Sequence[Sequence[Any]], errors: list[str | None]) -> dict[str, Any]:
        matrix = np.empty((len(errors), len(self._columns)))
        for at, (place, kind, lookup) in enumerate(self._columns):
            values = columns[place]
            matrix[:, at] = _numbers(values, kind) if lookup is None else lookup.numbers(values, errors)
        for check in self._checks:
            check.rows(matrix, errors)
        return {"x": matrix}


def _number(value: Any, kind: str) -> float:
    if value is None:
        return NAN
    return float(np.float32(value)) if kind == "real" else float(value)


def _numbers(values: Any, kind: str) -> Any:
    if isinstance(values, np.ndarray) and values.dtype != object:
        numbers = values.astype(np.float64)
    else:
        try:
            numbers = np.array(values, dtype=np.float64)  # None becomes NaN
        except (TypeError, ValueError):
            numbers = np.array([NAN if value is None else float(value) for value in values])
    if kind != "real":
        return numbers
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        return numbers.astype(np.float32).astype(np.float64)


_DTYPES: dict[str, Any] = {
    "float": np.float32,
    "double": np.float64,
    "int64": np.int64,
    "int32": np.int32,
    "bool": np.bool_,
    "string": np.object_,
}
_CASTS: dict[str, Any] = {"int64": int, "int32": int, "bool": bool, "string": str}
_LIMITS = {"int64": 2**63, "int32": 2**31}


class Tensors:
    """Rows as the tensors of a graph that was given as ONNX.

    onnxruntime adds up a matrix product for a single row in another order than one for more, so that a row alone would have
    other last digits than among others: it is fed twice.
    """

    def __init__(self, given: dict[str, Any], names: list[str]) -> None:
        self._feeds = [(feed["name"], feed["type"], feed["columns"], feed["rank"]) for feed in given["feeds"]]
        self._checks = [check_of(entry) for entry in given["checks"]]
        self._names = names
        self._kinds = [entry["kind"] for entry in given["inputs"]]

    def row(self, values: Sequence[Any]) -> dict[str, Any]:
        errors: list[str | None] = [None]
        feed = self.rows([[value] for value in values], errors)
        if errors[0] is not None:
            raise RowRefused(errors[0])
        return {name: np.concatenate([value, value]) for name, value in feed.items()}

    def rows(self, columns: Sequence[Sequence[Any]], errors: list[str | None]) -> dict[str, Any]:
        numbers = np.empty((len(errors), len(columns)))
        for place, kind in enumerate(self._kinds):
            numbers[:, place] = 0.0 if kind == "text" else _numbers(columns[place], kind)
        for check in self._checks:
            check.rows(numbers, errors)
        feed = {}
        for name, kind, places, rank in self._feeds:
            dtype = _DTYPES[kind]
            tensor = np.empty((len(errors), len(places)), dtype=dtype)
            for at, place in enumerate(places):
                tensor[:, at] = self._column(columns[place], numbers[:, place], kind, self._names[place], errors)
            feed[name] = tensor if rank == 2 else tensor[:, 0]
        return feed

    def _column(self, values: Any, numbers: Any, kind: str, name: str, errors: list[str | None]) -> Any:
        if kind in ("float", "double"):
            with np.errstate(over="ignore", under="ignore", invalid="ignore"):
                return numbers.astype(_DTYPES[kind])
        subject = f'fsdb: input "{name}" of the model'
        result: list[Any] = []
        for place, value in enumerate(values):
            if value is None or (not isinstance(value, str) and math.isnan(value)):
                error = f"{subject} is NULL or NaN, and the model takes no missing value for it; give one"
            elif kind in _LIMITS and not -_LIMITS[kind] <= value < _LIMITS[kind]:
                error = f"{subject} is too large for {kind}; correct it"
            else:
                result.append(_CASTS[kind](value))
                continue
            errors[place] = errors[place] or error
            result.append(_CASTS[kind]())
        return result
