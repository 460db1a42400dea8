"""AdaBoost."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from fsdb.models.frontends.sklearn.responses import class_number
from fsdb.models.frontends.sklearn.translation import Prediction, Slot, Translation, floats
from fsdb.models.frontends.sklearn.trees import single_tree
from fsdb.models.program import Argmax, Regression, Threshold
from fsdb.models.steps import Indicators, Scale, Softmax, TreeEnsemble, WeightedMedian

_TREES = ("DecisionTreeClassifier", "DecisionTreeRegressor", "ExtraTreeClassifier", "ExtraTreeRegressor")


def classifier(estimator: Any, slots: Sequence[Slot], translation: Translation) -> Prediction:
    """SAMME (Zhu et al. 2009): each member's class gets its weight, all others -weight / (classes - 1)."""
    weights = floats(estimator.estimator_weights_[: len(estimator.estimators_)])
    total = float(estimator.estimator_weights_.sum())
    columns = translation.bounded(estimator, slots, missing=False)
    if _all_trees(estimator):
        votes: Sequence[int] = _tree_votes(estimator, columns, weights, total, translation)
    else:
        votes = _votes(estimator, columns, weights, total, translation)
    if estimator.n_classes_ == 2:
        decision = translation.linear(votes, [[-1.0, 1.0]], [0.0])
        halves = translation.linear(decision, [[-0.5], [0.5]], [0.0, 0.0])
        probability = translation.add(Softmax(tuple(halves)))[1]
        return Prediction(Threshold(decision[0], inclusive=False, probability=probability), tuple(decision))
    count = len(votes)
    parts = translation.add(Scale(tuple(votes), (0.0,) * count, (count - 1.0,) * count))
    return Prediction(Argmax(tuple(votes), tuple(translation.add(Softmax(tuple(parts))))), tuple(votes))


def regressor(estimator: Any, slots: Sequence[Slot], translation: Translation) -> Prediction:
    """The weighted median of the members' predictions."""
    columns = translation.bounded(estimator, slots, missing=False)
    values: Sequence[int]
    if _all_trees(estimator):
        members = estimator.estimators_
        translation.check_size(estimator, sum(member.tree_.node_count for member in members))
        trees = [single_tree(m.tree_, number, m.tree_.value[:, 0, :]) for number, m in enumerate(members)]
        values = _ensemble(estimator, columns, trees, len(members), 1.0, translation)
    else:
        predictions = [translation.predict(member, columns, translation) for member in estimator.estimators_]
        values = [class_number(prediction, translation) for prediction in predictions]
    weights = floats(estimator.estimator_weights_[: len(values)])
    return Prediction(Regression(translation.add(WeightedMedian(tuple(values), weights))[0]))


def _all_trees(estimator: Any) -> bool:
    return all(type(member).__name__ in _TREES for member in estimator.estimators_)


def _tree_votes(
    estimator: Any, columns: Sequence[Slot], weights: Sequence[float], total: float, translation: Translation
) -> range:
    """One ensemble whose leaves hold the votes."""
    translation.check_size(estimator, sum(member.tree_.node_count for member in estimator.estimators_))
    count = int(estimator.n_classes_)
    trees = []
    for member, weight in zip(estimator.estimators_, weights, strict=True):
        known = np.searchsorted(estimator.classes_, member.classes_)
        chosen = known[np.argmax(member.tree_.value[:, 0, :], axis=1)]
        values = np.where(np.arange(count) == chosen[:, None], weight, -1 / (count - 1) * weight)
        trees.append(single_tree(member.tree_, None, values))
    return _ensemble(estimator, columns, trees, count, total, translation)


def _ensemble(
    estimator: Any, columns: Sequence[Slot], trees: Sequence[Any], width: int, divisor: float, translation: Translation
) -> range:
    narrow = translation.bounded(estimator, columns, missing=False, float32=True)
    indices = tuple(slot.index for slot in narrow)
    return translation.add(TreeEnsemble(indices, tuple(trees), (0.0,) * width, divisor, float32=True, strict=False))


def _votes(
    estimator: Any, columns: Sequence[Slot], weights: Sequence[float], total: float, translation: Translation
) -> range:
    count = int(estimator.n_classes_)
    chosen: list[range] = []
    for member in estimator.estimators_:
        prediction = translation.predict(member, columns, translation)
        if list(prediction.classes) != list(estimator.classes_):
            translation.refuse(estimator, f"has a {type(member).__name__} that knows other classes than itself")
        chosen.append(translation.add(Indicators(class_number(prediction, translation), count)))
    # A vote of 1 or 0 becomes weight or -weight / (classes - 1).
    others = [-1 / (count - 1) * weight for weight in weights]
    gains = [weight - other for weight, other in zip(weights, others, strict=True)]
    sums = [translation.linear(place, [gains], [sum(others)])[0] for place in zip(*chosen, strict=True)]
    return translation.add(Scale(tuple(sums), (0.0,) * count, (total,) * count))
