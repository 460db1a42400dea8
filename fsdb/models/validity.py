"""Whether a program that was read hangs together: slots that are there, trees that end, lists as long as each other.

Programs come from the catalog, where whoever registers models writes them, and are compiled by others. What is checked here
no compiler needs to look at: none of them runs on, or past an end.
"""

import math
import re
from collections.abc import Callable, Iterator
from typing import Any

from fsdb.models.program import Argmax, Output, Program, Regression, Several, Threshold, decisive
from fsdb.models.steps import (
    Apply,
    Clip,
    Graph,
    ImputeNumber,
    ImputeText,
    Indicators,
    Kernel,
    Layer,
    Linear,
    LookupNumber,
    LookupText,
    Multiply,
    Neighbors,
    Normalize,
    Piecewise,
    Products,
    Scale,
    SingleTrees,
    SquaredDistances,
    Tree,
    TreeEnsemble,
    WeightedMedian,
)
from fsdb.models.steps.numbers import Above, BoxCox, YeoJohnson

MOST_SLOTS = 1_000_000
MOST_STEPS = 100_000
MOST_TEXT = 10_000  # characters of a name, a label or a category
_TYPE = re.compile(r"[a-z]+( [a-z]+){0,3}(\(\d{1,5}(,-?\d{1,5})?\))?(\[\])?")
_AS_LONG: dict[type, tuple[str, ...]] = {
    ImputeNumber: ("columns", "fills"),
    ImputeText: ("columns", "fills"),
    Scale: ("columns", "shifts", "divisors"),
    Multiply: ("columns", "factors"),
    Clip: ("columns", "lows", "highs"),
    Above: ("columns", "thresholds"),
    YeoJohnson: ("columns", "lambdas"),
    BoxCox: ("columns", "lambdas"),
    LookupNumber: ("keys", "values"),
    LookupText: ("keys", "values"),
    Piecewise: ("knots", "at"),
    WeightedMedian: ("columns", "weights"),
    Linear: ("coefficients", "intercepts"),
    Layer: ("weights", "biases"),
    SquaredDistances: ("centers", "divisors"),
    Kernel: ("weights", "intercepts"),
}
_AS_WIDE: dict[type, tuple[tuple[str, str], ...]] = {  # rows of the one are as long as the other
    Linear: (("coefficients", "columns"),),
    Layer: (("weights", "columns"),),
    SquaredDistances: (("centers", "columns"), ("divisors", "columns")),
    Kernel: (("vectors", "columns"), ("weights", "vectors")),
    Neighbors: (("points", "columns"), ("targets", "points")),
}
_WORDS: dict[type, tuple[str, frozenset[str]]] = {
    Normalize: ("norm", frozenset({"l1", "l2", "max"})),
    Layer: ("activation", frozenset({"identity", "relu", "tanh", "logistic"})),
    Kernel: ("kernel", frozenset({"linear", "poly", "sigmoid", "rbf"})),
}


def check(program: Program) -> None:
    """Raises ValueError, which says what does not fit."""
    if len(program.steps) > MOST_STEPS:
        raise ValueError(f"a model program has {len(program.steps):,} steps, and at most {MOST_STEPS:,} are supported")
    slots = len(program.inputs)
    for given in program.inputs:
        _check_text(given.name)
        if not _TYPE.fullmatch(given.type):
            raise ValueError(f"an input of a model program has the type {given.type[:80]!r}")
    if not set(program.none_inputs) <= {given.name for given in program.inputs}:
        raise ValueError("a model program names inputs that it does not have")
    for step in program.steps:
        for column in _columns(step):
            if not 0 <= column < slots:
                raise ValueError(f"the step {type(step).__name__} of a model program reads slot {column} of {slots}")
        _check_step(step)
        slots += step.width
        if slots > MOST_SLOTS:
            raise ValueError(f"a model program has more than {MOST_SLOTS:,} slots")
    for slot in decisive(program.output):
        if not 0 <= slot < slots:
            raise ValueError(f"the output of a model program is slot {slot} of {slots}")
    _check_classes(program, slots)


def _columns(step: Any) -> Iterator[int]:
    if isinstance(step, Graph):
        for feed in step.feeds:
            yield from feed.columns
    elif isinstance(step, Products):
        for factors in step.factors:
            yield from factors
    elif hasattr(step, "columns"):
        yield from step.columns
    else:
        yield step.column


def _check_step(step: Any) -> None:
    kind = type(step)
    _same(kind, *(len(getattr(step, name)) for name in _AS_LONG.get(kind, ())))
    for rows, columns in _AS_WIDE.get(kind, ()):
        wide = len(getattr(step, columns))
        for row in getattr(step, rows):
            _same(kind, len(row), wide)
    if kind in _WORDS:
        name, known = _WORDS[kind]
        if getattr(step, name) not in known:
            raise ValueError(f"the step {kind.__name__} of a model program has {name} {getattr(step, name)[:80]!r}")
    if kind in _OWN:
        _OWN[kind](step)


def _check_indicators(step: Indicators) -> None:
    if not 0 <= step.size <= MOST_SLOTS:
        raise ValueError(f"the step Indicators of a model program has {step.size} slots")


def _check_piecewise(step: Piecewise) -> None:
    _same(Piecewise, len(step.starts), len(step.slopes), max(len(step.knots) - 1, 0))


def _check_keys(step: LookupText) -> None:
    for text in step.keys:
        _check_text(text)


def _check_fills(step: ImputeText) -> None:
    for text in step.fills:
        _check_text(text)


def _check_neighbors(step: Neighbors) -> None:
    if not 1 <= step.count <= len(step.points) or step.power not in (1, 2):
        raise ValueError("the step Neighbors of a model program asks for more points than it has")


def _check_kernel(step: Kernel) -> None:
    if not 0 <= step.degree <= 100:
        raise ValueError(f"the step Kernel of a model program has the degree {step.degree}")


def _check_apply(step: Apply) -> None:
    _check_text(step.function)


def _check_ensemble(step: TreeEnsemble) -> None:
    for tree in step.trees:
        _check_tree(tree, len(step.columns), len(step.base))
    if step.divisor == 0 or not math.isfinite(step.divisor):
        raise ValueError(f"an ensemble of a model program is divided by {step.divisor}")


def _check_graph(step: Graph) -> None:
    for text in (*step.operators, step.label or "", step.scores or "", *(feed.name for feed in step.feeds)):
        _check_text(text)


_OWN: dict[type, Callable[[Any], None]] = {
    Indicators: _check_indicators,
    Piecewise: _check_piecewise,
    LookupText: _check_keys,
    ImputeText: _check_fills,
    Neighbors: _check_neighbors,
    Kernel: _check_kernel,
    Apply: _check_apply,
    TreeEnsemble: _check_ensemble,
    SingleTrees: _check_ensemble,
    Graph: _check_graph,
}


def _check_tree(tree: Tree, columns: int, outputs: int) -> None:
    """Every node but the root has one parent, so that each way down ends at a leaf."""
    count = len(tree.feature)
    _same(Tree, count, len(tree.threshold), len(tree.left), len(tree.right), len(tree.missing_left), len(tree.values))
    if tree.left_codes:
        _same(Tree, count, len(tree.left_codes))
    if not count:
        raise ValueError("a tree of a model program has no node")
    if tree.output is not None and not 0 <= tree.output < outputs:
        raise ValueError(f"a tree of a model program is of output {tree.output} of {outputs}")
    width = 1 if tree.output is not None else outputs
    seen = bytearray(count)
    waiting = [0]
    while waiting:
        node = waiting.pop()
        if not 0 <= node < count or seen[node]:
            raise ValueError("a tree of a model program has a node that is not there, or two ways to one")
        seen[node] = 1
        feature = tree.feature[node]
        if not -1 <= feature < columns:
            raise ValueError(f"a tree of a model program splits by column {feature} of {columns}")
        if feature >= 0:
            waiting += (tree.left[node], tree.right[node])
        elif len(tree.values[node]) != width:
            raise ValueError(f"a leaf of a model program has {len(tree.values[node])} values for {width} outputs")


def _check_classes(program: Program, slots: int) -> None:
    labels = program.classes or ()
    for label in labels:
        if isinstance(label, str):
            _check_text(label)
    if isinstance(program.output, Several):
        targets, counts = program.output.targets, program.output.counts
        if not targets or len(targets) > slots:
            raise ValueError("a model program has no target")
        if all(isinstance(one, Regression) for one in targets):
            _same(Program, len(counts), 0)
            _same(Program, len(labels), 0)
            return
        _same(Program, len(counts), len(targets))
        _same(Program, sum(counts), len(labels))
        for one, count in zip(targets, counts, strict=True):
            _same(Program, _classes(one), count)
        return
    _same(Program, _classes(program.output), len(labels))


def _classes(output: Output) -> int:
    match output:
        case Threshold():
            return 2
        case Argmax(scores=scores, probabilities=shares):
            if shares is not None:
                _same(Argmax, len(scores), len(shares))
            return len(scores)
        case _:
            return 0


def _same(kind: type, *lengths: int) -> None:
    if len(set(lengths)) > 1:
        raise ValueError(
            f"{kind.__name__} of a model program has lists of different lengths ({', '.join(map(str, lengths))})"
        )


def _check_text(text: str) -> None:
    if len(text) > MOST_TEXT or "\0" in text or (not text.isascii() and text.encode(errors="replace").decode() != text):
        raise ValueError(f"a model program has a text that cannot be kept ({len(text):,} characters)")
