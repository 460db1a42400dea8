"""A program that onnxruntime scores in this process."""

from collections.abc import Mapping, Sequence
from typing import Any

from fsdb.errors import InvalidData
from fsdb.models.backends.onnx.compiled import compiled
from fsdb.models.backends.onnx.running import Runner
from fsdb.models.program import Program


class Scorer:
    """A model that is ready to score. It may be used by several threads at once."""

    def __init__(self, program: Program, threads: int = 1) -> None:
        """`threads`: how many a call with many rows may use. UnsupportedModel: a step has no ONNX form."""
        made = compiled(program)
        self.inputs = tuple(given.name for given in program.inputs)
        self._runner = Runner(made.model, made.description, threads)

    def run(self, columns: Mapping[str, Any]) -> dict[str, Any]:
        """Scores rows, given as columns of equal length by input name: lists or numpy arrays, missing values as None or NaN.

        Gives `prediction` (a float64 array of a regression, else a list of labels) and, as the program has them, `probability`
        (array) and `probabilities` (array of shape (rows, classes)). Where the model refuses rows there is also `error`: a
        list with the reason, or None for each row that is not refused. What the other entries have for a refused row means
        nothing. The order of rows is kept.

        InvalidData: an input is absent, or the columns are not of one length.
        """
        absent = [name for name in self.inputs if name not in columns]
        if absent:
            raise InvalidData(f"The model takes {', '.join(map(repr, absent))}, which is not given: give each input.")
        given = [columns[name] for name in self.inputs]
        if len({len(values) for values in given}) > 1:
            raise InvalidData(
                "The columns to score are of different lengths: give one value of each input for each row."
            )
        return self._runner.rows(given)

    def row(self, values: Sequence[Any]) -> tuple[Any, ...]:
        """`prediction`, `probability` and `probabilities`, as the program has them, for one row's inputs in the program's order.

        RowRefused: the model does not take the row.
        """
        return self._runner.row(values)
