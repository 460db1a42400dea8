"""Steps that make a number of one number each."""

import math

import numpy as np

from fsdb.models.backends.onnx.arithmetic import as_number, as_single, missing, negative, number, row, total, truncated
from fsdb.models.backends.onnx.graph import Graph
from fsdb.models.steps import (
    Above,
    Bins,
    Clip,
    ImputeNumber,
    Missing,
    MissingBetween,
    Multiply,
    Piecewise,
    Scale,
    Single,
    WholePart,
)


def impute_number(step: ImputeNumber, graph: Graph) -> None:
    """The fill where it is NaN."""
    value = graph.columns(step.columns)
    filled = graph.node("Where", [missing(value, graph), row(step.fills, graph), value])
    graph.add(filled, graph.sources(step.columns))


def missing_number(step: Missing, graph: Graph) -> None:
    """1 or 0."""
    value = graph.columns(step.columns)
    graph.add(as_number(missing(value, graph), graph), graph.sources(step.columns))


def missing_between(step: MissingBetween, graph: Graph) -> None:
    """NaN inside the range."""
    value = graph.columns(step.columns)
    above = graph.node("GreaterOrEqual", [value, number(step.low, graph)])
    below = graph.node("LessOrEqual", [value, number(step.high, graph)])
    inside = graph.node("And", [above, below])
    graph.add(graph.node("Where", [inside, number(math.nan, graph), value]), graph.sources(step.columns))


def scale(step: Scale, graph: Graph) -> None:
    """(x - shift) / divisor."""
    value = graph.columns(step.columns)
    if any(shift != 0 for shift in step.shifts):
        value = graph.node("Sub", [value, row(step.shifts, graph)])
    graph.add(graph.node("Div", [value, row(step.divisors, graph)]), graph.sources(step.columns))


def multiply(step: Multiply, graph: Graph) -> None:
    """x * factor."""
    value = graph.columns(step.columns)
    graph.add(graph.node("Mul", [value, row(step.factors, graph)]), graph.sources(step.columns))


def whole_part(step: WholePart, graph: Graph) -> None:
    """The fraction is cut, of float32 numbers after rounding."""
    value = graph.columns(step.columns)
    if step.float32:
        value = as_number(as_single(value, graph), graph)
        below = graph.node("Less", [value, number(0.0, graph)])
        cut = graph.node("Where", [below, number(-1.0, graph), graph.node("Floor", [value])])
    else:
        cut = truncated(value, graph)
    graph.add(cut, graph.sources(step.columns))


def single(step: Single, graph: Graph) -> None:
    """To float32 and back."""
    value = graph.columns(step.columns)
    graph.add(as_number(as_single(value, graph), graph), graph.sources(step.columns))


def clip(step: Clip, graph: Graph) -> None:
    """NaN stays NaN."""
    value = graph.columns(step.columns)
    lows, highs = row(step.lows, graph), row(step.highs, graph)
    held = graph.node("Where", [graph.node("Greater", [value, highs]), highs, value])
    graph.add(graph.node("Where", [graph.node("Less", [value, lows]), lows, held]), graph.sources(step.columns))


def above(step: Above, graph: Graph) -> None:
    """1 or 0."""
    value = graph.columns(step.columns)
    found = graph.node("Greater", [value, row(step.thresholds, graph)])
    graph.add(as_number(found, graph), graph.sources(step.columns))


def bins(step: Bins, graph: Graph) -> None:
    """All edges are compared."""
    value = graph.columns((step.column,))
    found = _at_most(value, step.edges, graph)
    kept = graph.node("Where", [missing(value, graph), value, found])
    graph.add(kept, graph.sources((step.column,)))


def piecewise(step: Piecewise, graph: Graph) -> None:
    """The number of knots at most x chooses a start, a slope and a knot; before the first and after the last it is flat."""
    value = graph.columns((step.column,))
    place = graph.node("Cast", [_at_most(value, step.knots, graph)], to=7)
    flat = [True, *[False] * len(step.starts), True]

    def chosen(values: list[float]) -> str:
        return graph.node("Gather", [graph.constant(values), place])

    knot = chosen([math.nan, *step.knots])
    start = chosen([step.below, *step.starts, step.above])
    slope = chosen([0.0, *step.slopes, 0.0])
    rise = graph.node("Mul", [slope, graph.node("Sub", [value, knot])])
    is_flat = graph.node("Gather", [graph.constant(flat, np.bool_), place])
    line = graph.node("Where", [is_flat, start, graph.node("Add", [start, rise])])
    at = graph.node("Equal", [value, knot])
    found = graph.node("Where", [at, chosen([math.nan, *step.at]), line])
    kept = graph.node("Where", [missing(value, graph), value, found])
    graph.add(kept, graph.sources((step.column,)))


def _at_most(value: str, edges: tuple[float, ...], graph: Graph) -> str:
    """How many of the edges are at most a column."""
    if not edges:
        return graph.node("Mul", [as_number(missing(value, graph), graph), negative(number(0.0, graph), graph)])
    graph.wide(2 * len(edges))
    return total(as_number(graph.node("GreaterOrEqual", [value, row(edges, graph)]), graph), graph)
