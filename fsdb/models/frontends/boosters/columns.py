"""The columns that a booster reads, and the inputs bound to them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from fsdb.errors import UnsupportedModel
from fsdb.models.input_types import has_no_nan, kind_of
from fsdb.models.program import Input
from fsdb.models.steps import Step

Add = Callable[[Step], range]


@dataclass(frozen=True, slots=True)
class Column:
    """A slot that a booster reads as one of its columns.

    `is_text` or else a number; `source` is the input that it comes from; `whole` tells that it has no fraction; `sparse`
    that it travels in a sparse matrix, in which zeros are not kept; `given` that it is an input as it came.
    """

    index: int
    source: str
    is_text: bool = False
    whole: bool = False
    sparse: bool = False
    given: bool = False


class Steps:
    """A program's steps as they grow; the first slots are the inputs."""

    def __init__(self, inputs: int) -> None:
        self.steps: list[Step] = []
        self._count = inputs

    def add(self, step: Step) -> range:
        """Appends a step; the slots that it produces."""
        self.steps.append(step)
        produced = range(self._count, self._count + step.width)
        self._count += step.width
        return produced


def bound(
    model: str, names: Sequence[str] | None, count: int, inputs: Mapping[str, str]
) -> tuple[tuple[Input, ...], list[Column]]:
    """The program's inputs in the model's order, by the names of its fit or, where it knows none, by position.

    UnsupportedModel: one is not given, or is of a type that no model takes.
    """
    if names is None and len(inputs) != count:
        raise UnsupportedModel(
            f"{model} was fitted without column names on {count} columns, but {len(inputs)} inputs are given "
            f"({', '.join(inputs)}): give as many, in its order"
        )
    wanted = list(inputs) if names is None else list(names)
    absent = [name for name in wanted if name not in inputs]
    if absent:
        raise UnsupportedModel(
            f"{model} was fitted with {', '.join(map(repr, absent))}, which no input is bound to: "
            "bind it, or fit without it"
        )
    for name in wanted:
        if kind_of(inputs[name]) is None:
            raise UnsupportedModel(
                f"{model} takes the input {name!r} of type {inputs[name]}: "
                "models take numbers, boolean and text; derive one of these from it"
            )
    columns = [
        Column(index, name, is_text=kind_of(inputs[name]) == "text", whole=has_no_nan(inputs[name]))
        for index, name in enumerate(wanted)
    ]
    return tuple(Input(name, inputs[name]) for name in wanted), columns


def check_prepared(model: str, columns: Sequence[Column], fitted_on_categories: bool) -> None:
    """UnsupportedModel: columns of text or categories that a pipeline has worked on before it gives them to a booster."""
    if fitted_on_categories and all(column.given for column in columns):
        return
    texts = sorted({column.source for column in columns if column.is_text})
    if texts:
        raise UnsupportedModel(
            f"{model} computes with the text input {', '.join(map(repr, texts))}, which needs an encoder"
        )
    if fitted_on_categories:
        raise UnsupportedModel(
            f"{model} was fitted on categories of a data frame behind other steps of a pipeline: fit it alone, or encode them before it"
        )
