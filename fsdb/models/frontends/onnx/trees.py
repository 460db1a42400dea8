"""Tree ensembles of ai.onnx.ml."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fsdb.models.frontends.boosters.size import check_size
from fsdb.models.frontends.onnx.classes import labels_of, softmax_of
from fsdb.models.frontends.onnx.logistic import share_of
from fsdb.models.frontends.onnx.translation import Node, Translation
from fsdb.models.frontends.onnx.values import Label, Tensor, Untranslatable, Value
from fsdb.models.program import Argmax, Threshold
from fsdb.models.steps import Linear, Scale, Single, SingleTrees, Tree, TreeEnsemble

_MODES = ("BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT")


@dataclass
class _Node:
    """A node of the file; a leaf has no mode."""

    feature: int = -1
    limit: float = 0.0
    mode: str = ""
    missing_true: bool = False
    sides: tuple[Any, Any] = (None, None)
    weights: dict[int, float] = field(default_factory=dict)


def tree_regressor(node: Node, translation: Translation) -> Value:
    """TreeEnsembleRegressor: sums or means of leaves."""
    forest = _Forest(node, "target")
    raw = _single(forest.sums(node, int(node.attribute("n_targets", 1)), translation), node, translation)
    match node.attribute("post_transform", "NONE"):
        case "NONE":
            return raw
        case "LOGISTIC":
            return share_of(raw, translation)
    raise Untranslatable(node.operator)


def tree_classifier(node: Node, translation: Translation) -> tuple[Value, Value]:
    """TreeEnsembleClassifier with a score for each class, or of two classes with one score."""
    labels = labels_of(node)
    forest = _Forest(node, "class")
    post = node.attribute("post_transform", "NONE")
    if len(labels) == 2 and len(forest.targets) == 1:
        return _binary(node, forest, labels, post, translation)
    if len(forest.targets) != len(labels):
        raise Untranslatable(node.operator)
    sums = forest.sums(node, len(labels), translation)
    label = Label(Argmax(sums, None), labels)
    raw = _single(sums, node, translation)
    match post:
        case "NONE":
            return label, raw
        case "LOGISTIC":
            return label, share_of(raw, translation)
        case "SOFTMAX":
            return label, softmax_of(raw, translation)
    raise Untranslatable(node.operator)


def tree_ensemble(node: Node, translation: Translation) -> Value:
    """TreeEnsemble of ai.onnx.ml 5."""
    if node.attribute("post_transform", 0) or node.attribute("aggregate_function", 1) not in (0, 1):
        raise Untranslatable(node.operator)
    forest = _Forest5(node)
    count = int(node.attribute("n_targets", 1))
    return Tensor(forest.sums(node, count, translation), node.table().type, (count,))


def _binary(
    node: Node, forest: "_Forest", labels: tuple[Any, ...], post: str, translation: Translation
) -> tuple[Value, Value]:
    """One score: a share of the second class where no leaf is negative, otherwise its log-odds."""
    [score] = forest.sums(node, 2, translation, only=next(iter(forest.targets)))
    positive = all(weight >= 0 for weight in forest.weights)
    if positive and post == "NONE":
        slots = translation.add(Linear((score,), ((-1.0,), (1.0,)), (1.0, 0.0)))
        slots = translation.add(Single(slots))
        above = translation.add(Linear((score,), ((1.0,),), (-0.5,)))[0]
        return Label(Threshold(above, False, None), labels), Tensor(slots, "float", (2,))
    if not positive and post == "LOGISTIC":
        [share] = share_of(_single((score,), node, translation), translation).slots
        both = translation.add(Linear((share,), ((-1.0,), (1.0,)), (1.0, 0.0)))
        return Label(Threshold(score, False, None), labels), Tensor(both, "float", (2,), exact=False)
    raise Untranslatable(node.operator)


def _single(sums: tuple[int, ...], node: Node, translation: Translation) -> Tensor:
    """Sums as the operator gives them, which is float32 for every input."""
    if node.table().type == "double":
        sums = translation.add(Single(sums), sums)
    return Tensor(sums, "float", (len(sums),))


class _Forest:
    """The trees of the first operators, whose nodes are named by a tree and a number. `prefix` names the leaves' attributes."""

    def __init__(self, node: Node, prefix: str) -> None:
        self._operator = node.operator
        tensors = [
            name
            for name in ("nodes_values_as_tensor", f"{prefix}_weights_as_tensor")
            if node.attribute(name) is not None
        ]
        self.double = bool(tensors)
        if node.attribute("base_values_as_tensor") is not None or len(tensors) == 1:
            raise Untranslatable(node.operator)
        limits = _floats(node, "nodes_values", self.double)
        weights = _floats(node, f"{prefix}_weights", self.double)
        self.base = [float(np.float32(value)) for value in node.attribute("base_values") or []]
        self.average = node.attribute("aggregate_function", "SUM") == "AVERAGE"
        if node.attribute("aggregate_function", "SUM") not in ("SUM", "AVERAGE"):
            raise Untranslatable(node.operator)
        trees = node.attribute("nodes_treeids")
        numbers = node.attribute("nodes_nodeids")
        found: dict[tuple[int, int], _Node] = {}
        missing = node.attribute("nodes_missing_value_tracks_true") or [0] * len(trees)
        rows = zip(
            trees,
            numbers,
            node.attribute("nodes_featureids"),
            limits,
            node.attribute("nodes_modes"),
            missing,
            node.attribute("nodes_truenodeids"),
            node.attribute("nodes_falsenodeids"),
            strict=True,
        )
        for tree, number, feature, limit, mode, tracks, true, false in rows:
            name = mode.decode() if isinstance(mode, bytes) else mode
            if name == "LEAF":
                found[tree, number] = _Node()
            else:
                found[tree, number] = _Node(feature, limit, name, bool(tracks), ((tree, true), (tree, false)))
        leaves = zip(
            node.attribute(f"{prefix}_treeids"),
            node.attribute(f"{prefix}_nodeids"),
            node.attribute(f"{prefix}_ids"),
            weights,
            strict=True,
        )
        for tree, number, target, weight in leaves:
            leaf = found[tree, number]
            leaf.weights[target] = leaf.weights.get(target, 0.0) + weight
        self.nodes: Mapping[Any, _Node] = found
        self.roots: list[Any] = [(tree, numbers[trees.index(tree)]) for tree in dict.fromkeys(trees)]
        self.targets = dict.fromkeys(node.attribute(f"{prefix}_ids"))
        self.weights = weights

    def sums(self, node: Node, width: int, translation: Translation, only: int | None = None) -> tuple[int, ...]:
        """A slot for each target, or for `only` one of them, before it is rounded to the operator's type. Thresholds are compared as float32 unless the file has float64 ones."""
        tensor = node.table()
        exact_single = tensor.type == "float" and not tensor.rounded
        if not tensor.exact:
            raise Untranslatable(node.operator)
        double = tensor.type == "double"
        if self.double and not double:
            raise Untranslatable(node.operator)
        targets = [only] if only is not None else list(range(width))
        given = tensor if exact_single else translation.single(tensor)
        trees = tuple(self._tree(root, targets, not double, len(tensor.slots)) for root in self.roots)
        check_size("the ONNX model", trees)
        make = TreeEnsemble if double else SingleTrees  # float64 columns are summed in float64
        base = self._base(len(targets))
        divisor = float(len(trees)) if self.average else 1.0
        slots = translation.add(
            make(given.slots, trees, (0.0,) * len(targets), divisor, float32=not double, strict=False)
        )
        if any(base):
            ones = (1.0,) * len(base)
            slots = translation.add(Scale(slots, tuple(-value for value in base), ones))
        return slots if double else translation.add(Single(slots))

    def _base(self, count: int) -> list[float]:
        if self.base and len(self.base) != count:
            raise Untranslatable(self._operator)
        return self.base

    def _tree(self, root: Any, targets: list[int], single: bool, columns: int) -> Tree:
        """A tree whose nodes go left at most at a limit; other comparisons are turned round or moved to the next number."""
        feature, threshold, left, right, missing_left = [], [], [], [], []
        values: list[tuple[float, ...]] = []
        order = [root]
        for name in order:  # grows while it is read
            node = self.nodes[name]
            if len(order) > 2 * len(self.nodes) + 1:
                raise Untranslatable(self._operator)
            values.append(tuple(node.weights.get(target, 0.0) for target in targets))
            if not node.mode:
                feature.append(-1)
                threshold.append(0.0)
                left.append(0)
                right.append(0)
                missing_left.append(False)
                continue
            if node.mode not in _MODES or not np.isfinite(node.limit) or not 0 <= node.feature < columns:
                raise Untranslatable(self._operator)
            below = node.mode in ("BRANCH_LT", "BRANCH_GTE")
            turned = node.mode in ("BRANCH_GT", "BRANCH_GTE")
            kind = np.float32 if single else np.float64
            limit = float(np.nextafter(kind(node.limit), kind(-np.inf))) if below else node.limit
            feature.append(node.feature)
            threshold.append(limit)
            left.append(len(order))
            right.append(len(order) + 1)
            missing_left.append(node.missing_true != turned)
            order += reversed(node.sides) if turned else node.sides
        output = 0 if len(targets) == 1 else None
        return Tree(
            tuple(feature), tuple(threshold), tuple(left), tuple(right), tuple(missing_left), tuple(values), output
        )


class _Forest5(_Forest):
    """The trees of the operator of ai.onnx.ml 5, whose nodes and leaves are numbered through."""

    def __init__(self, node: Node) -> None:
        self._operator = node.operator
        splits = node.attribute("nodes_splits")
        self.double = splits.dtype == np.float64
        if splits.dtype not in (np.float32, np.float64) or node.attribute("membership_values") is not None:
            raise Untranslatable(node.operator)
        self.base = []
        self.average = node.attribute("aggregate_function", 1) == 0
        modes = node.attribute("nodes_modes").tolist()
        missing = node.attribute("nodes_missing_value_tracks_true") or [0] * len(modes)
        self.weights = node.attribute("leaf_weights").astype(np.float64).tolist()
        nodes: dict[Any, _Node] = {
            ("leaf", place): _Node(weights={target: weight})
            for place, (target, weight) in enumerate(zip(node.attribute("leaf_targetids"), self.weights, strict=True))
        }
        rows = zip(
            node.attribute("nodes_featureids"),
            splits.astype(np.float64).tolist(),
            modes,
            missing,
            node.attribute("nodes_truenodeids"),
            node.attribute("nodes_trueleafs"),
            node.attribute("nodes_falsenodeids"),
            node.attribute("nodes_falseleafs"),
            strict=True,
        )
        for place, (feature, limit, mode, tracks, true, true_leaf, false, false_leaf) in enumerate(rows):
            sides = (("leaf" if true_leaf else "node", true), ("leaf" if false_leaf else "node", false))
            name = _MODES[mode] if mode < len(_MODES) else "BRANCH_OTHER"
            nodes["node", place] = _Node(feature, limit, name, bool(tracks), sides)
        self.nodes = nodes
        self.roots = [("node", root) for root in node.attribute("tree_roots")]
        self.targets = dict.fromkeys(node.attribute("leaf_targetids"))


def _floats(node: Node, name: str, double: bool) -> list[float]:
    """An attribute of numbers: float64 ones are in a tensor."""
    if double:
        found: list[float] = np.asarray(node.attribute(f"{name}_as_tensor"), dtype=np.float64).tolist()
        return found
    single: list[float] = np.asarray(node.attribute(name), dtype=np.float32).astype(np.float64).tolist()
    return single
