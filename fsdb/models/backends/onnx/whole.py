"""A program that is one ONNX graph: its own bytes, unchanged."""

import base64
import json
from typing import Any

from fsdb.errors import UnsupportedModel
from fsdb.models.backends.onnx import checks
from fsdb.models.backends.onnx.contained import parsed
from fsdb.models.backends.onnx.description import Compiled, described, output_of, placed
from fsdb.models.program import Program
from fsdb.models.steps import Bounds, Graph

_BATCH = 1024  # rows in one run: the graph's own tensors may be wide


def whole(program: Program) -> Compiled:
    """UnsupportedModel: there are steps beside the graph that it does not allow."""
    *bounds, graph = program.steps
    if not isinstance(graph, Graph) or not all(isinstance(step, Bounds) for step in bounds):
        raise UnsupportedModel(
            "a program with an ONNX graph has no other step but Bounds before it: register the model again"
        )
    _, output = output_of(program.output)
    first = len(program.inputs)
    places = {first + offset: offset for offset in range(graph.width)}
    description: dict[str, Any] = {
        **described(program, placed(output, places)),
        "feeds": [
            {"name": feed.name, "type": feed.type, "columns": list(feed.columns), "rank": feed.rank}
            for feed in graph.feeds
        ],
        "checks": [
            checks.range_check(column, program.inputs[column].name, step)
            for step in bounds
            if isinstance(step, Bounds)
            for column in step.columns
        ],
        "outputs": [name for name in (graph.label, graph.scores) if name is not None],
        "labels": None if graph.labels is None else list(graph.labels),
        "labelled": graph.label is not None,
        "shares": graph.scores is not None,
        "width": graph.width,
        "batch": _BATCH,
    }
    return Compiled(_contained(graph), json.dumps(description))


def _contained(graph: Graph) -> bytes:
    """The bytes of the graph, which were looked at when it was registered, and may come from elsewhere now."""
    try:
        content = base64.b64decode(graph.model, validate=True)
    except ValueError:
        raise UnsupportedModel("the program's ONNX graph is not in base64: register the model again") from None
    parsed(content)
    return content
