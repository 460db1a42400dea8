"""Functions of one number, by numpy's name, and power transformations."""

import math
from collections.abc import Callable

from fsdb.errors import UnsupportedModel
from fsdb.models.backends.onnx.arithmetic import exp, expm1, log1p, negative, number, truncated
from fsdb.models.backends.onnx.graph import Graph
from fsdb.models.steps import Apply, BoxCox, YeoJohnson

_SMALLEST_LAMBDA = 2.220446049250313e-16  # scipy takes the logarithm below it


def _operator(name: str) -> Callable[[str, Graph], str]:
    return lambda value, graph: graph.node(name, [value])


def _logarithm(base: float) -> Callable[[str, Graph], str]:
    return lambda value, graph: graph.node("Div", [graph.node("Log", [value]), number(math.log(base), graph)])


def _cube_root(value: str, graph: Graph) -> str:
    root = graph.node("Pow", [graph.node("Abs", [value]), number(1 / 3, graph)])
    return graph.node("Mul", [graph.node("Sign", [value]), root])


def _arcsinh(value: str, graph: Graph) -> str:
    """Of the size: log1p(a + a^2 / (1 + sqrt(a^2 + 1))); beyond 1e8 log(2 a)."""
    size = graph.node("Abs", [value])
    one = number(1.0, graph)
    square = graph.node("Mul", [size, size])
    root = graph.node("Add", [one, graph.node("Sqrt", [graph.node("Add", [square, one])])])
    near = log1p(graph.node("Add", [size, graph.node("Div", [square, root])]), graph)
    far = graph.node("Add", [graph.node("Log", [size]), number(math.log(2), graph)])
    large = graph.node("Greater", [size, number(1e8, graph)])
    return graph.node("Mul", [graph.node("Sign", [value]), graph.node("Where", [large, far, near])])


_FUNCTIONS: dict[str, Callable[[str, Graph], str]] = {
    "absolute": _operator("Abs"),
    "negative": _operator("Neg"),
    "sign": _operator("Sign"),
    "floor": _operator("Floor"),
    "ceil": _operator("Ceil"),
    "trunc": truncated,
    "rint": _operator("Round"),
    "sqrt": _operator("Sqrt"),
    "cbrt": _cube_root,
    "square": lambda value, graph: graph.node("Mul", [value, value]),
    "reciprocal": lambda value, graph: graph.node("Div", [number(1.0, graph), value]),
    "exp": exp,
    "expm1": expm1,
    "log": _operator("Log"),
    "log2": _logarithm(2.0),
    "log10": _logarithm(10.0),
    "log1p": log1p,
    "sin": _operator("Sin"),
    "cos": _operator("Cos"),
    "tanh": _operator("Tanh"),
    "arcsinh": _arcsinh,
}


def apply(step: Apply, graph: Graph) -> None:
    """One operator, or a few, for all columns."""
    if step.function not in _FUNCTIONS:
        raise UnsupportedModel(
            f"the function {step.function} has no ONNX form for float64: use runtime 'sql', or leave it out"
        )
    result = _FUNCTIONS[step.function](graph.columns(step.columns), graph)
    graph.add(result, graph.sources(step.columns))


def yeo_johnson(step: YeoJohnson, graph: Graph) -> None:
    """Both halves as expm1 of a factor times log1p."""
    results = []
    for slot, power in zip(step.columns, step.lambdas, strict=True):
        value = graph.columns((slot,))
        upper = graph.node("Max", [value, number(0.0, graph)])
        lower = graph.node("Max", [negative(value, graph), number(0.0, graph)])
        above = _power(log1p(upper, graph), power, graph)
        below = negative(_power(log1p(lower, graph), 2 - power, graph), graph)
        positive = graph.node("GreaterOrEqual", [value, number(0.0, graph)])
        results.append(graph.node("Where", [positive, above, below]))
    graph.add(graph.node("Concat", results, axis=1), graph.sources(step.columns))


def box_cox(step: BoxCox, graph: Graph) -> None:
    """expm1 of a factor times the logarithm; what is not above 0 is refused outside the graph."""
    results = [
        _power(graph.node("Log", [graph.columns((slot,))]), power, graph)
        for slot, power in zip(step.columns, step.lambdas, strict=True)
    ]
    graph.add(graph.node("Concat", results, axis=1), graph.sources(step.columns))


def _power(logarithm: str, power: float, graph: Graph) -> str:
    """expm1(power * log) / power, or where the power is 0 its limit, the logarithm."""
    if abs(power) < _SMALLEST_LAMBDA:
        return logarithm
    exponent = graph.node("Mul", [logarithm, number(power, graph)])
    return graph.node("Div", [expm1(exponent, graph), number(power, graph)])
