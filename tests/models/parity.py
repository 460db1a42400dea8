"""The native model, the SQL function in each of its forms, and onnxruntime on the same rows."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import psycopg
import pytest

from fsdb.errors import UnsupportedModel
from fsdb.models import Program, native_outputs, program_of, same_outputs, split_rows
from fsdb.models.backends.onnx import Scorer
from fsdb.models.backends.sql.function import NO_NUMBER
from fsdb.models.steps import Apply, Neighbors, NormalQuantile, TreeEnsemble
from tests.models.onnx.runner import one_by_one, ran
from tests.models.scorer import deploy, score, scored_in_every_form

Rows = Sequence[Mapping[str, Any]]


def assert_parity(
    connection: psycopg.Connection, estimator: Any, types: Mapping[str, str], rows: Rows, limit: int = 400
) -> Program:
    """Native, SQL and onnxruntime agree on the rows, and on rows at every edge of the model.

    Trees give the very same in each of their forms, errors too.
    """
    program = program_of(estimator, types)
    assert Program.from_json(program.to_json()) == program
    deploy(connection, program)
    tried = _with_edges(program, rows, limit)
    native = native_outputs(estimator, program, tried)
    deployed = score(connection, program, tried)
    if any(isinstance(step, TreeEnsemble) for step in program.steps):
        for name, found in scored_in_every_form(connection, program, tried).items():
            assert repr(found) == repr(deployed), name
        deploy(connection, program)
    _assert_same(program, tried, native, deployed)
    refused = [found for found in deployed if "error" in found]
    assert all(found["error"].startswith(("fsdb: input", NO_NUMBER)) for found in refused), refused[:3]
    if _has_onnx(program):
        _assert_scorer(Scorer(program), program, tried, native)
    else:
        with pytest.raises(UnsupportedModel, match="has no ONNX form"):
            Scorer(program)
    return program


def assert_scorer(estimator: Any, program: Program, rows: Rows, limit: int = 400) -> None:
    """onnxruntime gives what the native model gives, and scores most rows."""
    tried = _with_edges(program, rows, limit)
    found = _assert_scorer(Scorer(program), program, tried, native_outputs(estimator, program, tried))
    assert sum("error" in row for row in found) < len(tried)


def assert_whole(estimator: Any, types: Mapping[str, str], rows: Rows) -> Program:
    """Native and onnxruntime agree on a graph that is kept whole."""
    program = program_of(estimator, types)
    assert Program.from_json(program.to_json()) == program
    assert [type(step).__name__ for step in program.steps if type(step).__name__ != "Bounds"] == ["Graph"]
    assert_scorer(estimator, program, rows)
    return program


def _with_edges(program: Program, rows: Rows, limit: int) -> list[dict[str, Any]]:
    given = [dict(row) for row in rows]
    return given + split_rows(program, given, limit)


def _has_onnx(program: Program) -> bool:
    """Whether a program is of steps that the documents say ONNX has a form for."""
    return not any(
        isinstance(step, (Neighbors, NormalQuantile)) or (isinstance(step, Apply) and step.function == "arctan")
        for step in program.steps
    )


def _assert_scorer(scorer: Scorer, program: Program, rows: Rows, native: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Alone, among others and in any order; messages name the input. What the rows give among others."""
    together = ran(scorer, program, rows)
    for found in (together, one_by_one(scorer, program, rows)):
        _assert_same(program, rows, native, found)
        refused = [got["error"] for got in found if "error" in got]
        assert all(error.startswith("fsdb: ") for error in refused), refused[:3]
    shuffled = np.random.default_rng(len(rows)).permutation(len(rows))
    again = ran(scorer, program, [rows[place] for place in shuffled])
    assert all(same_outputs(together[place], again[at], 1e-12) for at, place in enumerate(shuffled))
    return together


def _assert_same(program: Program, rows: Rows, native: list[dict[str, Any]], found: list[dict[str, Any]]) -> None:
    different = [
        (row, expected, got)
        for row, expected, got in zip(rows, native, found, strict=True)
        if not same_outputs(expected, got, program.tolerance)
    ]
    assert not different, f"{len(different)} of {len(rows)} rows differ, first: {different[:3]}"
