"""Base values of two classes, as a tree of their own.

onnxruntime adds the second base value to the trees' sum for the first class where a classifier of two classes has sums for both. CatBoost
exports classifiers that started from the average so.
"""

from typing import Any

from onnx import helper

_SECOND = ("classlabels_int64s", "classlabels_strings")
_LEAF: dict[str, Any] = {
    "nodes_nodeids": 0,
    "nodes_featureids": 0,
    "nodes_modes": b"LEAF",
    "nodes_values": 0.0,
    "nodes_hitrates": 1.0,
    "nodes_missing_value_tracks_true": 0,
    "nodes_truenodeids": 0,
    "nodes_falsenodeids": 0,
}


def moved(model: Any) -> bool:
    """Turns such base values into a tree that is one leaf, in place; whether there were any."""
    found = [node for node in model.graph.node if node.op_type == "TreeEnsembleClassifier" and _is_misread(node)]
    for node in found:
        _move(node)
    return bool(found)


def _is_misread(node: Any) -> bool:
    given = {attribute.name: attribute for attribute in node.attribute}
    labels = [len(helper.get_attribute_value(given[name])) for name in _SECOND if name in given]
    return (
        labels == [2]
        and "base_values" in given
        and len(given["base_values"].floats) == 2
        and set(given["class_ids"].ints) == {0, 1}
        and "nodes_values" in given
        and "class_weights" in given
    )


def _move(node: Any) -> None:
    given = {attribute.name: attribute for attribute in node.attribute}
    tree = max(given["nodes_treeids"].ints) + 1
    first, second = given["base_values"].floats
    added: dict[str, list[Any]] = {
        "nodes_treeids": [tree],
        **{name: [value] for name, value in _LEAF.items()},
        "class_treeids": [tree, tree],
        "class_nodeids": [0, 0],
        "class_ids": [0, 1],
        "class_weights": [first, second],
    }
    for name, values in added.items():
        if name in given:
            former = helper.get_attribute_value(given[name])
            given[name].CopyFrom(helper.make_attribute(name, [*former, *values]))
    node.attribute.remove(given["base_values"])
