"""Files of CatBoost: which of them do not say what CatBoost itself predicts.

Its exporter writes the sums of the trees as they are, whatever the loss makes of them.
"""

import json
from typing import Any

from fsdb.errors import UnsupportedModel

_EXPONENTIALS = frozenset({"Poisson", "Tweedie"})
_LABELS = frozenset({"MultiLogloss", "MultiCrossEntropy"})
_TARGETS = frozenset({"MultiRMSE", "MultiRMSEWithMissingValues", "MultiQuantile", "RMSEWithUncertainty"})


def check(model: Any) -> None:
    """UnsupportedModel: the file is CatBoost's, and gives other numbers than CatBoost."""
    loss = _loss(model)
    trees = [node for node in model.graph.node if node.op_type.startswith("TreeEnsemble")]
    sums = {name for node in trees for name in node.output}
    if loss in _EXPONENTIALS and any(output.name in sums for output in model.graph.output):
        raise UnsupportedModel(
            f"CatBoost's file has the logarithm of what a model with the loss {loss} predicts: append an Exp to the graph"
        )
    if loss == "MultiClassOneVsAll" and any(
        attribute.s == b"SOFTMAX" for node in trees for attribute in node.attribute
    ):
        raise UnsupportedModel(
            "CatBoost's file has a softmax where a model with the loss MultiClassOneVsAll has a logistic function for each class: "
            "fit with MultiClass, or set post_transform of TreeEnsembleClassifier to LOGISTIC"
        )
    if loss in _LABELS:
        raise UnsupportedModel(
            f"CatBoost's file makes one class of the several labels that a model with the loss {loss} gives: fit a model for "
            "each label, with Logloss"
        )
    if loss in _TARGETS:
        raise UnsupportedModel(
            f"CatBoost does not export the several numbers that a model with the loss {loss} gives: fit a model for each"
        )


def _loss(model: Any) -> str | None:
    """The loss that the file says; None of one that is not CatBoost's."""
    if not model.producer_name.startswith("CatBoost"):
        return None
    for entry in model.metadata_props:
        if entry.key == "params":
            try:
                found = json.loads(entry.value)["loss_function"]["type"]
            except (ValueError, KeyError, TypeError):
                return None
            return found if isinstance(found, str) else None
    return None
