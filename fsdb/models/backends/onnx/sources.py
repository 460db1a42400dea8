"""The columns of the tensor `x` that a program's graph reads: its number inputs, and what its texts are looked up as.

Texts never enter the graph: a text slot is a text input, perhaps with a fill for NULL, and each step that makes a number of
one becomes a column of `x` with its table.
"""

from dataclasses import dataclass
from typing import Any

from fsdb.errors import UnsupportedModel
from fsdb.models.input_types import base_type, kind_of
from fsdb.models.program import Input, Program
from fsdb.models.steps import ImputeText, LookupText, Missing


@dataclass(frozen=True, slots=True)
class Text:
    """A text slot: an input by its place, and what stands for NULL."""

    place: int
    fill: str | None


def kind(given: Input) -> str:
    """'number', 'real' (rounded to float32) or 'text'."""
    found = kind_of(given.type)
    if found is None:
        raise UnsupportedModel(
            f"the input {given.name!r} has the type {given.type!r}: models take numbers, boolean and text; "
            "derive one of these from it"
        )
    return "real" if base_type(given.type) == "real" else found


class Sources:
    """The columns of `x` as entries of the description, and where each slot that is a column of `x` stands in it."""

    def __init__(self, program: Program) -> None:
        self.columns: list[dict[str, Any]] = []
        self.places: dict[int, int] = {}
        self.texts: dict[int, Text] = {}
        self._names = [given.name for given in program.inputs]
        slot = len(program.inputs)
        for place, given in enumerate(program.inputs):
            if kind(given) == "text":
                self.texts[place] = Text(place, None)
            else:
                self.places[place] = len(self.columns)
                self.columns.append({"input": place})
        for step in program.steps:
            match step:
                case ImputeText():
                    for offset, (column, fill) in enumerate(zip(step.columns, step.fills, strict=True)):
                        text = self.texts[column]
                        self.texts[slot + offset] = Text(text.place, fill if text.fill is None else text.fill)
                case LookupText():
                    self._lookup(slot, self.texts[step.column], step)
                case Missing():
                    for offset, column in enumerate(step.columns):
                        if column in self.texts:
                            shown = LookupText(column, (), (), missing=1.0, unknown=0.0)
                            self._lookup(slot + offset, self.texts[column], shown)
                case _:
                    pass
            slot += step.width

    def source(self, slot: int) -> str:
        """The input that a slot of `x` comes from."""
        place: int = self.columns[self.places[slot]]["input"]
        return self._names[place]

    def _lookup(self, slot: int, text: Text, step: LookupText) -> None:
        name = self._names[text.place]
        self.places[slot] = len(self.columns)
        self.columns.append(
            {
                "input": text.place,
                "keys": list(step.keys),
                "values": list(step.values),
                "missing": step.missing,
                "unknown": step.unknown,
                "fill": text.fill,
                "absent": f'fsdb: input "{name}" of the model is NULL, which the model was not fitted with; give a value',
                "before": f'fsdb: input "{name}" of the model has the category "',
                "after": '", which the model was not fitted with; correct it, or fit with handle_unknown',
            }
        )
