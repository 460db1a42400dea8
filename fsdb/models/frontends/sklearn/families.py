"""Every supported scikit-learn class and its translator, and the walk through nested estimators."""

from collections.abc import Callable, Sequence
from typing import Any

from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.exceptions import NotFittedError
from sklearn.impute import SimpleImputer
from sklearn.linear_model import ElasticNet, Lasso, LinearRegression, LogisticRegression, Ridge
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier, ExtraTreeRegressor
from sklearn.utils.validation import check_is_fitted

from fsdb.errors import UnsupportedModel
from fsdb.models.frontends.sklearn import composition, encoders, gradient_boosting, imputer, linear, scaler, trees
from fsdb.models.frontends.sklearn import hist_gradient_boosting as hist
from fsdb.models.frontends.sklearn.translation import Slot, Translation
from fsdb.models.program import Output

TRANSFORMERS: dict[type, Callable[[Any, Sequence[Slot], Translation], list[Slot]]] = {
    SimpleImputer: imputer.simple_imputer,
    StandardScaler: scaler.standard_scaler,
    OneHotEncoder: encoders.one_hot_encoder,
    OrdinalEncoder: encoders.ordinal_encoder,
}

PREDICTORS: dict[type, Callable[[Any, Sequence[Slot], Translation], Output]] = {
    LinearRegression: linear.linear_regressor,
    Ridge: linear.linear_regressor,
    Lasso: linear.linear_regressor,
    ElasticNet: linear.linear_regressor,
    LogisticRegression: linear.logistic_regression,
    DecisionTreeClassifier: trees.tree_classifier,
    DecisionTreeRegressor: trees.tree_regressor,
    ExtraTreeClassifier: trees.tree_classifier,
    ExtraTreeRegressor: trees.tree_regressor,
    RandomForestClassifier: trees.forest_classifier,
    RandomForestRegressor: trees.forest_regressor,
    ExtraTreesClassifier: trees.forest_classifier,
    ExtraTreesRegressor: trees.forest_regressor,
    GradientBoostingClassifier: gradient_boosting.boosting_classifier,
    GradientBoostingRegressor: gradient_boosting.boosting_regressor,
    HistGradientBoostingClassifier: hist.hist_classifier,
    HistGradientBoostingRegressor: hist.hist_regressor,
}

SUPPORTED = tuple(sorted(cls.__name__ for cls in (*TRANSFORMERS, *PREDICTORS, ColumnTransformer, Pipeline)))


def transform(estimator: Any, slots: Sequence[Slot], translation: Translation) -> list[Slot]:
    """The slots that a fitted transformer makes of others."""
    if isinstance(estimator, str) and estimator == "passthrough":
        return list(slots)
    _check_fitted(estimator)
    if type(estimator) is Pipeline:
        current = list(slots)
        for step in composition.steps_of(estimator):
            current = transform(step, current, translation)
        return current
    if type(estimator) is ColumnTransformer:
        return composition.column_transformer(estimator, slots, translation, transform)
    if _is_identity(estimator):  # what ColumnTransformer and set_output put in place of "passthrough"
        return list(slots)
    if type(estimator) not in TRANSFORMERS:
        translation.refuse(estimator, "is not a supported transformer")
    _require_bound(estimator, slots)
    return TRANSFORMERS[type(estimator)](estimator, slots, translation)


def predict(estimator: Any, slots: Sequence[Slot], translation: Translation) -> Output:
    """The program's output that a fitted predictor, or a pipeline that ends in one, makes of slots."""
    _check_fitted(estimator)
    if type(estimator) is Pipeline:
        *transformers, predictor = composition.steps_of(estimator)
        current = list(slots)
        for step in transformers:
            current = transform(step, current, translation)
        return predict(predictor, current, translation)
    if type(estimator) not in PREDICTORS:
        translation.refuse(estimator, "is not a supported predictor")
    _require_bound(estimator, slots)
    return PREDICTORS[type(estimator)](estimator, slots, translation)


def _is_identity(estimator: Any) -> bool:
    return type(estimator).__name__ == "FunctionTransformer" and estimator.func is None


def _check_fitted(estimator: Any) -> None:
    try:
        check_is_fitted(estimator)
    except (NotFittedError, TypeError):
        raise UnsupportedModel(
            f"{type(estimator).__name__} is not fitted: call its fit before it is registered; "
            f"supported are {', '.join(SUPPORTED)}"
        ) from None


def check_predictor(estimator: Any) -> None:
    """UnsupportedModel unless the estimator is fitted and of a known class."""
    if type(estimator) not in PREDICTORS and type(estimator) is not Pipeline:
        raise UnsupportedModel(
            f"{type(estimator).__name__} is not a supported predictor; supported are {', '.join(SUPPORTED)}"
        )
    if type(estimator) is Pipeline and not composition.steps_of(estimator):
        raise UnsupportedModel("Pipeline has no step that does something: end it in a predictor")
    _check_fitted(estimator)


def _require_bound(estimator: Any, slots: Sequence[Slot]) -> None:
    """UnsupportedModel where the estimator needs an input that is not given, or of a type that no model takes."""
    absent = sorted({slot.source for slot in slots if slot.kind == "absent"})
    if absent:
        raise UnsupportedModel(
            f"{type(estimator).__name__} was fitted with {', '.join(map(repr, absent))}, which no input is bound to: "
            "bind it, or fit without it"
        )
    for slot in slots:
        if slot.index < 0:
            raise UnsupportedModel(
                f"{type(estimator).__name__} takes the input {slot.source!r} {slot.kind}: "
                "models take numbers, boolean and text; derive one of these from it"
            )
