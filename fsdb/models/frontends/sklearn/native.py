"""The native model as the oracle: frames as scikit-learn was given them, predict and predict_proba."""

import math
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fsdb.models.frontends.sklearn.translation import first_step
from fsdb.models.input_types import as_number, kind_of
from fsdb.models.program import Program, Regression, Several


def native_outputs(estimator: Any, program: Program, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What the estimator gives for each row: `prediction`, `probability`, `probabilities` as the program has them.

    A row that the estimator refuses has only `error`, its message.
    """
    if not rows:
        return []
    try:
        return _outputs(estimator, program, rows)
    except (ValueError, OverflowError) as refusal:
        if len(rows) == 1:
            return [{"error": str(refusal)}]
    middle = len(rows) // 2
    return native_outputs(estimator, program, rows[:middle]) + native_outputs(estimator, program, rows[middle:])


def _outputs(estimator: Any, program: Program, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    X = _frame(estimator, program, rows)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        predicted = np.asarray(estimator.predict(X))
        if isinstance(program.output, Several):
            return [{"prediction": values} for values in predicted.reshape(len(rows), -1).tolist()]
        if not program.has_probability:
            return [{"prediction": value} for value in predicted.ravel().tolist()]
        labels = predicted.ravel().tolist()
        probabilities = np.asarray(estimator.predict_proba(X)).tolist()
    if isinstance(program.output, Regression) or program.classes is None:
        raise TypeError("a regression has no probability")
    if not program.has_probabilities:
        return [{"prediction": p, "probability": q[1]} for p, q in zip(labels, probabilities, strict=True)]
    numbers = {label: number for number, label in enumerate(program.classes)}
    return [
        {"prediction": p, "probability": q[numbers[p]], "probabilities": q}
        for p, q in zip(labels, probabilities, strict=True)
    ]


def _column(program: Program, name: str, type_name: str, rows: Sequence[Mapping[str, Any]]) -> Any:
    """A column of float64, or of objects where it is text."""
    if kind_of(type_name) == "number":
        return np.array([as_number(row[name], type_name) for row in rows], dtype=np.float64)
    null = None if name in program.none_inputs else math.nan
    column = np.empty(len(rows), dtype=object)
    column[:] = [null if row[name] is None else row[name] for row in rows]
    return column


def _frame(estimator: Any, program: Program, rows: Sequence[Mapping[str, Any]]) -> Any:
    columns = {given.name: _column(program, given.name, given.type, rows) for given in program.inputs}
    if hasattr(first_step(estimator), "feature_names_in_"):
        import pandas

        # As Series, since a DataFrame would make texts of its own type of the objects, with NaN for None.
        return pandas.DataFrame({name: pandas.Series(column, dtype=column.dtype) for name, column in columns.items()})
    return np.column_stack(list(columns.values()))
