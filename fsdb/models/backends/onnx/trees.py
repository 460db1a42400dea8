"""Tree ensembles as the operator TreeEnsemble of ai.onnx.ml 5.

A tree's leaves add to one output. Where they add to all, the ensemble gives the number of each tree's leaf, and a table has
the leaves' values. The sums are made in the trees' order, the base first, as natively.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from onnx import numpy_helper

from fsdb.models.backends.onnx.arithmetic import as_number, as_single, number, total
from fsdb.models.backends.onnx.graph import ML, Graph
from fsdb.models.steps import SingleTrees, Tree, TreeEnsemble
from fsdb.models.thresholds import as_float64

_LESS_OR_EQUAL, _LESS = 0, 1
_SUM = 1
_NO_TRANSFORM = 0


def tree_ensemble(step: TreeEnsemble, graph: Graph) -> None:
    """One operator where each tree has one output. Float32 sums of float64 comparisons are made outside of it, too."""
    single = isinstance(step, SingleTrees)
    columns = _Columns(step, graph, single and step.float32)
    if all(tree.output is not None for tree in step.trees) and (step.float32 or not single):
        result = _summed(step, columns, graph)
    else:
        result = _looked_up(step, columns, graph, single)
    if single:
        result = as_number(result, graph)
    if step.divisor != 1:
        result = graph.node("Div", [result, number(step.divisor, graph)])
        if single:
            result = as_number(as_single(result, graph), graph)
    graph.add(result, [""] * step.width)


def _summed(step: TreeEnsemble, columns: "_Columns", graph: Graph) -> str:
    """The operator adds the leaves."""
    nodes = _Nodes(columns, step.strict)
    for output, base in enumerate(step.base):
        if base != 0 or not step.trees:
            nodes.constant(base, output)
    for tree in step.trees:
        nodes.add(tree, columns.thresholds(tree), [values[0] for values in tree.values], tree.output or 0)
    return nodes.operator(graph, step.width)


def _looked_up(step: TreeEnsemble, columns: "_Columns", graph: Graph, single: bool) -> str:
    """Which leaf each tree reaches, then the sum of what a table has for them; the base is the first tree."""
    nodes = _Nodes(columns, step.strict)
    nodes.constant(0, 0)
    table: list[tuple[float, ...]] = [step.base]
    for target, tree in enumerate(step.trees, start=1):
        # Every node has a place in the table, so that a place tells node and tree.
        nodes.add(tree, columns.thresholds(tree), list(range(len(table), len(table) + len(tree.feature))), target)
        table += [_spread(values, tree.output, step.width) for values in tree.values]
    leaves = graph.node("Cast", [nodes.operator(graph, len(step.trees) + 1)], to=7)
    found = graph.node("Gather", [graph.constant(table, np.float32 if single else np.float64), leaves])
    graph.wide((len(step.trees) + 1) * (step.width + 2))
    return total(found, graph, 1, 0)


def _spread(values: tuple[float, ...], output: int | None, width: int) -> tuple[float, ...]:
    """A leaf's numbers for all outputs."""
    return values if output is None else tuple(values[0] if place == output else 0.0 for place in range(width))


class _Columns:
    """The tensor that the splits read: the columns, then for each categorical split 0 where it goes left and 1 where right."""

    def __init__(self, step: TreeEnsemble, graph: Graph, single: bool) -> None:
        self.single = single
        self._step = step
        self._sets: dict[tuple[int, tuple[int, ...], bool], int] = {}
        count = len(step.columns)
        by_feature: dict[int, list[tuple[tuple[int, ...], bool]]] = {}
        for feature, codes, left in _categorical(step.trees):
            known = by_feature.setdefault(feature, [])
            if (codes, left) not in known:
                known.append((codes, left))
        parts = [graph.columns(step.columns)] if step.columns else []
        if not parts:
            parts, count = [graph.columns((0,))], 1
        for feature, sets in by_feature.items():
            parts.append(_windows(step.columns[feature], sets, graph))
            for offset, (codes, left) in enumerate(sets):
                self._sets[feature, codes, left] = count + offset
            count += len(sets)
        whole = parts[0] if len(parts) == 1 else graph.node("Concat", parts, axis=1)
        graph.wide(count)
        self.tensor = as_single(whole, graph) if single else whole

    def thresholds(self, tree: Tree) -> tuple[float, ...]:
        """Float32 comparisons of float64 columns have other thresholds; those of float32 columns have their own."""
        if self._step.float32 and not self.single:
            return as_float64(tree.threshold, self._step.strict)
        return tree.threshold

    def split(self, tree: Tree, node: int) -> tuple[int, bool]:
        """The column of a node's split, and whether that is a categorical one."""
        codes = tree.left_codes[node] if tree.left_codes else ()
        feature = tree.feature[node]
        return (self._sets[feature, codes, tree.missing_left[node]], True) if codes else (feature, False)


def _categorical(trees: Iterable[Tree]) -> Iterable[tuple[int, tuple[int, ...], bool]]:
    for tree in trees:
        if tree.left_codes:
            for feature, codes, left in zip(tree.feature, tree.left_codes, tree.missing_left, strict=True):
                if codes:
                    yield feature, codes, left


def _windows(slot: int, sets: Sequence[tuple[tuple[int, ...], bool]], graph: Graph) -> str:
    """A row of a table for missing, then one for each code; codes above the last that any split names go right."""
    last = max(code for codes, _ in sets for code in codes)
    rows = [[0.0 if left else 1.0 for _, left in sets]]
    rows += [[0.0 if code in codes else 1.0 for codes, _ in sets] for code in range(last + 2)]
    value = graph.columns((slot,))
    code = graph.node("Where", [graph.node("IsNaN", [value]), number(-1.0, graph), value])
    held = graph.node("Max", [graph.node("Min", [code, number(float(last + 1), graph)]), number(-1.0, graph)])
    place = graph.node("Cast", [graph.node("Add", [held, number(1.0, graph)])], to=7)
    flat = graph.node("Squeeze", [place, graph.constant([1], np.int64)])
    return graph.node("Gather", [graph.constant(rows), flat], axis=0)


class _Nodes:
    """The operator's parallel arrays."""

    def __init__(self, columns: _Columns, strict: bool) -> None:
        self._columns = columns
        self._mode = _LESS if strict else _LESS_OR_EQUAL
        self._roots: list[int] = []
        self._features: list[int] = []
        self._thresholds: list[float] = []
        self._modes: list[int] = []
        self._missing: list[int] = []
        self._children: tuple[list[int], list[int]] = ([], [])
        self._is_leaf: tuple[list[int], list[int]] = ([], [])
        self._targets: list[int] = []
        self._weights: list[float] = []

    def constant(self, value: float, target: int) -> None:
        """A tree that is a leaf: a split whose sides are the same."""
        self._roots.append(len(self._features))
        self._split(0, 0.0, missing_left=True)
        leaf = self._leaf(value, target)
        for side in (0, 1):
            self._children[side].append(leaf)
            self._is_leaf[side].append(1)

    def add(self, tree: Tree, thresholds: Sequence[float], values: Sequence[float], target: int) -> None:
        """A tree whose leaves have the values of their nodes."""
        if tree.feature[0] < 0:
            self.constant(values[0], target)
            return
        inner = [node for node, feature in enumerate(tree.feature) if feature >= 0]
        places = {node: len(self._features) + place for place, node in enumerate(inner)}
        self._roots.append(places[0])
        for node in inner:
            column, categorical = self._columns.split(tree, node)
            self._split(column, 0.5 if categorical else thresholds[node], missing_left=tree.missing_left[node])
            for side, child in enumerate((tree.left[node], tree.right[node])):
                leaf = tree.feature[child] < 0
                self._children[side].append(self._leaf(values[child], target) if leaf else places[child])
                self._is_leaf[side].append(int(leaf))

    def operator(self, graph: Graph, width: int) -> str:
        """The node of the graph."""
        dtype = np.float32 if self._columns.single else np.float64
        graph.wide(width)
        return graph.node(
            "TreeEnsemble",
            [self._columns.tensor],
            domain=ML,
            n_targets=width,
            aggregate_function=_SUM,
            post_transform=_NO_TRANSFORM,
            tree_roots=self._roots,
            nodes_featureids=self._features,
            nodes_splits=numpy_helper.from_array(np.array(self._thresholds, dtype=dtype)),
            nodes_modes=numpy_helper.from_array(np.array(self._modes, dtype=np.uint8)),
            nodes_missing_value_tracks_true=self._missing,
            nodes_truenodeids=self._children[0],
            nodes_trueleafs=self._is_leaf[0],
            nodes_falsenodeids=self._children[1],
            nodes_falseleafs=self._is_leaf[1],
            leaf_targetids=self._targets,
            leaf_weights=numpy_helper.from_array(np.array(self._weights, dtype=dtype)),
        )

    def _split(self, column: int, threshold: float, missing_left: bool) -> None:
        self._features.append(column)
        self._thresholds.append(threshold)
        self._modes.append(self._mode)
        self._missing.append(int(missing_left))

    def _leaf(self, value: float, target: int) -> int:
        self._targets.append(target)
        self._weights.append(value)
        return len(self._weights) - 1
