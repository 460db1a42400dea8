"""The XGBoost front end. xgboost is imported in this folder and nowhere else."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xgboost

from fsdb.errors import UnsupportedModel
from fsdb.models.frontends.boosters import labels
from fsdb.models.frontends.boosters.categories import Categories, coded, renumbered
from fsdb.models.frontends.boosters.columns import Add, Column, Steps, bound, check_prepared
from fsdb.models.frontends.boosters.size import check_size
from fsdb.models.frontends.xgboost import links
from fsdb.models.frontends.xgboost.model import Model, read
from fsdb.models.frontends.xgboost.native import native_outputs
from fsdb.models.frontends.xgboost.trees import trees_of
from fsdb.models.program import OneTarget, Program
from fsdb.models.steps import Bounds, MissingBetween, SingleTrees
from fsdb.models.thresholds import as_float64
from fsdb.models.user_frame import UserFrame

__all__ = ["input_names", "is_fitted", "native_outputs", "output_of", "program_of"]

_CLASSIFIERS = (xgboost.XGBClassifier, xgboost.XGBRFClassifier)
_REGRESSORS = (xgboost.XGBRegressor, xgboost.XGBRFRegressor, xgboost.XGBRanker)
_FIRST_BEYOND_FLOAT32 = 3.4028235677973366e38  # rounds to infinity


def program_of(estimator: Any, inputs: Mapping[str, str], _frame: UserFrame | None = None) -> Program:
    """The model program of a fitted XGBoost model: a Booster, a classifier, a regressor or a ranker.

    `inputs` are names and PostgreSQL types: matched with the names of the fit, or by position where it had none. A Booster's
    prediction is what its predict gives: of binary:logistic the probability, of several classes the most probable one.
    UnsupportedModel: something that a program cannot compute exactly as the model.
    """
    name = type(estimator).__name__
    model = _model(estimator)
    given, columns = bound(name, model.names, len(model.categorical), inputs)
    steps = Steps(len(given))
    if isinstance(estimator, xgboost.Booster):
        # Its DMatrix refuses infinite numbers; a frame of categories is checked for those that it has not seen.
        numbers = [column.index for column in columns if not (column.is_text or column.whole)]
        if numbers:
            steps.add(Bounds(tuple(numbers), missing=True, float32=True))
    output = _output(estimator, model, columns, steps.add)
    if isinstance(estimator, _CLASSIFIERS):
        return Program(given, tuple(steps.steps), output, labels.plain(name, estimator.classes_))
    return Program(given, tuple(steps.steps), output, links.labels(output))


def output_of(
    estimator: Any, columns: Sequence[Column], add: Add, _frame: UserFrame | None = None
) -> tuple[OneTarget, tuple[Any, ...], tuple[int, ...]]:
    """What a classifier, regressor or ranker makes of the columns that another estimator gives it, its steps added by `add`.

    The labels are those of what is no classifier; a classifier has its own. Last come the slots of decision_function, which none has.

    UnsupportedModel: as program_of; a Booster, which is no estimator; columns of text or categories that are not as they were given.
    """
    name = type(estimator).__name__
    model = _model(estimator)
    check_prepared(name, columns, fitted_on_categories=any(values is not None for values in model.categories))
    output = _output(estimator, model, columns, add)
    return output, () if isinstance(estimator, _CLASSIFIERS) else links.labels(output) or (), ()


def is_fitted(estimator: Any) -> bool:
    """Whether there is a booster."""
    return isinstance(estimator, xgboost.Booster) or bool(estimator.__sklearn_is_fitted__())


def input_names(estimator: Any) -> Sequence[str] | None:
    """The names that a fitted model knows its columns by, None where it knows none."""
    if not is_fitted(estimator):
        return None
    booster = estimator if isinstance(estimator, xgboost.Booster) else estimator.get_booster()
    names: Sequence[str] | None = booster.feature_names
    return names


def _model(estimator: Any) -> Model:
    """The parts of a model that its own predict uses: a wrapper stops at the best iteration, a Booster does not."""
    name = type(estimator).__name__
    if type(estimator) is xgboost.Booster:
        if estimator.num_features() == 0:
            raise UnsupportedModel(f"{name} is not fitted: train it before it is registered")
        return read(name, estimator, None)
    if type(estimator) not in (*_CLASSIFIERS, *_REGRESSORS):
        known = ", ".join(sorted(cls.__name__ for cls in (xgboost.Booster, *_CLASSIFIERS, *_REGRESSORS)))
        raise UnsupportedModel(f"{name} is not a supported model of XGBoost; supported are {known}")
    if not is_fitted(estimator):
        raise UnsupportedModel(f"{name} is not fitted: call its fit before it is registered")
    try:
        rounds = int(estimator.best_iteration) + 1
    except AttributeError:
        rounds = None
    return read(name, estimator.get_booster(), rounds)


def _output(estimator: Any, model: Model, columns: Sequence[Column], add: Add) -> OneTarget:
    name = type(estimator).__name__
    inplace = not isinstance(estimator, xgboost.Booster)
    found = trees_of(name, model, inplace)
    check_size(name, found)
    trees, splits = renumbered(name, found, len(columns))
    missing = getattr(estimator, "missing", None)
    placeholder = None if missing is None or math.isnan(missing) else float(np.float32(missing))
    if placeholder is not None and any(model.categorical):
        raise UnsupportedModel(
            f"{name} has missing={placeholder} besides categories: fit it with NaN for missing values"
        )
    slots = []
    for position, column in enumerate(columns):
        values = model.categories[position]
        kind = Categories(values, refuse_unseen=True, float32=True)
        if model.categorical[position] or values is not None or column.is_text:
            slots.append(coded(name, column, kind, splits.get(position, ()), add).index)
            continue
        slot = column.index
        if column.sparse:
            [slot] = add(MissingBetween((slot,), 0.0, 0.0))
        if placeholder is not None:
            [slot] = add(MissingBetween((slot,), *_rounding_to(placeholder)))
        slots.append(slot)
    margins = add(SingleTrees(tuple(slots), trees, tuple(model.base), divisor=1.0, float32=True, strict=True))
    if isinstance(estimator, _CLASSIFIERS):
        return links.classes(name, model.objective, margins, add)
    output = links.value(name, model.objective, margins, add)
    if inplace and len(margins) > 1:
        raise UnsupportedModel(f"{name} has the objective {model.objective!r} of several classes: fit an XGBClassifier")
    return output


def _rounding_to(number: float) -> tuple[float, float]:
    """The first and the last float64 that are the number once they are float32."""
    if math.isinf(number):
        ends = (_FIRST_BEYOND_FLOAT32, math.inf)
        return ends if number > 0 else (-ends[1], -ends[0])
    return as_float64((number,), strict=True)[0], as_float64((number,), strict=False)[0]
