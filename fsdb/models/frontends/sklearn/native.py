"""The native model as the oracle: frames as scikit-learn was given them, predict and predict_proba."""

import warnings
from typing import Any

import numpy as np

from fsdb.models.frontends.native import Outputs, answers, columns, plain
from fsdb.models.frontends.sklearn.translation import first_step
from fsdb.models.program import Program, Regression, Several
from fsdb.models.user_frame import Rows, UserFrame

_REFUSALS = (ValueError, OverflowError, TypeError)


def native_outputs(
    estimator: Any, program: Program, rows: Rows, frame: UserFrame | None = None
) -> list[dict[str, Any] | None]:
    """What the estimator gives for each row: `prediction`, `probability`, `probabilities` as the program has them.

    A row that the estimator refuses has only `error`, its message. frame: as `answers` has it.
    """
    named = hasattr(first_step(estimator), "feature_names_in_")

    def ask(data: Any, part: Rows) -> Outputs:
        return _outputs(estimator, program, _taken(data, program, named), len(part))

    def built(part: Rows, types: UserFrame) -> Any:
        if not (named or types.columns):
            return np.column_stack([plain(program, given, part) for given in program.inputs])
        import pandas

        return pandas.DataFrame(columns(program, part, types))

    return answers(program, rows, frame, ask, built, _REFUSALS)


def _outputs(estimator: Any, program: Program, X: Any, count: int) -> Outputs:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        predicted = np.asarray(estimator.predict(X))
        if isinstance(program.output, Several):
            return [{"prediction": values} for values in predicted.reshape(count, -1).tolist()]
        if not program.has_probability:
            return [{"prediction": value} for value in predicted.ravel().tolist()]
        labels = predicted.ravel().tolist()
        probabilities = np.asarray(estimator.predict_proba(X)).tolist()
    if isinstance(program.output, Regression) or program.classes is None:
        raise RuntimeError("a regression has no probability")
    if not program.has_probabilities:
        return [{"prediction": p, "probability": q[1]} for p, q in zip(labels, probabilities, strict=True)]
    places = {label: number for number, label in enumerate(program.classes)}
    return [
        {"prediction": p, "probability": q[places[p]], "probabilities": q}
        for p, q in zip(labels, probabilities, strict=True)
    ]


def _taken(data: Any, program: Program, named: bool) -> Any:
    """A frame as the estimator was given one: with None where that is what it knows as missing, without names where it knows none."""
    texts_of_none = [name for name in program.none_inputs if name in getattr(data, "columns", ())]
    if texts_of_none and hasattr(data, "iloc"):
        objects = {name: data[name].astype(object) for name in texts_of_none}
        data = data.assign(**{name: column.where(column.notna(), None) for name, column in objects.items()})
    if named or isinstance(data, np.ndarray):
        return data
    return data.to_numpy() if hasattr(data, "to_numpy") else data.to_pandas().to_numpy()
