"""Functions of numbers that several steps share, made of ONNX operators."""

import numpy as np
from onnx import TensorProto

from fsdb.models.backends.onnx.graph import Graph

_SMALL = 1e-5  # below it three terms of the series are exact


def number(value: float, graph: Graph) -> str:
    """A constant that fits any shape."""
    return graph.constant(value)


def row(values: tuple[float, ...], graph: Graph) -> str:
    """A constant for each column."""
    return graph.constant([values])


def as_number(condition: str, graph: Graph) -> str:
    """1 where true, otherwise 0."""
    return graph.node("Cast", [condition], to=TensorProto.DOUBLE)


def as_single(value: str, graph: Graph) -> str:
    """Float32."""
    return graph.node("Cast", [value], to=TensorProto.FLOAT)


def missing(value: str, graph: Graph) -> str:
    """Where a value is missing."""
    return graph.node("IsNaN", [value])


def negative(value: str, graph: Graph) -> str:
    """The opposite."""
    return graph.node("Neg", [value])


def truncated(value: str, graph: Graph) -> str:
    """The next whole number towards 0."""
    below = graph.node("Less", [value, number(0.0, graph)])
    return graph.node("Where", [below, graph.node("Ceil", [value]), graph.node("Floor", [value])])


def total(value: str, graph: Graph, axis: int = 1, keep: int = 1) -> str:
    """The sum over an axis."""
    return graph.node("ReduceSum", [value, graph.constant([axis], np.int64)], keepdims=keep)


def greatest(value: str, graph: Graph) -> str:
    """The largest of each row."""
    return graph.node("ReduceMax", [value, graph.constant([1], np.int64)], keepdims=1)


def exp(value: str, graph: Graph) -> str:
    """The exponential; infinite and 0 beyond the range of float64."""
    return graph.node("Exp", [value])


def expm1(value: str, graph: Graph) -> str:
    """exp(x) - 1 without a loss of digits near 0: tanh(x / 2) (exp(x) + 1)."""
    half = graph.node("Tanh", [graph.node("Div", [value, number(2.0, graph)])])
    found = graph.node("Mul", [half, graph.node("Add", [exp(value, graph), number(1.0, graph)])])
    square = graph.node("Mul", [value, value])
    series = graph.node(
        "Add",
        [
            graph.node("Add", [value, graph.node("Div", [square, number(2.0, graph)])]),
            graph.node("Div", [graph.node("Mul", [square, value]), number(6.0, graph)]),
        ],
    )
    near = graph.node("Less", [graph.node("Abs", [value]), number(_SMALL, graph)])
    return graph.node("Where", [near, series, found])


def log1p(value: str, graph: Graph) -> str:
    """log(1 + x) without a loss of digits near 0."""
    square = graph.node("Mul", [value, value])
    series = graph.node(
        "Add",
        [
            graph.node("Sub", [value, graph.node("Div", [square, number(2.0, graph)])]),
            graph.node("Div", [graph.node("Mul", [square, value]), number(3.0, graph)]),
        ],
    )
    near = graph.node("Less", [graph.node("Abs", [value]), number(_SMALL, graph)])
    found = graph.node("Log", [graph.node("Add", [value, number(1.0, graph)])])
    return graph.node("Where", [near, series, found])


def logistic(value: str, graph: Graph) -> str:
    """1 / (1 + exp(-x))."""
    terms = graph.node("Add", [exp(negative(value, graph), graph), number(1.0, graph)])
    return graph.node("Div", [number(1.0, graph), terms])
