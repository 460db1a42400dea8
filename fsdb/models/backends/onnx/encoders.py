"""Numbers that are looked up, and indicators."""

import math

import numpy as np
from onnx import numpy_helper

from fsdb.models.backends.onnx.arithmetic import as_number, missing, number
from fsdb.models.backends.onnx.graph import ML, Graph
from fsdb.models.steps import Indicators, LookupNumber


def lookup(step: LookupNumber, graph: Graph) -> None:
    """A LabelEncoder; what is refused is checked outside the graph."""
    value = graph.columns((step.column,))
    table = dict(zip(reversed(step.keys), reversed(step.values), strict=True))
    unknown = math.nan if step.unknown is None else step.unknown
    if table:
        # -0 equals 0, but a hash may tell them apart
        found = graph.node(
            "LabelEncoder",
            [graph.node("Add", [value, number(0.0, graph)])],
            domain=ML,
            keys_tensor=numpy_helper.from_array(np.array([key + 0.0 for key in table], dtype=np.float64)),
            values_tensor=numpy_helper.from_array(np.array(list(table.values()), dtype=np.float64)),
            default_tensor=numpy_helper.from_array(np.array([unknown], dtype=np.float64)),
        )
    else:
        found = graph.node("Where", [missing(value, graph), value, number(unknown, graph)])
    absent = number(math.nan if step.missing is None else step.missing, graph)
    graph.add(graph.node("Where", [missing(value, graph), absent, found]), graph.sources((step.column,)))


def indicators(step: Indicators, graph: Graph) -> None:
    """The column is compared with each number."""
    value = graph.columns((step.column,))
    equal = graph.node("Equal", [value, graph.constant([list(range(step.size))], np.float64)])
    graph.add(as_number(equal, graph), graph.sources((step.column,)) * step.size)
