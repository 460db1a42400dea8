"""Runs a compiled model program with onnxruntime, where fsdb itself is not there.

The source of this module is what the database server runs: it needs the standard library, numpy and onnxruntime alone. A
model is two things: the ONNX bytes and a description in JSON, which tells how values become tensors and numbers become a
prediction (see description.py, which writes it).
"""

import itertools
import json
import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import onnxruntime

_NAN = math.nan
_STATE = onnxruntime.capi.onnxruntime_pybind11_state
_ERRORS = (_STATE.InvalidArgument, _STATE.Fail, _STATE.RuntimeException)


class RowRefused(ValueError):
    """A row that the model does not take; the text names the input."""


class Runner:
    """A model that is ready to score: `row` for one row, `rows` for many. It may be used by several threads."""

    def __init__(self, model: bytes, description: str, threads: int = 1) -> None:
        """`threads`: how many a call with many rows may use; a single row always uses one."""
        self.description = json.loads(description)
        self._threads = threads
        self._run = session(model).run
        given = self.description
        self.inputs: list[str] = [entry["name"] for entry in given["inputs"]]
        self._feed = _Tensors(given, self.inputs) if "feeds" in given else _Matrix(given)
        self._later = [_check(entry) for entry in given.get("later", ())]
        self._decode = _decoder(given)
        self._names: list[str] | None = given["outputs"]
        self._collect = _collector(given)

    def row(self, values: Sequence[Any]) -> tuple[Any, ...]:
        """`prediction`, and as the model has them `probability` and `probabilities`, for the inputs of a row in order.

        RowRefused: the model does not take the row.
        """
        try:
            result = self._collect(self._run(self._names, self._feed.row(values)))
        except _ERRORS as error:
            raise RowRefused(self._refusal(error)) from None
        numbers: list[float] = result[0].tolist()
        for check in self._later:
            check.row(numbers)
        return self._decode(numbers)

    def rows(self, columns: Sequence[Sequence[Any]]) -> dict[str, Any]:
        """The same for columns of equal length, one for each input in order: arrays and lists by name.

        `prediction` is a float64 array, or a list of labels; `probability` an array; `probabilities` an array of a row for
        each row. Where rows are refused there is also `error`, a list of texts, None for a row that is not; the other
        entries mean nothing for these (NaN, None).
        """
        count = len(columns[0]) if columns else 0
        errors: list[str | None] = [None] * count
        feed = self._feed.rows(columns, errors)
        step = self.description["batch"]
        if count == 1 or count % step == 1:
            feed = {name: np.concatenate([value, value[-1:]]) for name, value in feed.items()}
        # The row that was added goes with the last part, never alone.
        starts = range(0, max(count - 1, 1) if count else 0, step)

        def part(start: int) -> Any:
            end = None if start == starts[-1] else start + step
            return self._part({name: value[start:end] for name, value in feed.items()}, start, errors)

        # Threads of onnxruntime's own would add up the trees of a row in another order than one does.
        if self._threads > 1 and len(starts) > 1:
            with ThreadPoolExecutor(self._threads) as pool:
                parts = list(pool.map(part, starts))
        else:
            parts = [part(start) for start in starts]
        numbers = np.concatenate(parts)[:count] if parts else np.zeros((0, self.description["width"]))
        for check in self._later:
            check.rows(numbers, errors)
        outputs = _decoded(numbers, self.description, errors)
        if any(error is not None for error in errors):
            outputs["error"] = errors
        return outputs

    def _part(self, feed: dict[str, Any], start: int, errors: list[str | None]) -> Any:
        """The numbers of some rows. Where onnxruntime does not take one, they are halved until that one stands alone."""
        count = len(next(iter(feed.values())))
        given = {name: np.concatenate([value, value]) for name, value in feed.items()} if count == 1 else feed
        try:
            return self._collect(self._run(self._names, given))[:count]
        except _ERRORS as error:
            refusal = self._refusal(error)
        if count == 1:
            if start < len(errors):  # the row that was added is not counted
                errors[start] = errors[start] or refusal
            return np.full((1, self.description["width"]), _NAN)
        middle = count // 2
        halves = [
            {name: value[place] for name, value in feed.items()} for place in (slice(middle), slice(middle, None))
        ]
        parts = [self._part(halves[0], start, errors), self._part(halves[1], start + middle, errors)]
        return np.concatenate(parts)

    def _refusal(self, error: Exception) -> str:
        """What onnxruntime says against a row: a code for which a whole graph has no entry, as an embedding. Any other error is raised."""
        text = str(error)
        if "feeds" not in self.description or "alloc" in text:
            raise error
        said = text.partition("\n")[0].rpartition("Status Message: ")[2].strip()[:300]
        return f"fsdb: onnxruntime does not take this row ({said}); correct the inputs"


def session(model: bytes, severity: int = 3) -> Any:
    """An onnxruntime session of one thread. The bytes were looked at before: see contained.py. severity: from which messages are logged."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = severity
    # Bytes may be both, a model of ONNX that was looked at and one of onnxruntime's own format that was not.
    options.add_session_config_entry("session.load_model_format", "ONNX")
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


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


def _check(given: dict[str, Any]) -> Any:
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
                    found[place] = _NAN
        return found

    def _error(self, value: str | None) -> str:
        if value is None and self._given["fill"] is None:
            return str(self._given["absent"])
        return f"{self._given['before']}{self._given['fill'] if value is None else value}{self._given['after']}"


class _Matrix:
    """Rows as one float64 tensor `x`: numbers as they are, texts looked up."""

    def __init__(self, given: dict[str, Any]) -> None:
        kinds = [entry["kind"] for entry in given["inputs"]]
        self._columns: list[tuple[int, str, _Lookup | None]] = [
            (entry["input"], kinds[entry["input"]], _Lookup(entry) if "keys" in entry else None)
            for entry in given["columns"]
        ]
        self._plain = [(place, kind) for place, kind, _ in self._columns] == [(i, "number") for i in range(len(kinds))]
        self._checks = [_check(entry) for entry in given["checks"]]

    def row(self, values: Sequence[Any]) -> dict[str, Any]:
        if self._plain:
            numbers = [_NAN if value is None else float(value) for value in values]
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
        return _NAN
    return float(np.float32(value)) if kind == "real" else float(value)


def _numbers(values: Any, kind: str) -> Any:
    if isinstance(values, np.ndarray) and values.dtype != object:
        numbers = values.astype(np.float64)
    else:
        try:
            numbers = np.array(values, dtype=np.float64)  # None becomes NaN
        except (TypeError, ValueError):
            numbers = np.array([_NAN if value is None else float(value) for value in values])
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


class _Tensors:
    """Rows as the tensors of a graph that was given as ONNX.

    onnxruntime adds up a matrix product for a single row in another order than one for more, so that a row alone would have
    other last digits than among others: it is fed twice.
    """

    def __init__(self, given: dict[str, Any], names: list[str]) -> None:
        self._feeds = [(feed["name"], feed["type"], feed["columns"], feed["rank"]) for feed in given["feeds"]]
        self._checks = [_check(entry) for entry in given["checks"]]
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


def _collector(given: dict[str, Any]) -> Callable[[list[Any]], Any]:
    """What makes of a session's outputs the matrix of numbers that predictions are read from."""
    if "feeds" not in given:
        return lambda outputs: outputs[0]
    labels = given["labels"]
    if labels is None:
        return lambda outputs: np.asarray(outputs[0], dtype=np.float64).reshape(-1, 1)
    places = {label: place for place, label in enumerate(labels)}
    labelled: bool = given["labelled"]

    def collect(outputs: list[Any]) -> Any:
        shares = _shares(outputs[1 if labelled else 0], labels) if given["shares"] else None
        if not labelled:
            return shares
        chosen = [places.get(label) for label in np.asarray(outputs[0]).reshape(-1).tolist()]
        scores = np.zeros((len(chosen), len(labels)))
        for row, place in enumerate(chosen):
            scores[row, 0 if place is None else place] = _NAN if place is None else 1.0
        return scores if shares is None else np.concatenate([scores, shares], axis=1)

    return collect


def _shares(output: Any, labels: Sequence[Any]) -> Any:
    """Probabilities in class order, of a tensor or of a map for each row."""
    if isinstance(output, list):
        return np.array([[row[label] for label in labels] for row in output], dtype=np.float64)
    matrix = np.asarray(output, dtype=np.float64)
    if len(labels) == 2 and (matrix.ndim == 1 or matrix.shape[1] == 1):
        matrix = matrix.reshape(-1, 1)
        return np.concatenate([1 - matrix, matrix], axis=1)
    return matrix


_NO_NUMBER = "fsdb: the model gives no number (NaN) for this row; correct the inputs"


def _decoder(given: dict[str, Any]) -> Callable[[list[float]], tuple[Any, ...]]:
    """From the numbers of one row to what is predicted."""
    output, classes = given["output"], given["classes"]
    if output["is"] == "several":
        parts = [_decoder(target) for target in _targets(given)]
        return lambda numbers: ([part(numbers)[0] for part in parts],)
    if output["is"] == "regression":
        value: int = output["value"]

        def regression(numbers: list[float]) -> tuple[Any, ...]:
            if math.isnan(numbers[value]):
                raise RowRefused(_NO_NUMBER)
            return (numbers[value],)

        return regression
    if output["is"] == "threshold":
        score, inclusive, share = output["score"], output["inclusive"], output["probability"]
        first, second = classes

        def threshold(numbers: list[float]) -> tuple[Any, ...]:
            number = numbers[score]
            if math.isnan(number):
                raise RowRefused(_NO_NUMBER)
            label = second if number > 0 or (inclusive and number == 0) else first
            return (label,) if share is None else (label, numbers[share])

        return threshold
    scores, shares, several = output["scores"], output["probabilities"], given["several"]

    def argmax(numbers: list[float]) -> tuple[Any, ...]:
        found = [numbers[slot] for slot in scores]
        if any(map(math.isnan, found)):
            raise RowRefused(_NO_NUMBER)
        place = found.index(max(found))
        if shares is None:
            return (classes[place],)
        parts = [numbers[slot] for slot in shares]
        if any(map(math.isnan, parts)):
            raise RowRefused(_NO_NUMBER)
        return (classes[place], parts[place], parts) if several else (classes[place], parts[1])

    return argmax


def _targets(given: dict[str, Any]) -> list[dict[str, Any]]:
    """Each of several targets, without its probabilities: the prediction is a list of theirs."""
    output = given["output"]
    ends = list(itertools.accumulate(output["counts"], initial=0))
    return [
        {
            "output": {**target, "probability": None, "probabilities": None},
            "classes": given["classes"][ends[place] : ends[place + 1]] if output["counts"] else None,
            "several": False,
        }
        for place, target in enumerate(output["targets"])
    ]


def _decoded(numbers: Any, given: dict[str, Any], errors: list[str | None]) -> dict[str, Any]:
    """The same for the numbers of many rows."""
    output, classes = given["output"], given["classes"]
    if output["is"] == "several":
        columns = [_decoded(numbers, target, errors)["prediction"] for target in _targets(given)]
        lists = [column.tolist() if isinstance(column, np.ndarray) else column for column in columns]
        return {"prediction": [list(row) for row in zip(*lists, strict=True)]}
    if output["is"] == "regression":
        values = numbers[:, output["value"]]
        _refuse_nan(np.isnan(values), errors)
        return {"prediction": values}
    if output["is"] == "threshold":
        score = numbers[:, output["score"]]
        _refuse_nan(np.isnan(score), errors)
        places = (score >= 0) if output["inclusive"] else (score > 0)
        result: dict[str, Any] = {"prediction": _labels(classes, places.astype(np.int64), errors)}
        if output["probability"] is not None:
            result["probability"] = numbers[:, output["probability"]]
        return result
    scores = numbers[:, output["scores"]]
    _refuse_nan(np.isnan(scores).any(axis=1), errors)
    places = np.argmax(scores, axis=1)
    if output["probabilities"] is None:
        return {"prediction": _labels(classes, places, errors)}
    shares = numbers[:, output["probabilities"]]
    _refuse_nan(np.isnan(shares).any(axis=1), errors)
    result = {"prediction": _labels(classes, places, errors)}
    if given["several"]:
        result["probability"] = np.take_along_axis(shares, places[:, None], axis=1)[:, 0]
        result["probabilities"] = shares
    else:
        result["probability"] = shares[:, 1]
    return result


def _refuse_nan(bad: Any, errors: list[str | None]) -> None:
    for place in np.flatnonzero(bad).tolist():
        errors[place] = errors[place] or _NO_NUMBER


def _labels(classes: Sequence[Any], places: Any, errors: list[str | None]) -> list[Any]:
    labels = [classes[place] for place in places.tolist()]
    for place in itertools.compress(range(len(errors)), errors):
        labels[place] = None
    return labels
