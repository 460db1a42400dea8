"""Runtimes: how a deployment computes, and which one a model is deployed in.

Those in the server are scoring functions of schema fsdb_models with the same parameters and results, so that triggers,
replay and the parity gate do not care which of them a release has. The worker scores outside of the server.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from psycopg import Connection

from fsdb.catalog.models import ModelVersion
from fsdb.deployments.objects import Generated, drop_function, scorer_name
from fsdb.deployments.runtimes import onnx, sql, worker
from fsdb.errors import UnsupportedModel
from fsdb.models import Program
from fsdb.models.backends.sql import bulk_name
from fsdb.sql import joined

RUNTIMES = ("sql", "onnx", "worker")  # in the order in which "auto" tries them
IN_SERVER = ("sql", "onnx")
_REFUSALS: dict[str, Callable[[Connection[Any], ModelVersion, Program], str | None]] = {
    "sql": sql.refusal,
    "onnx": onnx.refusal,
    "worker": worker.refusal,
}


@dataclass(frozen=True)
class Choice:
    """A runtime, and why it is that one."""

    runtime: str
    reason: str


def choose(connection: Connection[Any], version: ModelVersion, program: Program, wanted: str) -> Choice:
    """The runtime for a version: the one that is `wanted`, for "auto" the first that can have it.

    Raises UnsupportedModel saying why the wanted runtime, or every one, refuses it.
    """
    if wanted not in ("auto", *RUNTIMES):
        raise UnsupportedModel(f"There is no runtime {wanted!r}: use 'auto' or one of {', '.join(RUNTIMES)}.")
    refused: list[str] = []
    for runtime in RUNTIMES if wanted == "auto" else (wanted,):
        refusal = _REFUSALS[runtime](connection, version, program)
        if refusal is None:
            return Choice(runtime, "asked for" if wanted != "auto" else _reason(runtime, refused))
        refused.append(f"{runtime}: {refusal}")
    raise UnsupportedModel(
        f"Model {version.model} version {version.version} cannot be deployed here. {' '.join(refused)}"
    )


def scorers(connection: Connection[Any], version: ModelVersion, program: Program, runtime: str) -> list[Generated]:
    """The functions by which a version scores in a runtime of the server; the last one is the scoring function."""
    name = scorer_name(version.model, version.version, runtime)
    purpose = f"scores by model {version.model} version {version.version}."
    if runtime == "onnx":
        return [Generated("function", name, joined(onnx.statements(connection, program, name), ";\n"), purpose)]
    *bulk, single = sql.statements(connection, program, name)
    beside = [Generated("function", bulk_name(name), statement, f"{purpose[:-1]}, many rows.") for statement in bulk]
    return [*beside, Generated("function", name, single, purpose)]


def drop_scorers(connection: Connection[Any], model: str, version: int, runtime: str) -> None:
    """Removes the functions by which a version scores in a runtime of the server."""
    name = scorer_name(model, version, runtime)
    drop_function(connection, name)
    if runtime == "onnx":
        onnx.forget(connection, name)
    else:
        drop_function(connection, bulk_name(name))


def _reason(runtime: str, refused: list[str]) -> str:
    first = {
        "sql": "every step of the model has an SQL form, which needs nothing else in the server",
        "onnx": "the server has PL/Python and onnxruntime",
        "worker": "a worker scores outside of the server",
    }[runtime]
    return " ".join([f"{runtime}: {first}.", *(one if one.endswith(".") else f"{one}." for one in refused)])
