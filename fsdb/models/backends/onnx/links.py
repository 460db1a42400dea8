"""From scores to what is predicted, and what depends on all columns of a row."""

import numpy as np

from fsdb.models.backends.onnx.arithmetic import as_number, as_single, exp, greatest, logistic, number, total
from fsdb.models.backends.onnx.graph import Graph
from fsdb.models.steps import (
    Exponential,
    Largest,
    Logistic,
    Normalize,
    Shares,
    Softmax,
    SoftmaxSingle,
    WeightedMedian,
)


def logistic_link(step: Logistic, graph: Graph) -> None:
    """1 / (1 + exp(-factor x))."""
    value = graph.columns((step.column,))
    if step.factor != 1:
        value = graph.node("Mul", [value, number(step.factor, graph)])
    graph.add(logistic(value, graph), [""])


def exponential(step: Exponential, graph: Graph) -> None:
    """exp(x)."""
    graph.add(exp(graph.columns((step.column,)), graph), [""])


def softmax(step: Softmax, graph: Graph) -> None:
    """In float64."""
    graph.add(graph.node("Softmax", [graph.columns(step.columns)], axis=1), [""] * step.width)


def softmax_single(step: SoftmaxSingle, graph: Graph) -> None:
    """In float32."""
    shares = graph.node("Softmax", [as_single(graph.columns(step.columns), graph)], axis=1)
    graph.add(as_number(shares, graph), [""] * step.width)


def normalize(step: Normalize, graph: Graph) -> None:
    """By the norm, where it is large enough."""
    value = graph.columns(step.columns)
    if step.norm == "l2":
        norm = graph.node("Sqrt", [total(graph.node("Mul", [value, value]), graph)])
    else:
        sizes = graph.node("Abs", [value])
        norm = greatest(sizes, graph) if step.norm == "max" else total(sizes, graph)
    small = graph.node("Less", [norm, number(step.smallest, graph)])
    result = graph.node("Where", [small, value, graph.node("Div", [value, norm])])
    graph.add(result, graph.sources(step.columns))


def shares(step: Shares, graph: Graph) -> None:
    """By the sum, where it is not 0."""
    value = graph.columns(step.columns)
    whole = total(value, graph)
    nothing = graph.node("Equal", [whole, number(0.0, graph)])
    otherwise = number(1 / len(step.columns) if step.uniform else 0.0, graph)
    graph.add(graph.node("Where", [nothing, otherwise, graph.node("Div", [value, whole])]), [""] * step.width)


def largest(step: Largest, graph: Graph) -> None:
    """The first of several."""
    place = graph.node("ArgMax", [graph.columns(step.columns)], axis=1, keepdims=1)
    graph.add(as_number(place, graph), [""])


def weighted_median(step: WeightedMedian, graph: Graph) -> None:
    """Each column's weight is the sum of the weights of the columns that are at most it; the least of those that reach half."""
    count = len(step.columns)
    graph.wide(2 * count * count)
    value = graph.columns(step.columns)
    one = graph.node("Unsqueeze", [value, graph.constant([2], np.int64)])
    other = graph.node("Unsqueeze", [value, graph.constant([1], np.int64)])
    at_most = as_number(graph.node("GreaterOrEqual", [one, other]), graph)
    reached = graph.node("MatMul", [at_most, graph.constant(step.weights)])
    half = number(0.5 * sum(step.weights), graph)
    enough = graph.node("GreaterOrEqual", [reached, half])
    found = graph.node("Where", [enough, value, number(float("inf"), graph)])
    graph.add(graph.node("ReduceMin", [found, graph.constant([1], np.int64)], keepdims=1), [""])
