"""The LightGBM front end. lightgbm is imported in this folder and nowhere else."""

from collections.abc import Mapping, Sequence
from typing import Any

import lightgbm

from fsdb.errors import UnsupportedModel
from fsdb.models.frontends.boosters import labels
from fsdb.models.frontends.boosters.categories import Categories, coded, renumbered
from fsdb.models.frontends.boosters.columns import Add, Column, Steps, bound, check_prepared
from fsdb.models.frontends.boosters.size import check_size
from fsdb.models.frontends.lightgbm import links
from fsdb.models.frontends.lightgbm.inputs import categories_of, known_as
from fsdb.models.frontends.lightgbm.model import Model, read
from fsdb.models.frontends.lightgbm.native import native_outputs
from fsdb.models.frontends.lightgbm.trees import ZERO, trees_of
from fsdb.models.program import Output, Program
from fsdb.models.steps import MissingBetween, TreeEnsemble
from fsdb.models.user_frame import UserFrame

__all__ = ["input_names", "is_fitted", "native_outputs", "output_of", "program_of"]

_ESTIMATORS = (lightgbm.LGBMClassifier, lightgbm.LGBMRegressor, lightgbm.LGBMRanker)


def program_of(estimator: Any, inputs: Mapping[str, str], frame: UserFrame | None = None) -> Program:
    """The model program of a fitted LightGBM model: a Booster, a classifier, a regressor or a ranker.

    `inputs` are names and PostgreSQL types: matched with the names of the fit, or by position where it had none. frame: the
    one of the fit, or one like it, which tells the columns of categories. A Booster's
    prediction is what its predict gives: of a binary objective the probability, of several classes the most probable one.
    UnsupportedModel: something that a program cannot compute exactly as the model.
    """
    name = type(estimator).__name__
    model = _model(estimator)
    given, columns = bound(name, known_as(model.names, inputs), model.columns, inputs)
    steps = Steps(len(given))
    categories = categories_of(name, model, columns, None if frame is None else frame.columns)
    _, output = _scored(estimator, model, columns, categories, steps.add)
    if isinstance(estimator, lightgbm.LGBMClassifier):
        return Program(given, tuple(steps.steps), output, labels.plain(name, estimator.classes_))
    return Program(given, tuple(steps.steps), output, links.labels(output))


def output_of(
    estimator: Any, columns: Sequence[Column], add: Add, frame: UserFrame | None = None
) -> tuple[Output, tuple[Any, ...], tuple[int, ...]]:
    """What a classifier, regressor or ranker makes of the columns that another estimator gives it, its steps added by `add`.

    The labels are those of what is no classifier; a classifier has its own. Last come the slots of decision_function, where the
    estimator has it: the raw scores (LightGBM 4.7 and newer). frame: as program_of has it.

    UnsupportedModel: as program_of; a Booster, which is no estimator; columns of text or categories that are not as they were given.
    """
    name = type(estimator).__name__
    model = _model(estimator)
    check_prepared(name, columns, fitted_on_categories=bool(model.categories))
    categories = categories_of(name, model, columns, None if frame is None else frame.columns)
    scores, output = _scored(estimator, model, columns, categories, add)
    decision = scores if hasattr(estimator, "decision_function") else ()
    return output, () if isinstance(estimator, lightgbm.LGBMClassifier) else links.labels(output) or (), decision


def is_fitted(estimator: Any) -> bool:
    """Whether there is a booster."""
    return isinstance(estimator, lightgbm.Booster) or bool(estimator.__sklearn_is_fitted__())


def input_names(estimator: Any) -> Sequence[str] | None:
    """The names that a fitted model knows its columns by, None where it knows none."""
    return read(type(estimator).__name__, _booster(estimator)).names if is_fitted(estimator) else None


def _booster(estimator: Any) -> lightgbm.Booster:
    return estimator if isinstance(estimator, lightgbm.Booster) else estimator.booster_


def _model(estimator: Any) -> Model:
    """The parts of a model that its own predict uses: up to the best iteration."""
    name = type(estimator).__name__
    if type(estimator) not in (lightgbm.Booster, *_ESTIMATORS):
        known = ", ".join(sorted(cls.__name__ for cls in (lightgbm.Booster, *_ESTIMATORS)))
        raise UnsupportedModel(f"{name} is not a supported model of LightGBM; supported are {known}")
    if not is_fitted(estimator):
        raise UnsupportedModel(f"{name} is not fitted: call its fit before it is registered")
    if isinstance(estimator, lightgbm.LGBMClassifier) and callable(estimator.objective_):
        raise UnsupportedModel(
            f"{name} has an objective of its own, with which it predicts no classes: use a built-in one"
        )
    return read(name, _booster(estimator))


def _scored(
    estimator: Any, model: Model, columns: Sequence[Column], categories: Mapping[int, tuple[Any, ...]], add: Add
) -> tuple[tuple[int, ...], Output]:
    """The slots of the raw scores, and what the objective makes of them."""
    name = type(estimator).__name__
    found, read_columns = trees_of(model, sparse=any(column.sparse for column in columns))
    check_size(name, found)
    trees, splits = renumbered(name, found, len(columns))
    slots: list[int] = []
    for position, (number, zero_is_missing) in enumerate(read_columns):
        if zero_is_missing:
            slots += add(MissingBetween((slots[number],), -ZERO, ZERO))
        elif position in splits or number in categories or columns[number].is_text:
            kind = Categories(categories.get(number), refuse_unseen=False, float32=False)
            slots.append(coded(name, columns[number], kind, splits.get(position), add).index)
        else:
            slots.append(columns[number].index)
    iterations = len(model.trees) // model.outputs
    divisor = float(iterations) if model.average and iterations else 1.0
    scores = add(
        TreeEnsemble(tuple(slots), trees, (0.0,) * model.outputs, divisor=divisor, float32=False, strict=False)
    )
    if isinstance(estimator, lightgbm.LGBMClassifier):
        return tuple(scores), links.classes(name, model.objective, scores, add)
    return tuple(scores), links.value(name, model.objective, scores, add)
