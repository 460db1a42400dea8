"""The runtime worker: onnxruntime in a process outside of the server (`fsdb worker`), for databases that allow neither
functions of the model's size nor PL/Python."""

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from psycopg import Connection

from fsdb.catalog.models import ModelInput, ModelVersion
from fsdb.deployments import parity
from fsdb.deployments.parity import Parity
from fsdb.errors import EngineUnavailable, UnsupportedModel
from fsdb.models import Program
from fsdb.models.input_types import base_type, has_no_nan, kind_of

if TYPE_CHECKING:
    from fsdb.models.backends.onnx import Scorer

_PACKAGES = ("onnx", "onnxruntime")


def refusal(_connection: Connection[Any], _version: ModelVersion, program: Program) -> str | None:
    """Why a version cannot have this runtime, None where it can."""
    return lacks(program)


def lacks(program: Program) -> str | None:
    """What a program lacks for being scored outside of the server, None where nothing."""
    if not _is_installed():
        return (
            "this machine has no onnxruntime, which the model must be checked with: pip install 'fsdb-postgres[onnx]'."
        )
    from fsdb.models.backends.onnx import compile_onnx

    try:
        compile_onnx(program)
    except UnsupportedModel as refused:
        return str(refused)
    return None


def check(connection: Connection[Any], version: ModelVersion, program: Program) -> Parity:
    """The parity gate outside of the server: what onnxruntime gives here for the version's stored rows.

    Raises ParityFailed as parity.check does, EngineUnavailable where onnxruntime is not installed, and UnsupportedModel.
    """
    return rehearse(connection, version.model, version.version, version.inputs, program)


def rehearse(
    connection: Connection[Any], model: str, version: int, inputs: Sequence[ModelInput], program: Program
) -> Parity:
    """The same of a version whose rows are stored, and that is yet to be registered."""
    checks = parity.stored_checks(connection, model, version)
    columns = {
        given.name: [_read(row.inputs[place], given.type) for row in checks.values()]
        for place, given in enumerate(inputs)
    }
    deployed = scored(scorer_of(program), columns)
    return parity.compared(model, version, inputs, program, checks, zip(checks, deployed, strict=True))


def scorer_of(program: Program, threads: int = 1) -> "Scorer":
    """What runs a program in this process. Raises EngineUnavailable without onnxruntime, UnsupportedModel without an ONNX form."""
    check_installed()
    from fsdb.models.backends.onnx import Scorer

    return Scorer(program, threads)


def scored(scorer: "Scorer", columns: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """What the model gives for each row of the columns: prediction, probability and probabilities as it has them, or an error."""
    outputs = scorer.run(columns)
    errors = outputs.pop("error", None)
    lists = {name: values.tolist() if isinstance(values, np.ndarray) else values for name, values in outputs.items()}
    rows = [dict(zip(lists, row, strict=True)) for row in zip(*lists.values(), strict=True)]
    if errors is None:
        return rows
    return [row if error is None else {"error": error} for row, error in zip(rows, errors, strict=True)]


def check_installed() -> None:
    """Raises EngineUnavailable where onnxruntime is not installed."""
    if not _is_installed():
        raise EngineUnavailable(
            "This machine has no onnxruntime, which scores outside of the server: pip install 'fsdb-postgres[onnx]'."
        )


def _is_installed() -> bool:
    return all(importlib.util.find_spec(package) is not None for package in _PACKAGES)


def _read(value: str | None, kind: str) -> Any:
    """A stored input, which is kept as text."""
    if value is None or kind_of(kind) == "text":
        return value
    if base_type(kind) == "boolean":
        return int(value == "true")
    read: Callable[[str], Any] = int if has_no_nan(kind) else float
    return read(value)
