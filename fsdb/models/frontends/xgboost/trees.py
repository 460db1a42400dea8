"""XGBoost's trees as trees of a program."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from fsdb.errors import UnsupportedModel
from fsdb.models.frontends.xgboost.model import Model
from fsdb.models.steps import Tree

_CATEGORICAL = 1


def trees_of(name: str, model: Model, inplace: bool) -> list[Tree]:
    """The trees with float32 thresholds and leaves; dart's weights are multiplied into the leaves as the library does."""
    result = []
    for number, (tree, group) in enumerate(zip(model.trees, model.groups, strict=True)):
        leaves = np.asarray(tree["split_conditions"], dtype=np.float32)
        if int(tree["tree_param"].get("size_leaf_vector") or 1) > 1:
            raise UnsupportedModel(
                f"{name} has trees of several outputs: fit it with multi_strategy='one_output_per_tree'"
            )
        if model.weights is not None:
            leaves = _dropped(leaves, np.float32(model.weights[number]), np.float32(model.base[group]), inplace)
        result.append(_tree(name, tree, leaves, group))
    return result


def _dropped(leaves: Any, weight: np.float32, base: np.float32, inplace: bool) -> Any:
    """A tree's leaves times its weight. Predictions from plain data are made base and all, from which it is taken again."""
    return ((base + leaves) - base) * weight if inplace else leaves * weight


def _tree(name: str, tree: Mapping[str, Any], leaves: Any, group: int) -> Tree:
    """Nodes in the order in which they are reached. The codes of a categorical split go right in XGBoost, so its sides are
    exchanged; a code that no split names then goes right."""
    sets = _sets(tree)
    thresholds = np.asarray(tree["split_conditions"], dtype=np.float32)
    left, right = tree["left_children"], tree["right_children"]
    order = [0]
    feature, threshold, lefts, rights, missing_left, values = [], [], [], [], [], []
    codes: list[tuple[int, ...]] = []
    for node in order:  # grows while it is read
        if left[node] < 0:
            feature.append(-1)
            threshold.append(0.0)
            lefts.append(0)
            rights.append(0)
            missing_left.append(False)
            values.append((float(leaves[node]),))
            codes.append(())
            continue
        default_left = bool(tree["default_left"][node])
        members = sets.get(node)
        sides = (right[node], left[node]) if members else (left[node], right[node])
        lefts.append(len(order))
        rights.append(len(order) + 1)
        order += sides
        feature.append(int(tree["split_indices"][node]))
        missing_left.append(default_left != bool(members))
        values.append((0.0,))
        codes.append(members or ())
        limit = float(thresholds[node])
        if members is None and not np.isfinite(limit):
            raise UnsupportedModel(f"{name} has a split at {limit}: fit it on finite numbers")
        threshold.append(-1.0 if members else limit)
        if members == ():  # nothing goes to the other side
            threshold[-1] = float(np.finfo(np.float32).max)
    return Tree(
        tuple(feature),
        tuple(threshold),
        tuple(lefts),
        tuple(rights),
        tuple(missing_left),
        tuple(values),
        group,
        tuple(codes) if any(codes) else (),
    )


def _sets(tree: Mapping[str, Any]) -> dict[int, tuple[int, ...]]:
    """The codes of each categorical split, by node."""
    members = tree["categories"]
    return {
        node: tuple(int(code) for code in members[start : start + size])
        for node, start, size in zip(
            tree["categories_nodes"], tree["categories_segments"], tree["categories_sizes"], strict=True
        )
        if tree["split_type"][node] == _CATEGORICAL
    }
