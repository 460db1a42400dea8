"""The native model as the oracle: predict and predict_proba."""

import warnings
from typing import Any

import numpy as np
import xgboost

from fsdb.models.frontends.boosters.native import Rows, halved, numbers, with_probabilities
from fsdb.models.frontends.xgboost.model import read
from fsdb.models.program import Argmax, Program


def native_outputs(estimator: Any, program: Program, rows: Rows) -> list[dict[str, Any]]:
    """What the model gives for each row: `prediction`, `probability`, `probabilities` as the program has them.

    A row that the model refuses (a category that it has not seen, in a Booster an infinite number) has only `error`.
    """
    booster = estimator if isinstance(estimator, xgboost.Booster) else estimator.get_booster()
    categories = read(type(estimator).__name__, booster, 0).categories

    def outputs(part: Rows) -> list[dict[str, Any]]:
        data = _frame(booster, program, categories, part)
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            if isinstance(estimator, xgboost.Booster):
                return _of_booster(estimator, program, data)
            predicted = np.ravel(estimator.predict(data)).tolist()
            if not program.has_probability:
                return [{"prediction": value} for value in predicted]
            return with_probabilities(program, predicted, estimator.predict_proba(data))

    return halved(outputs, rows, (xgboost.core.XGBoostError, ValueError))


def _of_booster(booster: xgboost.Booster, program: Program, data: Any) -> list[dict[str, Any]]:
    framed = hasattr(data, "columns")
    matrix = xgboost.DMatrix(
        data,
        enable_categorical=True,
        feature_names=None if framed else booster.feature_names,
        feature_types=None if framed else booster.feature_types,
    )
    values = booster.predict(matrix)
    if isinstance(program.output, Argmax) and program.has_probability:
        return with_probabilities(program, np.argmax(values, axis=1).tolist(), values)
    kind = int if isinstance(program.output, Argmax) else float
    return [{"prediction": kind(value)} for value in np.ravel(values).tolist()]


def _frame(booster: xgboost.Booster, program: Program, categories: Any, rows: Rows) -> Any:
    """A frame where the fit had one, with columns of the categories of the fit.

    ValueError for a category that it has not seen: xgboost 3.2 would take it for the one that follows in byte order, and refuses it
    only after the last.
    """
    known = dict(zip([given.name for given in program.inputs], categories, strict=True))
    coded = booster.feature_types is not None and "c" in booster.feature_types
    if booster.feature_names is None or (coded and all(values is None for values in categories)):
        return np.column_stack([numbers(given, rows) for given in program.inputs])
    import pandas

    columns: dict[str, Any] = {}
    for given in program.inputs:
        values = known[given.name]
        if values is None:
            columns[given.name] = numbers(given, rows)
            continue
        present = [row[given.name] for row in rows]
        unseen = [value for value in present if value is not None and value not in values]
        if unseen:
            raise ValueError(f"found the category {unseen[0]!r} of {given.name!r}, which is not in the training set")
        columns[given.name] = pandas.Categorical(present, categories=pandas.Index(values))
    return pandas.DataFrame(columns)
