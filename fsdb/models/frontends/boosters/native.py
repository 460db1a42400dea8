"""What the oracles of boosting libraries share."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from fsdb.models.input_types import as_number
from fsdb.models.program import Input, Program

Rows = Sequence[Mapping[str, Any]]


def halved(
    outputs: Callable[[Rows], list[dict[str, Any]]], rows: Rows, refusals: tuple[type[Exception], ...]
) -> list[dict[str, Any]]:
    """The outputs of rows; those that are refused have only `error`. A refused batch is halved until each row stands alone."""
    if not rows:
        return []
    try:
        return outputs(rows)
    except refusals as refusal:
        if len(rows) == 1:
            return [{"error": str(refusal).partition("\n")[0]}]
    middle = len(rows) // 2
    return halved(outputs, rows[:middle], refusals) + halved(outputs, rows[middle:], refusals)


def numbers(given: Input, rows: Rows) -> Any:
    """A column of float64."""
    return np.array([as_number(row[given.name], given.type) for row in rows], dtype=np.float64)


def with_probabilities(program: Program, predicted: Sequence[Any], shares: Any) -> list[dict[str, Any]]:
    """Predictions and the rows of a matrix of probabilities, in class order."""
    classes = program.classes or ()
    places = {label: place for place, label in enumerate(classes)}
    rows = [[float(share) for share in row] for row in shares]
    if not program.has_probabilities:
        return [{"prediction": p, "probability": row[1]} for p, row in zip(predicted, rows, strict=True)]
    return [
        {"prediction": p, "probability": row[places[p]], "probabilities": row}
        for p, row in zip(predicted, rows, strict=True)
    ]
