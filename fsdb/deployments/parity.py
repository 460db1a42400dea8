"""The parity gate: a compiled model must give what the native predict gives, on rows kept with the model version."""

import importlib.util
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import reduce
from typing import Any, TypeVar

import psycopg
from psycopg import Connection
from psycopg.rows import dict_row
from psycopg.sql import Composed, Literal

from fsdb.catalog.models import CheckRow, ModelInput, list_checks
from fsdb.config import MODEL_SCHEMA
from fsdb.errors import InvalidData, ParityFailed, UnsupportedModel
from fsdb.exchange import frames
from fsdb.models import (
    PARITY_FLOOR,
    Input,
    Program,
    UserFrame,
    asked,
    crossed_rows,
    function_call,
    same_outputs,
    split_rows,
)
from fsdb.models.backends.sql import bulk_name
from fsdb.models.steps import EQUALLY_FAR, Neighbors
from fsdb.sql import query
from fsdb.training import TrainingSet

_Row = TypeVar("_Row")
FILE = "deployments/parity"
MOST_REAL_ROWS = 1000
MOST_EDGE_ROWS = 1000
MOST_SPLIT_ROWS = 100_000  # every split where no input is compared with more than half as many numbers
_NUMBERS = (0.0, 1.0, -1.0, 0.5, 100.0)
_SHOWN_INPUTS = 8
_FRAMES = ("pandas", "polars")
_FETCHED = 5  # rows of a cursor at a time
_LIMITS = ("53", "54")  # classes of errors: out of memory, a limit of the program


@dataclass(frozen=True)
class Parity:
    """How many rows were compared, and the largest difference as a part of max(|value|, PARITY_FLOOR)."""

    rows_checked: int
    largest_difference: float


@dataclass(frozen=True)
class GivenRows:
    """Real rows to check a model on: their values as Python has them, and the frame in which their owner has them.

    No frame: there are no rows, or no pandas here.
    """

    values: Sequence[Mapping[str, Any]]
    frame: UserFrame | None


def rows_given(rows: Any) -> GivenRows:
    """At most MOST_REAL_ROWS of a list of mappings, or of a pandas, polars or Arrow table.

    Raises InvalidData for anything else.
    """
    if isinstance(rows, Sequence) and all(isinstance(row, Mapping) for row in rows):
        chosen = _spread(rows, MOST_REAL_ROWS)
        return GivenRows(chosen, UserFrame.of_values(chosen) if chosen and _has_pandas() else None)
    if isinstance(rows, Sequence) or not (hasattr(rows, "columns") or hasattr(rows, "__arrow_c_stream__")):
        raise InvalidData(
            f"The rows to check a model on are a {type(rows).__name__}: give a pandas, polars or Arrow table, or a list of "
            "mappings of the model's input names to values."
        )
    table = frames.as_arrow(rows, "table of rows")
    places = _spread(range(table.num_rows), MOST_REAL_ROWS)
    # Sliced, since Arrow cannot take places of every type.
    values = [row for place in places for row in table.slice(place, 1).to_pylist()]
    own = rows if type(rows).__module__.partition(".")[0] in _FRAMES else table  # what streams can be read once
    return GivenRows(values, UserFrame.of(own, places) if places and _has_pandas() else None)


def rows_of(training_set: TrainingSet) -> GivenRows:
    """Rows of a training set, in the frame that its to_pandas() gives."""
    table = training_set.to_arrow()
    places = _spread(range(table.num_rows), MOST_REAL_ROWS)
    values = [row for place in places for row in table.slice(place, 1).to_pylist()]
    return GivenRows(values, UserFrame.of(training_set.to_pandas(), places) if places and _has_pandas() else None)


def frame_of(given: Sequence[GivenRows]) -> UserFrame | None:
    """The types of the columns of all of these, the first ones before the others."""
    frames = [one.frame for one in given if one.frame is not None]
    return reduce(UserFrame.over, frames).without_data() if frames else None


def check_rows(
    estimator: Any, program: Program, given: Sequence[GivenRows], frame: UserFrame | None = None
) -> list[CheckRow]:
    """Rows for the gate with the native outputs: the given real ones, and rows at the model's edges in the types of the frame.

    Without real rows the edges alone are taken. No frame: the model is asked with float64 and texts.
    """
    every: list[dict[str, Any]] = []
    natives: list[dict[str, Any] | None] = []
    for some in given:
        real = [_held(row, program) for row in some.values]
        every += real
        natives += asked(estimator, program, real, some.frame if frame is not None else None)
    bases = every or _plain_rows(program)
    edges = split_rows(program, bases, MOST_EDGE_ROWS) + crossed_rows(program, bases, MOST_SPLIT_ROWS)
    edges = edges if every or edges else bases
    natives += asked(estimator, program, edges, frame)
    return [
        CheckRow(
            tuple(as_text(row[given.name]) for given in program.inputs),
            "error" in native,
            as_text(native.get("prediction")),
            native.get("probability"),
            tuple(native["probabilities"]) if "probabilities" in native else None,
        )
        for row, native in zip([*every, *edges], natives, strict=True)
        if native is not None
    ]


def check(
    connection: Connection[Any],
    model: str,
    version: int,
    inputs: Sequence[ModelInput],
    program: Program,
    function: str,
) -> Parity:
    """Holds the function `function` of schema fsdb_models, and the one that takes over from it in bulk, against the stored
    rows of a version.

    Raises ParityFailed naming the row's inputs and both numbers, or where no row can be compared, and UnsupportedModel where
    a limit of PostgreSQL is in the way.
    """
    arguments = [query(FILE, "input", position=Literal(number)) for number in range(1, len(inputs) + 1)]
    checks = stored_checks(connection, model, version)
    reports = []
    with pinned(connection), _within_limits(model, version):
        for name in _functions(connection, function):
            text = query(FILE, "outputs", call=function_call(program, MODEL_SCHEMA, name, arguments))
            deployed = _deployed(connection, text, {"model": model, "version": version}, checks)
            reports.append(compared(model, version, inputs, program, checks, deployed))
    return Parity(min(report.rows_checked for report in reports), max(report.largest_difference for report in reports))


def stored_checks(connection: Connection[Any], model: str, version: int) -> dict[int, CheckRow]:
    """The rows that a version is checked on, by position. Raises ParityFailed where none of them can be compared."""
    checks = list_checks(connection, model, version)
    if all(row.refused for row in checks.values()):
        raise ParityFailed(
            f"Model {model} version {version} cannot be checked: the native predict takes none of the {len(checks)} rows. "
            "Register it with its training set, or with rows= that it takes."
        )
    return checks


def compared(
    model: str,
    version: int,
    inputs: Sequence[ModelInput],
    program: Program,
    checks: Mapping[int, CheckRow],
    deployed: Iterable[tuple[int, Mapping[str, Any]]],
) -> Parity:
    """Holds what a deployed model gives, by the position of the row, against what the native one gave.

    A row that is refused since several points are equally far from it is not compared: natively the layout of an index decides. Raises
    ParityFailed naming the row's inputs and both numbers, or where no row is left.
    """
    largest, undecided = 0.0, 0
    for position, outputs in deployed:
        if EQUALLY_FAR in outputs.get("error", "") and any(isinstance(step, Neighbors) for step in program.steps):
            undecided += 1
            continue
        native = _native(checks[position], program)
        if not same_outputs(native, outputs, program.tolerance):
            shown = _shown(inputs, checks[position])
            raise ParityFailed(
                f"Model {model} version {version} does not compute what the native predict gives. For {shown} the native model "
                f"gives {_result(native)}, the deployed one {_result(outputs)}: nothing was deployed; please report the model's class."
            )
        largest = max(largest, _difference(native, outputs))
    if undecided == len(checks):
        raise ParityFailed(
            f"Model {model} version {version} cannot be checked: each of the {len(checks)} rows is equally far from more points than its "
            "n_neighbors, and which of them count is not defined. Fit it on columns of fewer repeated values."
        )
    return Parity(len(checks) - undecided, largest)


@contextmanager
def pinned(connection: Connection[Any]) -> Iterator[None]:
    """A block that only reads, with the search_path that functions of models are written for."""
    with connection.transaction(force_rollback=True):
        connection.execute(query(FILE, "pin_search_path"))
        yield


def _functions(connection: Connection[Any], function: str) -> list[str]:
    """A scoring function, and where there is one the function that takes over from it in bulk."""
    names = {"schema": MODEL_SCHEMA, "names": [function, bulk_name(function)]}
    return [name for (name,) in connection.execute(query(FILE, "functions"), names).fetchall()]


@contextmanager
def _within_limits(model: str, version: int) -> Iterator[None]:
    """Says a limit of PostgreSQL that a function runs into."""
    try:
        yield
    except psycopg.OperationalError as error:
        if error.sqlstate is None or not error.sqlstate.startswith(_LIMITS):
            raise
        raise UnsupportedModel(
            f"Model {model} version {version} is too large for a function of this PostgreSQL ({error.diag.message_primary}): "
            "deploy it with runtime='onnx' or runtime='worker'."
        ) from error


def _deployed(
    connection: Connection[Any], text: Composed, values: Mapping[str, Any], checks: Mapping[int, CheckRow]
) -> Iterator[tuple[int, dict[str, Any]]]:
    """The outputs of the compiled model by position: from one cursor, and row by row where it refuses rows.

    Each fetch is a statement of its own and so short that what is for single rows does not hand over to what is for bulk.
    """
    alone = [position for position, row in checks.items() if row.refused]
    try:
        with connection.transaction(), connection.cursor("checks", row_factory=dict_row) as cursor:
            cursor.itersize = _FETCHED
            rows = list(cursor.execute(text, {**values, "position": None}))
        yield from ((row.pop("position"), row) for row in rows)
    except psycopg.DataError:
        alone = list(checks)
    with connection.cursor(row_factory=dict_row) as cursor:
        for position in alone:
            try:
                with connection.transaction():
                    rows = cursor.execute(text, {**values, "position": position}).fetchall()
                yield from ((row.pop("position"), row) for row in rows)
            except psycopg.DataError as refusal:
                yield position, {"error": str(refusal).partition("\n")[0]}


def _native(row: CheckRow, program: Program) -> dict[str, Any]:
    """The stored native outputs, as native_outputs gave them."""
    if row.refused or row.prediction is None:
        return {"error": "a refusal"}
    read: dict[str, Callable[[str], Any]] = {"boolean": lambda text: text == "true", "bigint": int, "text": str}
    several = program.prediction_type.endswith("[]")
    outputs = {
        "prediction": json.loads(row.prediction)
        if several
        else read.get(program.prediction_type, float)(row.prediction)
    }
    if row.probability is not None:
        outputs["probability"] = row.probability
    if row.probabilities is not None:
        outputs["probabilities"] = list(row.probabilities)
    return outputs


def _difference(native: Mapping[str, Any], deployed: Mapping[str, Any]) -> float:
    differences = [0.0]
    for name, value in native.items():
        pairs = zip(value, deployed[name], strict=True) if isinstance(value, list) else [(value, deployed.get(name))]
        differences += [
            abs(a - b) / max(abs(a), PARITY_FLOOR)
            for a, b in pairs
            if isinstance(a, float) and isinstance(b, float) and math.isfinite(a) and math.isfinite(b)
        ]
    return max(differences)


def _shown(inputs: Sequence[ModelInput], row: CheckRow) -> str:
    shown = [f"{given.name} = {value}" for given, value in zip(inputs, row.inputs, strict=True)]
    return ", ".join(shown[:_SHOWN_INPUTS]) + (", …" if len(shown) > _SHOWN_INPUTS else "")


def _result(outputs: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value!r}" for name, value in outputs.items())


def _spread(rows: Sequence[_Row], most: int) -> list[_Row]:
    """At most so many of the rows, evenly over all of them."""
    step = max(1, math.ceil(len(rows) / most))
    return list(rows[::step])


def _plain_rows(program: Program) -> list[dict[str, Any]]:
    """Rows for a model that comes without any: values that its edges know, else plain numbers."""
    nothing = {given.name: None for given in program.inputs}
    known: dict[str, list[Any]] = {given.name: [] for given in program.inputs}
    for row in split_rows(program, [nothing] * MOST_EDGE_ROWS, MOST_EDGE_ROWS):
        for name, value in row.items():
            if value is not None:
                known[name].append(value)
    for given in program.inputs:
        if not known[given.name]:
            known[given.name] = _plain_values(given.type)
    return [{name: values[number % len(values)] for name, values in known.items()} for number in range(len(_NUMBERS))]


def _plain_values(kind: str) -> list[Any]:
    if kind == "boolean":
        return [False, True]
    if kind in ("smallint", "integer", "bigint"):
        return [round(number) for number in _NUMBERS]
    return [""] if kind == "text" else list(_NUMBERS)


def _has_pandas() -> bool:
    return importlib.util.find_spec("pandas") is not None


def _held(row: Mapping[str, Any], program: Program) -> dict[str, Any]:
    """A row's inputs as columns of their types hold them. Raises InvalidData where one lacks or does not fit."""
    missing = [given.name for given in program.inputs if given.name not in row]
    if missing:
        raise InvalidData(f"A row to check the model on has no {', '.join(missing)}: give each input of the model.")
    return {given.name: _fitting(row[given.name], given) for given in program.inputs}


def _fitting(value: Any, given: Input) -> Any:
    if not isinstance(value, float) or given.type not in ("bigint", "boolean"):
        return value
    if math.isnan(value):
        return None  # data frames have whole numbers with gaps as floats
    if not value.is_integer():
        raise InvalidData(f"Input {given.name!r} is {given.type}, but a row to check the model on has {value} for it.")
    return bool(value) if given.type == "boolean" else int(value)


def as_text(value: Any) -> str | None:
    """A value as PostgreSQL reads it from text; several values as JSON."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return json.dumps(value, ensure_ascii=False)
    return repr(value) if isinstance(value, float) else str(value)
