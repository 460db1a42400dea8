"""Sums of products: linear models, layers, polynomials, distances, kernels."""

import numpy as np

from fsdb.errors import UnsupportedModel
from fsdb.models.backends.onnx.arithmetic import exp, logistic, number, row, total
from fsdb.models.backends.onnx.graph import Graph
from fsdb.models.steps import Kernel, Layer, Linear, Products, SquaredDistances

_MOST_GROUPS = 64  # outputs of a float32 product that is followed digit by digit


def linear(step: Linear, graph: Graph) -> None:
    """A Gemm for all outputs that have the same columns: what an output has no coefficient for may be infinite, and 0 times that is no number."""
    groups: dict[tuple[int, ...], list[int]] = {}
    for output, coefficients in enumerate(step.coefficients):
        groups.setdefault(tuple(np.flatnonzero(coefficients).tolist()), []).append(output)
    if len(groups) > _MOST_GROUPS:
        groups = {tuple(range(len(step.columns))): list(range(step.width))}
    parts = [
        _gemm(
            tuple(step.columns[place] for place in places),
            tuple(tuple(step.coefficients[output][place] for place in places) for output in outputs),
            tuple(step.intercepts[output] for output in outputs),
            graph,
        )
        for places, outputs in groups.items()
    ]
    result = parts[0]
    if len(parts) > 1:
        order = np.argsort([output for outputs in groups.values() for output in outputs]).tolist()
        joined = graph.node("Concat", parts, axis=1)
        result = graph.node("Gather", [joined, graph.constant(order, np.int64)], axis=1)
    graph.add(result, [""] * step.width)


def layer(step: Layer, graph: Graph) -> None:
    """Gemm and the activation."""
    value = _gemm(step.columns, step.weights, step.biases, graph)
    match step.activation:
        case "identity":
            pass
        case "relu":
            value = graph.node("Relu", [value])
        case "tanh":
            value = graph.node("Tanh", [value])
        case "logistic":
            value = logistic(value, graph)
        case _:
            raise UnsupportedModel(f"the activation {step.activation!r} of a layer has no ONNX form")
    graph.add(value, [""] * step.width)


def products(step: Products, graph: Graph) -> None:
    """Factor after factor for all outputs at once; an output with fewer factors goes on with 1."""
    longest = max(map(len, step.factors), default=0)
    involved = tuple(sorted({slot for factors in step.factors for slot in factors})) or (0,)
    columns = graph.columns(involved)
    first = graph.columns(involved[:1])
    # x^0 is 1, also of NaN
    ones = graph.node("Pow", [first, number(0.0, graph)])
    every = graph.node("Concat", [columns, ones], axis=1)
    places = {slot: place for place, slot in enumerate(involved)}
    result = ""
    for depth in range(max(1, longest)):
        chosen = [places[factors[depth]] if depth < len(factors) else len(involved) for factors in step.factors]
        part = graph.node("Gather", [every, graph.constant(chosen, np.int64)], axis=1)
        result = graph.node("Mul", [result, part]) if result else part
    names = [graph.column(factors[0]).source if factors else "" for factors in step.factors]
    graph.add(result, names)


def squared_distances(step: SquaredDistances, graph: Graph) -> None:
    """Differences to all centers at once."""
    squares = _squares(step.columns, step.centers, graph)
    graph.add(total(graph.node("Div", [squares, graph.constant([step.divisors])]), graph, 2, 0), [""] * step.width)


def kernel(step: Kernel, graph: Graph) -> None:
    """The kernel of the row and each vector, then one Gemm."""
    count = len(step.vectors)
    if step.kernel == "rbf":
        distances = total(_squares(step.columns, step.vectors, graph), graph, 2, 0)
        value = exp(graph.node("Mul", [distances, number(-step.gamma, graph)]), graph)
    else:
        value = _gemm(step.columns, step.vectors, (0.0,) * count, graph)
        if step.kernel in ("poly", "sigmoid"):
            scaled = graph.node("Mul", [value, number(step.gamma, graph)])
            value = graph.node("Add", [scaled, number(step.coef0, graph)])
        if step.kernel == "poly":
            value = graph.node("Pow", [value, number(float(step.degree), graph)])
        elif step.kernel == "sigmoid":
            value = graph.node("Tanh", [value])
    weights = graph.constant(np.array(step.weights).reshape(step.width, count).T)
    graph.wide(count)
    graph.add(graph.node("Gemm", [value, weights, row(step.intercepts, graph)]), [""] * step.width)


def _gemm(
    columns: tuple[int, ...], weights: tuple[tuple[float, ...], ...], intercepts: tuple[float, ...], graph: Graph
) -> str:
    if not columns:
        ones = graph.node("Pow", [graph.columns((0,)), number(0.0, graph)])
        return graph.node("Mul", [ones, row(intercepts, graph)])
    matrix = graph.constant(np.array(weights, dtype=np.float64).reshape(len(intercepts), len(columns)).T)
    return graph.node("Gemm", [graph.columns(columns), matrix, row(intercepts, graph)])


def _squares(columns: tuple[int, ...], centers: tuple[tuple[float, ...], ...], graph: Graph) -> str:
    """(x - center)^2, of shape (rows, centers, columns)."""
    graph.wide(2 * len(centers) * len(columns))
    spread = graph.node("Unsqueeze", [graph.columns(columns), graph.constant([1], np.int64)])
    difference = graph.node("Sub", [spread, graph.constant([centers])])
    return graph.node("Mul", [difference, difference])
