"""How the oracles of the front ends ask a native model: with its owner's own frame, or with more rows in that frame's types."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from fsdb.models import user_frame
from fsdb.models.input_types import as_number, kind_of
from fsdb.models.program import Input, Program
from fsdb.models.user_frame import Rows, UserFrame

Outputs = list[dict[str, Any]]
Form = Callable[[Sequence[int]], Any]
_PROBED = 12


def answers(
    program: Program,
    rows: Rows,
    frame: UserFrame | None,
    ask: Callable[[Any, Rows], Outputs],
    built: Callable[[Rows, UserFrame], Any],
    refusals: tuple[type[Exception], ...],
) -> list[dict[str, Any] | None]:
    """What a model gives for each row: its outputs, or `error` alone where it refuses the row.

    ask: the model's outputs for data that it takes, and the rows that the data holds. built: such data from rows, in the types of a
    frame as far as it has the columns. Where there is a frame with the rows themselves, the model is asked with that. None is what
    cannot be told: a row that only numbers of another width hold, which this model does not take.
    """
    names = [given.name for given in program.inputs]
    nothing = UserFrame()

    def wholly(part: Rows, types: UserFrame) -> Form:
        return lambda places: built([part[place] for place in places], types)

    if frame is None:
        return list(_first([wholly(rows, nothing)], rows, ask, refusals))
    if frame.has(names):
        forms = [lambda places: frame.rows_at(places, names), wholly(rows, frame), wholly(rows, nothing)]
        return list(_first(forms, rows, ask, refusals))
    results: list[dict[str, Any] | None] = [None] * len(rows)
    exact, wide = user_frame.split(frame, names, rows)
    for places in (exact, wide):
        part = [rows[place] for place in places]
        for place, found in zip(
            places, _first([wholly(part, frame), wholly(part, nothing)], part, ask, refusals), strict=True
        ):
            results[place] = found
    if frame.single(names):
        for place in wide:
            if "error" in (results[place] or {}) and not any(
                user_frame.is_missing(rows[place][name]) for name in names
            ):
                results[place] = None
    return results


def numbers(given: Input, rows: Rows) -> Any:
    """A column of float64."""
    return np.array([as_number(row[given.name], given.type) for row in rows], dtype=np.float64)


def columns(
    program: Program, rows: Rows, frame: UserFrame, categories: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The inputs as pandas columns: of the model's own categories, in the frame's types, else float64 and objects.

    categories: the index of those columns that the model itself keeps categories of.
    """
    import pandas

    made: dict[str, Any] = {}
    for given in program.inputs:
        if categories and given.name in categories and not user_frame.is_categorical(frame.dtype(given.name)):
            made[given.name] = user_frame.category([row[given.name] for row in rows], categories[given.name])
        elif given.name in frame.columns:
            made[given.name] = user_frame.column(frame, given.name, [row[given.name] for row in rows])
        else:
            values = plain(program, given, rows)
            made[given.name] = pandas.Series(values, dtype=values.dtype)
    return made


def plain(program: Program, given: Input, rows: Rows) -> Any:
    """A column of float64, or of objects where it is text or the model knows None: NULL is what the model knows as missing."""
    if kind_of(given.type) == "number" and given.name not in program.none_inputs:
        return numbers(given, rows)
    null = None if given.name in program.none_inputs else math.nan
    made = np.empty(len(rows), dtype=object)
    made[:] = [null if row[given.name] is None else row[given.name] for row in rows]
    return made


def with_probabilities(program: Program, predicted: Sequence[Any], shares: Any) -> Outputs:
    """Predictions and the rows of a matrix of probabilities, in class order."""
    classes = program.classes or ()
    places = {label: place for place, label in enumerate(classes)}
    rows = [[float(share) for share in row] for row in shares]
    if not program.has_probabilities:
        return [{"prediction": p, "probability": row[1]} for p, row in zip(predicted, rows, strict=True)]
    return [
        {"prediction": p, "probability": row[places[p]], "probabilities": row}
        for p, row in zip(predicted, rows, strict=True)
    ]


def halved(
    ask: Callable[[Sequence[int]], Outputs], places: Sequence[int], refusals: tuple[type[Exception], ...]
) -> Outputs:
    """The outputs of rows; those that are refused have only `error`. A refused batch is halved until each row stands alone."""
    if not places:
        return []
    try:
        return ask(places)
    except refusals as refusal:
        if len(places) == 1:
            return [{"error": str(refusal).partition("\n")[0]}]
    middle = len(places) // 2
    return halved(ask, places[:middle], refusals) + halved(ask, places[middle:], refusals)


def _first(
    forms: Sequence[Form], rows: Rows, ask: Callable[[Any, Rows], Outputs], refusals: tuple[type[Exception], ...]
) -> Outputs:
    """The outputs of rows in the first form in which the model takes any of them."""
    every = range(len(rows))
    for number, form in enumerate(forms, start=1):

        def asked(places: Sequence[int], form: Form = form) -> Outputs:
            return ask(form(places), [rows[place] for place in places])

        if number == len(forms) or _takes_any(asked, every, refusals):
            return halved(asked, every, refusals)
    return []


def _takes_any(
    ask: Callable[[Sequence[int]], Outputs], places: Sequence[int], refusals: tuple[type[Exception], ...]
) -> bool:
    step = max(1, len(places) // _PROBED)
    for place in places[::step]:
        try:
            ask([place])
        except refusals:
            continue
        return True
    return False
