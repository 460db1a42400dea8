"""Runs a compiled model program with onnxruntime, where fsdb itself is not there.

The source of this module, with inputs.py and outputs.py before it, is what the database server runs: it needs the standard library, numpy
and onnxruntime alone. A model is two things: the ONNX bytes and a description in JSON, which tells how values become tensors and numbers
become a prediction (see description.py, which writes it).
"""

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import onnxruntime

from fsdb.models.backends.onnx.inputs import NAN, Matrix, RowRefused, Tensors, check_of
from fsdb.models.backends.onnx.outputs import collector, decoded, decoder

__all__ = ["RowRefused", "Runner", "session"]

_STATE = onnxruntime.capi.onnxruntime_pybind11_state
_ERRORS = (_STATE.InvalidArgument, _STATE.Fail, _STATE.RuntimeException)


class Runner:
    """A model that is ready to score: `row` for one row, `rows` for many. It may be used by several threads."""

    def __init__(self, model: bytes, description: str, threads: int = 1) -> None:
        """`threads`: how many a call with many rows may use; a single row always uses one."""
        self.description = json.loads(description)
        self._threads = threads
        self._run = session(model).run
        given = self.description
        self.inputs: list[str] = [entry["name"] for entry in given["inputs"]]
        self._feed = Tensors(given, self.inputs) if "feeds" in given else Matrix(given)
        self._later = [check_of(entry) for entry in given.get("later", ())]
        self._decode = decoder(given)
        self._names: list[str] | None = given["outputs"]
        self._collect = collector(given)

    def row(self, values: Sequence[Any]) -> tuple[Any, ...]:
        """`prediction`, and as the model has them `probability` and `probabilities`, for the inputs of a row in order.

        RowRefused: the model does not take the row.
        """
        try:
            result = self._collect(self._run(self._names, self._feed.row(values)))
        except _ERRORS as error:
            raise RowRefused(self._refusal(error)) from None
        numbers: list[float] = result[0].tolist()
        for check in self._later:
            check.row(numbers)
        return self._decode(numbers)

    def rows(self, columns: Sequence[Sequence[Any]]) -> dict[str, Any]:
        """The same for columns of equal length, one for each input in order: arrays and lists by name.

        `prediction` is a float64 array, or a list of labels; `probability` an array; `probabilities` an array of a row for
        each row. Where rows are refused there is also `error`, a list of texts, None for a row that is not; the other
        entries mean nothing for these (NaN, None).
        """
        count = len(columns[0]) if columns else 0
        errors: list[str | None] = [None] * count
        feed = self._feed.rows(columns, errors)
        step = self.description["batch"]
        if count == 1 or count % step == 1:
            feed = {name: np.concatenate([value, value[-1:]]) for name, value in feed.items()}
        # The row that was added goes with the last part, never alone.
        starts = range(0, max(count - 1, 1) if count else 0, step)

        def part(start: int) -> Any:
            end = None if start == starts[-1] else start + step
            return self._part({name: value[start:end] for name, value in feed.items()}, start, errors)

        # Threads of onnxruntime's own would add up the trees of a row in another order than one does.
        if self._threads > 1 and len(starts) > 1:
            with ThreadPoolExecutor(self._threads) as pool:
                parts = list(pool.map(part, starts))
        else:
            parts = [part(start) for start in starts]
        numbers = np.concatenate(parts)[:count] if parts else np.zeros((0, self.description["width"]))
        for check in self._later:
            check.rows(numbers, errors)
        outputs = decoded(numbers, self.description, errors)
        if any(error is not None for error in errors):
            outputs["error"] = errors
        return outputs

    def _part(self, feed: dict[str, Any], start: int, errors: list[str | None]) -> Any:
        """The numbers of some rows. Where onnxruntime does not take one, they are halved until that one stands alone."""
        count = len(next(iter(feed.values())))
        given = {name: np.concatenate([value, value]) for name, value in feed.items()} if count == 1 else feed
        try:
            return self._collect(self._run(self._names, given))[:count]
        except _ERRORS as error:
            refusal = self._refusal(error)
        if count == 1:
            if start < len(errors):  # the row that was added is not counted
                errors[start] = errors[start] or refusal
            return np.full((1, self.description["width"]), NAN)
        middle = count // 2
        halves = [
            {name: value[place] for name, value in feed.items()} for place in (slice(middle), slice(middle, None))
        ]
        parts = [self._part(halves[0], start, errors), self._part(halves[1], start + middle, errors)]
        return np.concatenate(parts)

    def _refusal(self, error: Exception) -> str:
        """What onnxruntime says against a row: a code for which a whole graph has no entry, as an embedding. Any other error is raised."""
        text = str(error)
        if "feeds" not in self.description or "alloc" in text:
            raise error
        said = text.partition("\n")[0].rpartition("Status Message: ")[2].strip()[:300]
        return f"fsdb: onnxruntime does not take this row ({said}); correct the inputs"


def session(model: bytes, severity: int = 3) -> Any:
    """An onnxruntime session of one thread. The bytes were looked at before: see contained.py. severity: from which messages are logged."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = severity
    # Bytes may be both, a model of ONNX that was looked at and one of onnxruntime's own format that was not.
    options.add_session_config_entry("session.load_model_format", "ONNX")
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
