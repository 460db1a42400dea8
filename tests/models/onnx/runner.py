"""Runs a program's ONNX graph over rows."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fsdb.models import Program
from fsdb.models.backends.onnx import RowRefused, Scorer

Rows = Sequence[Mapping[str, Any]]
_NAMES = ("prediction", "probability", "probabilities")


def ran(scorer: Scorer, program: Program, rows: Rows) -> list[dict[str, Any]]:
    """What a call with all rows gives, row by row."""
    outputs = scorer.run({given.name: [row[given.name] for row in rows] for given in program.inputs})
    errors = outputs.pop("error", [None] * len(rows))
    lists = {name: values.tolist() if isinstance(values, np.ndarray) else values for name, values in outputs.items()}
    return [
        {"error": error} if error is not None else {name: values[at] for name, values in lists.items()}
        for at, error in enumerate(errors)
    ]


def one_by_one(scorer: Scorer, program: Program, rows: Rows) -> list[dict[str, Any]]:
    """What a call for each row gives."""
    results: list[dict[str, Any]] = []
    for row in rows:
        try:
            found = scorer.row([row[given.name] for given in program.inputs])
            results.append(dict(zip(_NAMES, found, strict=False)))
        except RowRefused as refusal:
            results.append({"error": str(refusal)})
    return results
