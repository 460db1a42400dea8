"""Where a graph that is kept whole takes a missing number."""

from collections.abc import Iterator
from typing import Any

_TAKERS = frozenset(
    {"IsNaN", "Imputer", "LabelEncoder", "TreeEnsemble", "TreeEnsembleClassifier", "TreeEnsembleRegressor"}
)
# NaN goes through these as it came. Others make a number of it: onnxruntime's LSTM does.
_PASSED = frozenset(
    {
        *("Cast", "Concat", "FeatureVectorizer", "Flatten", "Gather", "Identity", "Reshape", "Slice", "Split"),
        *("ArrayFeatureExtractor", "Squeeze", "Transpose", "Unsqueeze"),
        *("Add", "Div", "Mul", "Scaler", "Sub"),
    }
)


def takes_missing(model: Any, name: str) -> bool:
    """Whether an operator for missing numbers reads an input of the graph, perhaps behind ones that hand it on."""
    takers = _TAKERS | {function.name for function in model.functions if _has_taker(function)}
    names = {name}
    for node in model.graph.node:  # a node stands behind those that it reads
        if names.isdisjoint(node.input):
            continue
        if node.op_type in takers or any(_has_taker(inner) for inner in _bodies(node)):
            return True
        if node.op_type in _PASSED:
            names.update(node.output)
    return False


def _has_taker(graph: Any) -> bool:
    return any(node.op_type in _TAKERS or any(map(_has_taker, _bodies(node))) for node in graph.node)


def _bodies(node: Any) -> Iterator[Any]:
    """The graphs inside a node: branches and loops."""
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs
