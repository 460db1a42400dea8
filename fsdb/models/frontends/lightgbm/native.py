"""The native model as the oracle: predict and predict_proba."""

import warnings
from typing import Any

import lightgbm
import numpy as np

from fsdb.models.frontends.boosters.columns import bound
from fsdb.models.frontends.lightgbm.inputs import categories_of, known_as
from fsdb.models.frontends.lightgbm.model import read
from fsdb.models.frontends.native import Outputs, answers, columns, numbers, with_probabilities
from fsdb.models.program import Argmax, Program
from fsdb.models.user_frame import Rows, UserFrame


def native_outputs(
    estimator: Any, program: Program, rows: Rows, frame: UserFrame | None = None
) -> list[dict[str, Any] | None]:
    """What the model gives for each row: `prediction`, `probability`, `probabilities` as the program has them.

    frame: as `answers` has it. Without one, columns are of the categories of the fit: what it has not seen is missing there.
    """
    name = type(estimator).__name__
    model = read(name, estimator if isinstance(estimator, lightgbm.Booster) else estimator.booster_)
    inputs = {given.name: given.type for given in program.inputs}
    _, slots = bound(name, known_as(model.names, inputs), model.columns, inputs)
    known = categories_of(name, model, slots, None if frame is None else frame.columns)
    categories = {slots[position].source: values for position, values in known.items()}

    def ask(data: Any, _part: Rows) -> Outputs:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            given = data if model.names is not None or isinstance(data, np.ndarray) else _array(data)
            values = estimator.predict(given)
            if isinstance(estimator, lightgbm.Booster) and isinstance(program.output, Argmax):
                return with_probabilities(program, np.argmax(values, axis=1).tolist(), values)
            predicted = np.ravel(values).tolist()
            if not program.has_probability:
                return [{"prediction": value} for value in predicted]
            return with_probabilities(program, predicted, estimator.predict_proba(given))

    def built(part: Rows, types: UserFrame) -> Any:
        if model.names is None and not categories:
            return np.column_stack([numbers(given, part) for given in program.inputs])
        import pandas

        return pandas.DataFrame(columns(program, part, types, categories))

    return answers(program, rows, frame, ask, built, (lightgbm.basic.LightGBMError, ValueError, TypeError))


def _array(data: Any) -> Any:
    return data.to_numpy() if hasattr(data, "to_numpy") else data.to_pandas().to_numpy()
