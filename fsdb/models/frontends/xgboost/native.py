"""The native model as the oracle: predict and predict_proba."""

import warnings
from typing import Any

import numpy as np
import xgboost

from fsdb.models.frontends.native import Outputs, answers, columns, numbers, with_probabilities
from fsdb.models.frontends.xgboost.model import read
from fsdb.models.program import Argmax, Program
from fsdb.models.user_frame import Rows, UserFrame


def native_outputs(
    estimator: Any, program: Program, rows: Rows, frame: UserFrame | None = None
) -> list[dict[str, Any] | None]:
    """What the model gives for each row: `prediction`, `probability`, `probabilities` as the program has them.

    A row that the model refuses (a category that it has not seen, in a Booster an infinite number) has only `error`. frame: as
    `answers` has it.
    """
    booster = estimator if isinstance(estimator, xgboost.Booster) else estimator.get_booster()
    model = read(type(estimator).__name__, booster, 0)
    known = {
        given.name: index
        for given, index in zip(program.inputs, model.category_indexes(), strict=True)
        if index is not None
    }
    coded = any(model.categorical)
    framed = booster.feature_names is not None and not (coded and not known)

    def ask(data: Any, part: Rows) -> Outputs:
        _check_seen(known, part)
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            given = data if framed or isinstance(data, np.ndarray) else _array(data)
            if isinstance(estimator, xgboost.Booster):
                return _of_booster(estimator, program, given)
            predicted = np.ravel(estimator.predict(given)).tolist()
            if not program.has_probability:
                return [{"prediction": value} for value in predicted]
            return with_probabilities(program, predicted, estimator.predict_proba(given))

    def built(part: Rows, types: UserFrame) -> Any:
        if not framed:
            return np.column_stack([numbers(given, part) for given in program.inputs])
        import pandas

        return pandas.DataFrame(columns(program, part, types, known))

    return answers(program, rows, frame, ask, built, (xgboost.core.XGBoostError, ValueError, TypeError))


def _array(data: Any) -> Any:
    return data.to_numpy() if hasattr(data, "to_numpy") else data.to_pandas().to_numpy()


def _of_booster(booster: xgboost.Booster, program: Program, data: Any) -> Outputs:
    framed = not isinstance(data, np.ndarray)
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


def _check_seen(known: dict[str, Any], rows: Rows) -> None:
    """ValueError for a category that the model has not seen: xgboost 3.2 would take it for the one that follows in byte order, and
    refuses it only after the last."""
    for name, index in known.items():
        values = set(index.tolist())
        for row in rows:
            if row[name] is not None and row[name] == row[name] and row[name] not in values:
                raise ValueError(f"found the category {row[name]!r} of {name!r}, which is not in the training set")
