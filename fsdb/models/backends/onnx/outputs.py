"""Numbers of a graph as predictions.

Part of what the database server runs: see running.py.
"""

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fsdb.models.backends.onnx.inputs import NAN, RowRefused


def collector(given: dict[str, Any]) -> Callable[[list[Any]], Any]:
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
            scores[row, 0 if place is None else place] = NAN if place is None else 1.0
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


def decoder(given: dict[str, Any]) -> Callable[[list[float]], tuple[Any, ...]]:
    """From the numbers of one row to what is predicted."""
    output, classes = given["output"], given["classes"]
    if output["is"] == "several":
        parts = [decoder(target) for target in _targets(given)]
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


def decoded(numbers: Any, given: dict[str, Any], errors: list[str | None]) -> dict[str, Any]:
    """The same for the numbers of many rows."""
    output, classes = given["output"], given["classes"]
    if output["is"] == "several":
        columns = [decoded(numbers, target, errors)["prediction"] for target in _targets(given)]
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
