"""Scores many rows outside the server, by onnxruntime in this process."""

import importlib.util
import os
from collections import OrderedDict
from collections.abc import Sequence
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from psycopg import Connection

from fsdb.catalog.models import ModelVersion
from fsdb.deployments.bulk.given import as_numpy
from fsdb.deployments.bulk.outcome import Outcome
from fsdb.deployments.runtimes import worker
from fsdb.deployments.scoring import result_types
from fsdb.errors import ParityFailed, UnsupportedModel
from fsdb.exchange.types import arrow_type
from fsdb.models import Program

if TYPE_CHECKING:
    from fsdb.models.backends.onnx import Scorer

_KEPT = 8  # scorers; one of 500 trees takes tens of megabytes
_scorers: "OrderedDict[str, Scorer | None]" = OrderedDict()
_lock = Lock()


def scorer_of(connection: Connection[Any], version: ModelVersion, program: Program) -> "Scorer | None":
    """What runs the program here; None where it has no ONNX form, onnxruntime is not installed, or gives other results than the native predict."""
    if any(importlib.util.find_spec(package) is None for package in ("onnx", "onnxruntime")):
        return None
    with _lock:
        if program.checksum in _scorers:
            _scorers.move_to_end(program.checksum)
            return _scorers[program.checksum]
    scorer = _checked(connection, version, program)
    with _lock:
        _scorers[program.checksum] = scorer
        if len(_scorers) > _KEPT:
            _scorers.popitem(last=False)
    return scorer


def _checked(connection: Connection[Any], version: ModelVersion, program: Program) -> "Scorer | None":
    """A scorer that has passed the parity gate on the version's stored rows."""
    from fsdb.models.backends.onnx import Scorer

    try:
        scorer = Scorer(
            program, threads=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        )
        worker.check(connection, version, program)
    except (UnsupportedModel, ParityFailed):
        return None
    return scorer


def scored(scorer: "Scorer", program: Program, inputs: Sequence[pa.Array]) -> Outcome:
    """The results for the inputs, in the program's order."""
    columns = {given.name: as_numpy(array, given.type) for given, array in zip(program.inputs, inputs, strict=True)}
    outputs = scorer.run(columns)
    errors = pa.array(outputs.get("error") or [None] * len(inputs[0]), pa.string())
    refused = errors.is_valid().to_numpy(zero_copy_only=False) if errors.null_count < len(errors) else None
    found = {name: _array(outputs[name], arrow_type(kind), refused) for name, kind in result_types(program).items()}
    return Outcome(found, errors, "onnx")


def _array(values: Any, kind: pa.DataType, refused: Any) -> pa.Array:
    if not pa.types.is_list(kind):
        return pa.array(values, kind, mask=refused)
    matrix = np.ascontiguousarray(values, dtype=np.float64)
    offsets = np.arange(len(matrix) + 1, dtype=np.int32) * matrix.shape[1]
    mask = None if refused is None else pa.array(refused)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(matrix.reshape(-1)), type=kind, mask=mask)
