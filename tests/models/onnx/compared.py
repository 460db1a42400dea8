"""The native model, the SQL function and onnxruntime on the same rows."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import psycopg

from fsdb.models import Program, native_outputs, program_of, same_outputs, split_rows
from fsdb.models.backends.onnx import RowRefused, Scorer
from tests.models.scorer import assert_parity

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


def assert_scorer(estimator: Any, program: Program, rows: Rows, limit: int = 400) -> None:
    """onnxruntime gives what the native model gives, alone and among others; messages name the input."""
    tried = [dict(row) for row in rows] + split_rows(program, [dict(row) for row in rows], limit)
    native = native_outputs(estimator, program, tried)
    scorer = Scorer(program)
    for found in (ran(scorer, program, tried), one_by_one(scorer, program, tried)):
        different = [
            (row, expected, got)
            for row, expected, got in zip(tried, native, found, strict=True)
            if not same_outputs(expected, got, program.tolerance)
        ]
        assert not different, f"{len(different)} of {len(tried)} rows differ, first: {different[:3]}"
        refused = [got["error"] for got in found if "error" in got]
        assert all(error.startswith("fsdb: ") for error in refused), refused[:3]
        assert len(refused) < len(tried)
    shuffled = np.random.default_rng(len(tried)).permutation(len(tried))
    again = ran(scorer, program, [tried[place] for place in shuffled])
    once = ran(scorer, program, tried)
    assert all(same_outputs(once[place], again[at], 1e-12) for at, place in enumerate(shuffled))


def assert_everywhere(
    connection: psycopg.Connection, estimator: Any, types: Mapping[str, str], rows: Rows, limit: int = 300
) -> Program:
    """Native, SQL and onnxruntime agree."""
    program = assert_parity(connection, estimator, types, rows, limit)
    assert_scorer(estimator, program, rows, limit)
    return program


def assert_whole(estimator: Any, types: Mapping[str, str], rows: Rows) -> Program:
    """Native and onnxruntime agree on a graph that is kept whole."""
    program = program_of(estimator, types)
    assert Program.from_json(program.to_json()) == program
    assert [type(step).__name__ for step in program.steps if type(step).__name__ != "Bounds"] == ["Graph"]
    assert_scorer(estimator, program, rows)
    return program
