"""Estimators made of several others: voting, stacking, bagging, one against the rest."""

from collections.abc import Sequence
from typing import Any

from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier, ExtraTreeRegressor

from fsdb.models.frontends.sklearn.responses import class_number, mean, probabilities
from fsdb.models.frontends.sklearn.translation import Prediction, Slot, Translation
from fsdb.models.frontends.sklearn.trees import bag_of_trees
from fsdb.models.program import Argmax, Regression, Threshold
from fsdb.models.steps import Indicators, Scale, Shares


def voting_regressor(estimator: Any, slots: Sequence[Slot], translation: Translation) -> Prediction:
    """The weighted mean."""
    values = [[class_number(p, translation)] for p in _predictions(estimator.estimators_, slots, translation)]
    return Prediction(Regression(mean(values, estimator._weights_not_none, translation)[0]))


def voting_classifier(estimator: Any, slots: Sequence[Slot], translation: Translation) -> Prediction:
    """Soft: the largest weighted mean of probabilities. Hard: most votes, without probabilities."""
    predictions = _predictions(estimator.estimators_, slots, translation)
    count = len(estimator.classes_)
    weights = estimator._weights_not_none
    if estimator.voting == "soft":
        parts = [_probabilities(estimator, prediction, count, translation) for prediction in predictions]
        shares = tuple(mean(parts, weights, translation))
        return Prediction(Argmax(shares, shares))
    votes = []
    for prediction in predictions:
        _check_numbered(estimator, prediction, count, translation)
        votes.append(translation.add(Indicators(class_number(prediction, translation), count)))
    factors = [1.0] * len(votes) if weights is None else [float(weight) for weight in weights]
    sums = tuple(translation.linear(place, [factors], [0.0])[0] for place in zip(*votes, strict=True))
    return Prediction(Argmax(sums, None))


def bagging_regressor(estimator: Any, slots: Sequence[Slot], translation: Translation) -> Prediction:
    """The mean of members that see some of the columns each."""
    if _all_trees(estimator):
        members, chosen = estimator.estimators_, estimator.estimators_features_
        return Prediction(Regression(bag_of_trees(estimator, members, chosen, slots, translation)[0]))
    values = [[class_number(p, translation)] for p in _members(estimator, slots, translation)]
    return Prediction(Regression(mean(values, None, translation)[0]))


def bagging_classifier(estimator: Any, slots: Sequence[Slot], translation: Translation) -> Prediction:
    """The mean of the members' probabilities, or of their votes where they have none."""
    count = len(estimator.classes_)
    if _all_trees(estimator) and all(len(member.classes_) == count for member in estimator.estimators_):
        members, chosen = estimator.estimators_, estimator.estimators_features_
        shares = tuple(bag_of_trees(estimator, members, chosen, slots, translation))
        return Prediction(Argmax(shares, shares))
    parts = []
    for prediction in _members(estimator, slots, translation):
        _check_numbered(estimator, prediction, count, translation)
        known = probabilities(prediction, translation)
        parts.append(known or translation.add(Indicators(class_number(prediction, translation), count)))
    shares = tuple(mean(parts, None, translation))
    return Prediction(Argmax(shares, shares))


def stacking(estimator: Any, slots: Sequence[Slot], translation: Translation) -> Prediction:
    """The final estimator on what the others give, and with `passthrough` on their inputs too."""
    columns: list[Slot] = []
    members = [member for member in estimator.estimators_ if not isinstance(member, str)]
    methods = [method for method in estimator.stack_method_ if method is not None]
    for member, method in zip(members, methods, strict=True):
        prediction = translation.predict(member, slots, translation)
        columns += [
            Slot(index, "number", type(member).__name__, missing=False)
            for index in _stacked(estimator, member, method, prediction, translation)
        ]
    if estimator.passthrough:
        columns += translation.numbers(estimator, slots)
    final = translation.predict(estimator.final_estimator_, columns, translation)
    if not isinstance(final.output, Regression):
        _check_numbered(estimator, final, len(estimator.classes_), translation)
    return Prediction(final.output, final.decision)


def one_against_the_rest(estimator: Any, slots: Sequence[Slot], translation: Translation) -> Prediction:
    """OneVsRestClassifier: the largest decision (else probability) of the members; probabilities are their shares."""
    if estimator.multilabel_:
        translation.refuse(estimator, "was fitted with several labels a row, where one is supported")
    scores = []
    seconds: list[int] = []
    for member in estimator.estimators_:
        prediction = translation.predict(member, slots, translation)
        known = probabilities(prediction, translation)
        seconds += known[1:2]
        if isinstance(prediction.output, Regression):
            scores.append(prediction.output.value)
        elif prediction.decision or known:
            scores.append(prediction.decision[0] if prediction.decision else known[1])
        else:
            translation.refuse(estimator, f"has a {type(member).__name__} without a decision or a probability")
    has_probabilities = len(seconds) == len(scores)
    if len(scores) > 1:
        shares = tuple(translation.add(Shares(tuple(seconds), uniform=False))) if has_probabilities else None
        return Prediction(Argmax(tuple(scores), shares), tuple(scores))
    score = scores[0]
    if scores == seconds or isinstance(prediction.output, Regression):
        [score] = translation.add(Scale((score,), (0.5,), (1.0,)))
    second = seconds[0] if has_probabilities else None
    return Prediction(Threshold(score, inclusive=False, probability=second), tuple(scores))


def _all_trees(estimator: Any) -> bool:
    trees = (DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier, ExtraTreeRegressor)
    return all(type(member) in trees and member.n_outputs_ == 1 for member in estimator.estimators_)


def _predictions(members: Sequence[Any], slots: Sequence[Slot], translation: Translation) -> list[Prediction]:
    return [translation.predict(member, slots, translation) for member in members]


def _members(estimator: Any, slots: Sequence[Slot], translation: Translation) -> list[Prediction]:
    pairs = zip(estimator.estimators_, estimator.estimators_features_, strict=True)
    return [translation.predict(member, [slots[f] for f in features], translation) for member, features in pairs]


def _probabilities(estimator: Any, prediction: Prediction, count: int, translation: Translation) -> tuple[int, ...]:
    shares = probabilities(prediction, translation)
    if len(shares) != count:
        translation.refuse(estimator, "has a member that does not give a probability for each class")
    return shares


def _check_numbered(estimator: Any, prediction: Prediction, count: int, translation: Translation) -> None:
    """The members of such estimators were fitted on the numbers of the classes."""
    if list(prediction.classes) != list(range(count)):
        translation.refuse(estimator, f"has a member that knows the classes {list(prediction.classes)!r}")


def _stacked(
    estimator: Any, member: Any, method: str, prediction: Prediction, translation: Translation
) -> Sequence[int]:
    if method == "predict" and isinstance(prediction.output, Regression):
        return (prediction.output.value,)
    if method == "predict":
        _check_numbered(estimator, prediction, len(prediction.classes), translation)
        return (class_number(prediction, translation),)
    if method == "decision_function":
        if not prediction.decision:
            translation.refuse(estimator, f"stacks the decision_function of {type(member).__name__}")
        return prediction.decision
    shares = _probabilities(estimator, prediction, len(prediction.classes), translation)
    return shares[1:] if len(estimator.classes_) == 2 else shares
