"""Decision trees, random forests, extra trees."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from fsdb.models.frontends.sklearn import targets
from fsdb.models.frontends.sklearn.translation import Prediction, Slot, Translation
from fsdb.models.program import Argmax
from fsdb.models.steps import Tree, TreeEnsemble


def tree_regressor(estimator: Any, slots: Sequence[Slot], translation: Translation) -> Prediction:
    """DecisionTreeRegressor, ExtraTreeRegressor."""
    return targets.numbers(_ensemble(estimator, [estimator], slots, translation))


def tree_classifier(estimator: Any, slots: Sequence[Slot], translation: Translation) -> Prediction:
    """DecisionTreeClassifier, ExtraTreeClassifier."""
    return _voted(estimator, _ensemble(estimator, [estimator], slots, translation))


def forest_regressor(estimator: Any, slots: Sequence[Slot], translation: Translation) -> Prediction:
    """RandomForestRegressor, ExtraTreesRegressor: the mean of the trees."""
    return targets.numbers(_ensemble(estimator, estimator.estimators_, slots, translation))


def forest_classifier(estimator: Any, slots: Sequence[Slot], translation: Translation) -> Prediction:
    """RandomForestClassifier, ExtraTreesClassifier: the mean of the trees' probabilities."""
    return _voted(estimator, _ensemble(estimator, estimator.estimators_, slots, translation))


def single_tree(tree: Any, output: int | None, values: Any) -> Tree:
    """A scikit-learn `tree_` with the given values, of shape (nodes, numbers)."""
    leaf = tree.children_left < 0
    return Tree(
        feature=tuple(np.where(leaf, -1, tree.feature).tolist()),
        threshold=tuple(np.where(leaf, 0.0, tree.threshold).tolist()),
        left=tuple(np.where(leaf, 0, tree.children_left).tolist()),
        right=tuple(np.where(leaf, 0, tree.children_right).tolist()),
        missing_left=tuple((tree.missing_go_to_left.astype(bool) & ~leaf).tolist()),
        values=tuple(map(tuple, np.where(leaf[:, None], values, 0.0).tolist())),
        output=output,
    )


def renumbered(tree: Tree, features: Any) -> Tree:
    """A tree on some of the columns as one on all of them."""
    return replace(tree, feature=tuple(int(features[f]) if f >= 0 else -1 for f in tree.feature))


def bag_of_trees(
    estimator: Any, members: Sequence[Any], chosen: Sequence[Any], slots: Sequence[Slot], translation: Translation
) -> range:
    """The mean of trees each of which sees some of the columns, and checks those alone."""
    translation.check_size(estimator, sum(member.tree_.node_count for member in members))
    seen = sorted({int(feature) for features in chosen for feature in features})
    missing = takes_missing(members[0]) and not any(slot.sparse for slot in slots)
    checked = translation.bounded(estimator, [slots[position] for position in seen], missing=missing, float32=True)
    columns = list(slots)
    for position, slot in zip(seen, checked, strict=True):
        columns[position] = slot
    values = [member.tree_.value[:, 0, :] for member in members]
    return translation.add(
        TreeEnsemble(
            tuple(slot.index for slot in columns),
            tuple(
                renumbered(single_tree(member.tree_, None, value), features)
                for member, value, features in zip(members, values, chosen, strict=True)
            ),
            base=(0.0,) * values[0].shape[1],
            divisor=float(len(members)),
            float32=True,
            strict=False,
        )
    )


def takes_missing(tree: Any) -> bool:
    """Whether a fitted tree accepts NaN in a dense array when it predicts."""
    return bool(tree._support_missing_values(np.zeros((1, 1))))


def _voted(estimator: Any, probabilities: range) -> Prediction:
    if estimator.n_outputs_ > 1:
        most = max(estimator.n_classes_)  # places of each target, which may have fewer classes
        starts = [most * number for number in range(estimator.n_outputs_)]
        shares = [probabilities[at : at + count] for at, count in zip(starts, estimator.n_classes_, strict=True)]
        return targets.choices(shares, estimator.classes_)
    return Prediction(Argmax(tuple(probabilities), tuple(probabilities)))


def _ensemble(estimator: Any, trees: Iterable[Any], slots: Sequence[Slot], translation: Translation) -> range:
    members = list(trees)
    translation.check_size(estimator, sum(member.tree_.node_count for member in members))
    columns = translation.bounded(
        estimator, slots, missing=takes_missing(members[0]) and not any(slot.sparse for slot in slots), float32=True
    )
    values = [member.tree_.value.reshape(member.tree_.node_count, -1) for member in members]
    return translation.add(
        TreeEnsemble(
            tuple(slot.index for slot in columns),
            tuple(single_tree(member.tree_, None, of) for member, of in zip(members, values, strict=True)),
            base=(0.0,) * values[0].shape[1],
            divisor=float(len(members)),
            float32=True,
            strict=False,
        )
    )
