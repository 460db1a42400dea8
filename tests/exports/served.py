"""A model registered from its ONNX file, deployed, and rows scored by INSERT and in one call, against what the library itself gives."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import psycopg
import pyarrow as pa
import pytest
from psycopg.rows import dict_row
from psycopg.sql import SQL, Identifier, Placeholder

from fsdb.deployments import deploy, register_model
from fsdb.deployments.bulk import score
from fsdb.deployments.registry import load_program
from fsdb.models import Program, same_outputs
from fsdb.models.parity import SINGLE_TOLERANCE
from fsdb.worker import Worker
from tests.conftest import TestDatabase

Rows = Sequence[Mapping[str, Any]]
Outputs = list[dict[str, Any]]

# What its exporters warn of is not the tests' matter.
PYTORCH_WARNS = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning"),
]

TYPES = {"a": "real", "b": "double precision", "c": "double precision"}
ALONE = 6  # rows that are inserted by themselves, too
_NAMES = ("prediction", "probability", "probabilities")
_ARROW = {"real": pa.float32(), "double precision": pa.float64(), "bigint": pa.int64(), "text": pa.string()}
REFUSED: dict[str, Any] = {"error": "the library takes no such row"}


@dataclass(frozen=True)
class Served:
    """The program that was registered, where it ran, and what it gave for the rows in each way of scoring."""

    program: Program
    runtime: str
    found: Mapping[str, Outputs]


def served(
    database: TestDatabase, estimator: Any, rows: Rows, fitted_on: Rows, types: Mapping[str, str] = TYPES
) -> Served:
    """Registers and deploys a model, where it has an SQL form in the runtime sql and otherwise for a worker, and scores the rows."""
    with database.connect() as connection:
        version = register_model(connection, "m", estimator, inputs=types, rows=fitted_on)
        program = load_program(connection, version)
        runtime = "worker" if any(type(step).__name__ == "Graph" for step in program.steps) else "sql"
        deploy(connection, "m", "m", runtime=runtime, on_error="null")
        together = _inserted(connection, database, list(types), rows)
        alone = [_inserted(connection, database, list(types), [row])[0] for row in rows[:ALONE]]
        columns = {name: pa.array([row[name] for row in rows], _ARROW[kind]) for name, kind in types.items()}
        called = score(connection, "m", pa.table(columns), on_error="null").to_pylist()
    return Served(program, runtime, {"together": together, "alone": alone, "called": [_outputs(row) for row in called]})


def assert_as_native(given: Served, native: Outputs) -> None:
    """Every way of scoring gives what the library gives, and refuses where it refuses."""
    for way, found in given.found.items():
        for place, (expected, got) in enumerate(zip(native, found, strict=way != "alone")):
            assert same_outputs(expected, got, SINGLE_TOLERANCE), (way, place, expected, got)
    assert any("error" not in expected for expected in native)


def numbers(values: Any) -> Outputs:
    """What a regression gives, of any shape, as outputs; a row of NaN is refused."""
    flat = np.asarray(values, dtype=np.float64).reshape(-1).tolist()
    return [REFUSED if np.isnan(value) else {"prediction": value} for value in flat]


def shares(probabilities: Any, classes: Sequence[Any]) -> Outputs:
    """What a classifier gives, by the probabilities of shape (rows) or (rows, 1) of the second of two classes, or of every class."""
    matrix = np.asarray(probabilities, dtype=np.float64)
    matrix = matrix.reshape(len(matrix), -1)
    if matrix.shape[1] == 1:
        matrix = np.column_stack([1 - matrix[:, 0], matrix[:, 0]])
    return [_of_shares(row, classes) for row in matrix.tolist()]


def _of_shares(row: list[float], classes: Sequence[Any]) -> dict[str, Any]:
    if any(map(np.isnan, row)):
        return REFUSED
    place = int(np.argmax(row))
    if len(classes) == 2:
        return {"prediction": classes[place], "probability": row[1]}
    return {"prediction": classes[place], "probability": row[place], "probabilities": row}


def _inserted(connection: psycopg.Connection, database: TestDatabase, names: Sequence[str], rows: Rows) -> Outputs:
    """What one INSERT of all rows gives, in their order."""
    line = SQL("({})").format(SQL(", ").join([Placeholder()] * len(names)))
    statement = SQL("INSERT INTO m ({}) VALUES {} RETURNING prediction_id").format(
        SQL(", ").join(map(Identifier, names)), SQL(", ").join([line] * len(rows))
    )
    numbers = connection.execute(statement, [row[name] for row in rows for name in names]).fetchall()
    Worker(database.url).run(once=True)
    with connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute("SELECT * FROM m WHERE prediction_id = ANY(%s)", [[number for (number,) in numbers]])
        found = {row["prediction_id"]: _outputs(row) for row in cursor}
    return [found[number] for (number,) in numbers]


def _outputs(row: Mapping[str, Any]) -> dict[str, Any]:
    if row["error"] is not None:
        return {"error": row["error"]}
    return {name: row[name] for name in _NAMES if name in row}
