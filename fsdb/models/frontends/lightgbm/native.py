"""The native model as the oracle: predict and predict_proba."""

import warnings
from typing import Any

import lightgbm
import numpy as np

from fsdb.models.frontends.boosters.columns import bound
from fsdb.models.frontends.boosters.native import Rows, halved, numbers, with_probabilities
from fsdb.models.frontends.lightgbm.inputs import categories_of, known_as
from fsdb.models.frontends.lightgbm.model import Model, read
from fsdb.models.program import Argmax, Program


def native_outputs(estimator: Any, program: Program, rows: Rows) -> list[dict[str, Any]]:
    """What the model gives for each row: `prediction`, `probability`, `probabilities` as the program has them."""
    name = type(estimator).__name__
    model = read(name, estimator if isinstance(estimator, lightgbm.Booster) else estimator.booster_)

    def outputs(part: Rows) -> list[dict[str, Any]]:
        data = _frame(name, model, program, part)
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            values = estimator.predict(data)
            if isinstance(estimator, lightgbm.Booster) and isinstance(program.output, Argmax):
                return with_probabilities(program, np.argmax(values, axis=1).tolist(), values)
            predicted = np.ravel(values).tolist()
            if not program.has_probability:
                return [{"prediction": value} for value in predicted]
            return with_probabilities(program, predicted, estimator.predict_proba(data))

    return halved(outputs, rows, (lightgbm.basic.LightGBMError, ValueError))


def _frame(name: str, model: Model, program: Program, rows: Rows) -> Any:
    """A frame where the fit had names, with columns of the categories of the fit: what it has not seen is missing there."""
    inputs = {given.name: given.type for given in program.inputs}
    _, columns = bound(name, known_as(model.names, inputs), model.columns, inputs)
    categories = categories_of(name, model, columns)
    if model.names is None and not categories:
        return np.column_stack([numbers(given, rows) for given in program.inputs])
    import pandas

    frame: dict[str, Any] = {}
    for position, given in enumerate(program.inputs):
        values = categories.get(position)
        if values is None:
            frame[given.name] = numbers(given, rows)
        else:
            present = [row[given.name] if row[given.name] in values else None for row in rows]
            frame[given.name] = pandas.Categorical(present, categories=pandas.Index(values))
    return pandas.DataFrame(frame)
