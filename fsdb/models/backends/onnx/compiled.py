"""A program as ONNX bytes and the description that running.py needs beside them."""

import json
from collections.abc import Callable
from typing import Any

from fsdb.errors import UnsupportedModel
from fsdb.models import steps
from fsdb.models.backends.onnx import checks, encoders, functions, linear, links, numbers, trees
from fsdb.models.backends.onnx.description import Compiled, described, output_of, placed
from fsdb.models.backends.onnx.graph import Column, Graph
from fsdb.models.backends.onnx.sources import Sources
from fsdb.models.backends.onnx.whole import whole
from fsdb.models.program import Program, fitting
from fsdb.models.steps import (
    Above,
    Apply,
    Bins,
    Bounds,
    BoxCox,
    Clip,
    Exponential,
    ImputeNumber,
    ImputeText,
    Indicators,
    Kernel,
    Largest,
    Layer,
    Linear,
    Logistic,
    LookupNumber,
    LookupText,
    Missing,
    MissingBetween,
    Multiply,
    Normalize,
    Piecewise,
    Products,
    Scale,
    Shares,
    Single,
    SingleTrees,
    Softmax,
    SoftmaxSingle,
    SquaredDistances,
    TreeEnsemble,
    WeightedMedian,
    WholePart,
    YeoJohnson,
)

_EMITTERS: dict[type, Callable[[Any, Graph], None]] = {
    ImputeNumber: numbers.impute_number,
    Missing: numbers.missing_number,
    MissingBetween: numbers.missing_between,
    Scale: numbers.scale,
    Multiply: numbers.multiply,
    WholePart: numbers.whole_part,
    Single: numbers.single,
    Clip: numbers.clip,
    Above: numbers.above,
    Bins: numbers.bins,
    Piecewise: numbers.piecewise,
    LookupNumber: encoders.lookup,
    Indicators: encoders.indicators,
    Linear: linear.linear,
    Layer: linear.layer,
    Products: linear.products,
    SquaredDistances: linear.squared_distances,
    Kernel: linear.kernel,
    TreeEnsemble: trees.tree_ensemble,
    SingleTrees: trees.tree_ensemble,
    Logistic: links.logistic_link,
    Exponential: links.exponential,
    Softmax: links.softmax,
    SoftmaxSingle: links.softmax_single,
    Normalize: links.normalize,
    Shares: links.shares,
    Largest: links.largest,
    WeightedMedian: links.weighted_median,
    Apply: functions.apply,
    YeoJohnson: functions.yeo_johnson,
    BoxCox: functions.box_cox,
}


def compiled(program: Program) -> Compiled:
    """UnsupportedModel names a step that has no ONNX form."""
    if any(isinstance(step, steps.Graph) for step in program.steps):
        return whole(program)
    with fitting():
        return _stepwise(program)


def _stepwise(program: Program) -> Compiled:
    graph = Graph()
    sources = Sources(program)
    graph.widths["x"] = len(sources.columns)
    before: list[dict[str, Any]] = []
    later: list[tuple[int, Callable[[int], dict[str, Any]]]] = []

    def check(slot: int, make: Callable[[int], dict[str, Any]]) -> None:
        """A check of an input is made on `x`, any other on what the graph gives."""
        column = graph.column(slot)
        if column.tensor == "x":
            before.append(make(column.place))
        else:
            later.append((slot, make))

    def place(first: int, count: int) -> None:
        for slot in range(first, first + count):
            known = sources.places.get(slot)
            graph.slots.append(None if known is None else Column("x", known, sources.source(slot)))

    place(0, len(program.inputs))
    for step in program.steps:
        slot = len(graph.slots)
        match step:
            case Bounds():
                for at in step.columns:
                    check(at, _bounds(graph.column(at).source, step))
                continue
            case ImputeText() | LookupText():
                place(slot, step.width)
                continue
            case Missing() if any(column in sources.texts for column in step.columns):
                if not all(column in sources.texts for column in step.columns):
                    raise UnsupportedModel(
                        "a step Missing of texts and numbers together has no ONNX form: use runtime 'sql'"
                    )
                place(slot, step.width)
                continue
            case BoxCox():
                for at in step.columns:
                    check(at, _positive(graph.column(at).source))
            case LookupNumber() if step.missing is None or step.unknown is None:
                check(step.column, _known(graph.column(step.column).source, step))
            case _:
                pass
        if type(step) not in _EMITTERS:
            raise UnsupportedModel(f"the step {type(step).__name__} has no ONNX form: use runtime 'sql'")
        if step.width:
            _EMITTERS[type(step)](step, graph)
    slots, output = output_of(program.output)
    every = list(dict.fromkeys([*slots, *(slot for slot, _ in later)])) or [0]
    places = {slot: at for at, slot in enumerate(every)}
    description = {
        **described(program, placed(output, places)),
        "columns": sources.columns,
        "checks": before,
        "later": [make(places[slot]) for slot, make in later],
        "outputs": ["y"],
        "width": len(every),
    }
    result = graph.columns(every)
    model = graph.to_bytes([("x", len(sources.columns))], result, len(every))
    return Compiled(model, json.dumps({**description, "batch": graph.batch}))


def _bounds(source: str, step: Bounds) -> Callable[[int], dict[str, Any]]:
    return lambda column: checks.range_check(column, source, step)


def _positive(source: str) -> Callable[[int], dict[str, Any]]:
    return lambda column: checks.positive_check(column, source)


def _known(source: str, step: LookupNumber) -> Callable[[int], dict[str, Any]]:
    return lambda column: checks.known_check(column, source, step)
