"""Scores many rows outside the server, by onnxruntime in this process."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from psycopg import Connection

from fsdb.catalog.models import ModelVersion
from fsdb.deployments.bulk.given import as_numpy
from fsdb.deployments.bulk.kept import Kept
from fsdb.deployments.bulk.outcome import Outcome, result_type
from fsdb.deployments.runtimes import worker
from fsdb.deployments.scoring import result_types
from fsdb.errors import EngineUnavailable, ParityFailed, UnsupportedModel
from fsdb.models import Program
from fsdb.sql import query

if TYPE_CHECKING:
    from fsdb.models.backends.onnx import Scorer

_scorers: "Kept[Scorer | None]" = Kept(8)  # one of 500 trees takes tens of megabytes


def scorer_of(connection: Connection[Any], version: ModelVersion, program: Program) -> "Scorer | None":
    """What runs the program here, once it has passed the parity gate on the version's stored rows.

    None where it has no ONNX form, onnxruntime is not installed, or gives other results than the native predict; and where the user may not
    read the stored rows, which are of real entities: then the server scores.
    """
    try:
        return _scorers.get(version.checksum, lambda: _checked(connection, version, program))
    except _Unchecked:
        return None


def may_check(connection: Connection[Any]) -> bool:
    """Whether the user may read the rows that models are checked on."""
    return connection.execute(query("deployments/bulk", "may_check")).fetchone() == (True,)


class _Unchecked(Exception):
    """The user may not read the rows that models are checked on; the next one may."""


def _checked(connection: Connection[Any], version: ModelVersion, program: Program) -> "Scorer | None":
    if not may_check(connection):
        raise _Unchecked
    try:
        worker.check(connection, version, program)
        return worker.scorer_of(program, threads=_cores())
    except (EngineUnavailable, UnsupportedModel, ParityFailed):
        return None


def _cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def scored(scorer: "Scorer", program: Program, inputs: Sequence[pa.Array]) -> Outcome:
    """The results for the inputs, in the program's order."""
    columns = {given.name: as_numpy(array, given.type) for given, array in zip(program.inputs, inputs, strict=True)}
    outputs = scorer.run(columns)
    errors = pa.array(outputs.get("error") or [None] * len(inputs[0]), pa.string())
    refused = errors.is_valid().to_numpy(zero_copy_only=False) if errors.null_count < len(errors) else None
    found = {name: _array(outputs[name], result_type(kind), refused) for name, kind in result_types(program).items()}
    return Outcome(found, errors, "onnx")


def _array(values: Any, kind: pa.DataType, refused: Any) -> pa.Array:
    if not (pa.types.is_list(kind) and isinstance(values, np.ndarray)):
        return pa.array(values, kind, mask=refused)
    matrix = np.ascontiguousarray(values, dtype=np.float64)
    offsets = np.arange(len(matrix) + 1, dtype=np.int32) * matrix.shape[1]
    mask = None if refused is None else pa.array(refused)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(matrix.reshape(-1)), type=kind, mask=mask)
