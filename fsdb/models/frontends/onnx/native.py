"""The native model as the oracle: onnxruntime on the bytes that were given."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fsdb.models.frontends.native import halved
from fsdb.models.frontends.onnx import signature
from fsdb.models.frontends.onnx.labels import known_labels
from fsdb.models.frontends.onnx.source import Source, read
from fsdb.models.input_types import as_number
from fsdb.models.program import Program
from fsdb.models.steps import Bounds, Feed
from fsdb.models.user_frame import Rows, UserFrame

_DTYPES: dict[str, Any] = {
    "float": np.float32,
    "double": np.float64,
    "int64": np.int64,
    "int32": np.int32,
    "bool": np.bool_,
    "string": np.object_,
}


def native_outputs(
    estimator: Any, program: Program, rows: Rows, _frame: UserFrame | None = None
) -> list[dict[str, Any]]:
    """What onnxruntime gives for each row: `prediction`, `probability`, `probabilities` as the program has them. A graph says itself
    of which types its inputs are.

    A row has only `error` where the model refuses it, where it gives NaN, and where an input is refused before the graph:
    infinite numbers, and NULL where the graph has no operator for it.
    """
    source = read(estimator)
    _, feeds = signature.bound(source, {given.name: given.type for given in program.inputs})
    outputs = signature.outputs(source)
    labels = known_labels(source, outputs)
    reasons = [_refusal(program, feeds, row) for row in rows]
    taken = [row for row, reason in zip(rows, reasons, strict=True) if reason is None]

    def run(places: Sequence[int]) -> list[dict[str, Any]]:
        part = [taken[place] for place in places]
        # A product for a single row has another order of sums than one for more.
        given_rows = [*part, part[0]] if len(part) == 1 else part
        fed = {feed.name: _tensor(feed, program, given_rows) for feed in feeds}
        names = [name for name in (outputs.label, outputs.scores) if name is not None]
        given = dict(zip(names, source.session.run(names, fed), strict=True))
        label = None if outputs.label is None else np.asarray(given[outputs.label]).reshape(-1).tolist()
        scores = None if outputs.scores is None else _matrix(given[outputs.scores], labels)
        return [
            _row(source, program, labels, None if label is None else label[at], None if scores is None else scores[at])
            for at in range(len(part))
        ]

    results = iter(halved(run, range(len(taken)), (Exception,)))
    return [{"error": reason} if reason is not None else next(results) for reason in reasons]


def _refusal(program: Program, feeds: Sequence[Feed], row: Mapping[str, Any]) -> str | None:
    """Why an input is refused before the graph, if it is."""
    limits = {
        column: (step.missing, math.nextafter(3.4028235677973366e38, 0) if step.float32 else 1.7976931348623157e308)
        for step in program.steps
        if isinstance(step, Bounds)
        for column in step.columns
        if column < len(program.inputs)
    }
    for feed in feeds:
        for column in feed.columns:
            given = program.inputs[column]
            value = row[given.name]
            if feed.type == "string":
                if value is None:
                    return f"{given.name} is NULL"
                continue
            missing, most = limits[column]
            number = as_number(value, given.type)
            if math.isnan(number):
                if not missing:
                    return f"{given.name} is NULL"
            elif abs(number) > most:
                return f"{given.name} is infinite"
    return None


def _tensor(feed: Feed, program: Program, rows: Rows) -> Any:
    columns = []
    for column in feed.columns:
        given = program.inputs[column]
        values = [row[given.name] for row in rows]
        if feed.type in ("float", "double"):
            values = [as_number(value, given.type) for value in values]
        with np.errstate(over="ignore", under="ignore"):
            columns.append(np.array(values, dtype=np.float64 if feed.type == "float" else _DTYPES[feed.type]))
    with np.errstate(over="ignore", under="ignore"):
        matrix = np.column_stack(columns).astype(_DTYPES[feed.type])
    return matrix if feed.rank == 2 else matrix[:, 0]


def _matrix(output: Any, labels: tuple[Any, ...] | None) -> list[list[float]]:
    if isinstance(output, list):
        return [[float(row[label]) for label in labels or ()] for row in output]
    found: list[list[float]] = np.asarray(output, dtype=np.float64).reshape(len(output), -1).tolist()
    return found


def _row(
    source: Source, program: Program, labels: tuple[Any, ...] | None, label: Any, scores: list[float] | None
) -> dict[str, Any]:
    if scores is not None and any(map(math.isnan, scores)):
        return {"error": "the model gives NaN"}
    if labels is None:
        return {"prediction": (scores or [math.nan])[0]}
    shares = scores
    if shares is not None and len(shares) == 1:
        shares = [1 - shares[0], shares[0]]
    if label is None:
        place = int(np.argmax(shares or ()))
    elif label in labels:
        place = labels.index(label)
    else:
        return {"error": f"the model gives the class {label!r}, which it does not have"}
    result: dict[str, Any] = {"prediction": (source.classes or labels)[place]}
    if program.has_probability and shares is not None:
        result["probability"] = shares[place] if program.has_probabilities else shares[1]
        if program.has_probabilities:
            result["probabilities"] = shares
    return result
