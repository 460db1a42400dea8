"""What an XGBoost model says of itself: its JSON, read into plain arrays."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import xgboost

from fsdb.errors import UnsupportedModel

_LEAF = {
    "base_weights": [0.0],
    "categories": [],
    "categories_nodes": [],
    "categories_segments": [],
    "categories_sizes": [],
    "default_left": [0],
    "left_children": [-1],
    "loss_changes": [0.0],
    "parents": [2147483647],
    "right_children": [-1],
    "split_conditions": [0.0],
    "split_indices": [0],
    "split_type": [0],
    "sum_hessian": [1.0],
}

# The types of numbers in XGBoost's files of binary JSON, by which it also marks those of categories.
_TYPES = {9: "int8", 10: "uint8", 11: "int16", 13: "int32", 15: "int64"}


@dataclass(frozen=True)
class Model:
    """A fitted gbtree or dart booster.

    `groups` tells for each tree which of the outputs it adds to, `weights` what dart multiplies it by. `base` is the margin
    before the first tree, one for each output. `categories` has for each column the values of its codes, where the model
    keeps them, `category_types` their dtype; `categorical` tells which columns are codes.
    """

    trees: Sequence[dict[str, Any]]
    groups: Sequence[int]
    weights: Sequence[float] | None
    base: Sequence[float]
    objective: str
    names: Sequence[str] | None
    categorical: Sequence[bool]
    categories: Sequence[tuple[Any, ...] | None]
    category_types: Sequence[str | None]

    def category_indexes(self) -> list[Any]:
        """For each column the categories as a pandas index of the type of the fit, which a frame must have; None for the others."""
        if not any(values is not None for values in self.categories):
            return [None] * len(self.categories)
        import pandas

        return [
            None if values is None else pandas.Index(values, dtype=dtype)
            for values, dtype in zip(self.categories, self.category_types, strict=True)
        ]


def read(name: str, booster: xgboost.Booster, rounds: int | None) -> Model:
    """The first `rounds` of a booster, all for None. UnsupportedModel: linear boosters, several targets."""
    try:
        content = json.loads(bytes(booster.save_raw("json")))
    except (xgboost.core.XGBoostError, ValueError) as error:  # as of version 3.2 with categories of unsigned numbers
        raise UnsupportedModel(
            f"{name} cannot be read, since XGBoost itself cannot write it as JSON: make the categories of its frame int64 or texts "
            "before the fit"
        ) from error
    learner = content["learner"]
    boosting = learner["gradient_booster"]
    if boosting["name"] not in ("gbtree", "dart"):
        raise UnsupportedModel(
            f"{name} has the booster {boosting['name']!r}: fit it with 'gbtree' or 'dart', or use a linear model of scikit-learn"
        )
    targets = int(learner["learner_model_param"].get("num_target", 1))
    if targets > 1:
        raise UnsupportedModel(f"{name} was fitted with {targets} targets or quantiles, where one is supported")
    weights = boosting.get("weight_drop")
    kept = boosting.get("gbtree", boosting)["model"]
    last = len(kept["trees"]) if rounds is None else int(kept["iteration_indptr"][rounds])
    count = int(learner["learner_model_param"]["num_feature"])
    types = learner.get("feature_types") or [""] * count
    return Model(
        kept["trees"][:last],
        kept["tree_info"][:last],
        None if weights is None else weights[:last],
        _base(content, count),
        learner["objective"]["name"],
        learner.get("feature_names") or None,
        [kind == "c" for kind in types],
        _categories(name, kept, count),
        [_TYPES.get(column.get("type")) for column in kept.get("cats", {}).get("enc") or [{}] * count],
    )


def _base(content: dict[str, Any], columns: int) -> list[float]:
    """The margin of a model of one tree that is a leaf of 0: what the library itself makes of base_score."""
    learner = content["learner"]
    boosting = learner["gradient_booster"]
    kept = boosting.get("gbtree", boosting)["model"]
    outputs = max(int(learner["learner_model_param"]["num_class"]), 1)
    param = {"num_deleted": "0", "num_feature": str(columns), "num_nodes": "1", "size_leaf_vector": "1"}
    model = {
        **kept,
        "gbtree_model_param": {**kept["gbtree_model_param"], "num_trees": str(outputs), "num_parallel_tree": "1"},
        "trees": [{**_LEAF, "id": number, "tree_param": param} for number in range(outputs)],
        "tree_info": list(range(outputs)),
        "iteration_indptr": [0, outputs],
    }
    bare_learner = {
        **learner,
        "attributes": {},
        "feature_names": [],
        "feature_types": [],
        "gradient_booster": {"name": "gbtree", "model": model},
    }
    bare = xgboost.Booster()
    bare.load_model(bytearray(json.dumps({**content, "learner": bare_learner}), "utf-8"))
    margin = bare.predict(xgboost.DMatrix(np.zeros((1, columns))), output_margin=True, validate_features=False)
    return [float(value) for value in np.ravel(margin)]


def _categories(name: str, model: dict[str, Any], columns: int) -> list[tuple[Any, ...] | None]:
    """Texts are kept as one array of bytes and where each begins, which xgboost 3.2 counts in characters: what follows a
    character of several bytes is cut wrong."""
    kept = model.get("cats", {}).get("enc") or [{}] * columns
    result: list[tuple[Any, ...] | None] = []
    for column in kept:
        values = column.get("values") or []
        if "offsets" in column:
            if any(not 0 <= value < 128 for value in values):
                raise UnsupportedModel(
                    f"{name} has categories with characters outside ASCII, which XGBoost keeps cut short, so that they cannot be "
                    "told apart: rename them before the fit, or encode them as numbers"
                )
            content = bytes(values)
            result.append(tuple(content[start:end].decode() for start, end in pairwise(column["offsets"])) or None)
        else:
            result.append(tuple(values) or None)
    return result
