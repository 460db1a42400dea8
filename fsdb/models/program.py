"""The model program: what a fitted model computes, as frozen data that can be stored, compared and compiled."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property

from fsdb.errors import UnsupportedModel
from fsdb.models import serialization
from fsdb.models.parity import PARITY_TOLERANCE, SINGLE_TOLERANCE
from fsdb.models.steps import Graph, Single, SingleTrees, Step


@dataclass(frozen=True, slots=True)
class Input:
    """An input of the model: its name and PostgreSQL type as format_type writes it."""

    name: str
    type: str


@dataclass(frozen=True, slots=True)
class Regression:
    """The prediction is the number in a slot."""

    value: int


@dataclass(frozen=True, slots=True)
class Threshold:
    """The second class where the score is above 0 (`inclusive`: or equal to it), otherwise the first.

    `probability` is the slot with the probability of the second class.
    """

    score: int
    inclusive: bool
    probability: int | None


@dataclass(frozen=True, slots=True)
class Argmax:
    """The class with the largest score, the first of them when several are equal.

    `probabilities` are the slots with the probability of each class.
    """

    scores: tuple[int, ...]
    probabilities: tuple[int, ...] | None


OneTarget = Regression | Threshold | Argmax


@dataclass(frozen=True, slots=True)
class Several:
    """A prediction for each target, an array in their order; there is no probability.

    The targets are all Regressions, or none is. `counts` tells how many of the program's classes, where those of one target
    stand after those of another, are each target's; it is empty for numbers.
    """

    targets: tuple[OneTarget, ...]
    counts: tuple[int, ...]


Output = OneTarget | Several


@contextmanager
def fitting() -> Iterator[None]:
    """Around what compiles a program. Raises UnsupportedModel for one whose parts do not fit each other: it may be stored by anybody who may register."""
    try:
        yield
    except (IndexError, KeyError, TypeError, ValueError, ArithmeticError, RecursionError) as error:
        raise UnsupportedModel(
            f"the parts of the model's program do not fit each other ({type(error).__name__}: {str(error)[:80]}): register the model again"
        ) from error


def decisive(output: Output) -> tuple[int, ...]:
    """The slots that a prediction and its probabilities are read from."""
    match output:
        case Regression(value=slot):
            return (slot,)
        case Threshold(score=score, probability=slot):
            return (score,) if slot is None else (score, slot)
        case Argmax(scores=scores, probabilities=slots):
            return (*scores, *(slots or ()))
        case Several(targets=targets):
            return tuple(slot for target in targets for slot in decisive(target))


@dataclass(frozen=True, eq=False)
class Program:
    """A model program. Programs are equal when their canonical JSON is (a NaN in them equals itself).

    `classes` are the labels in the model's order, None for a regression; of several targets one after another. `none_inputs` names the inputs whose
    NULL the native model knows as None rather than NaN; it matters to the native oracle alone. `single` tells that the native model computes
    in float32, as scikit-learn does where the frame is float32.
    """

    inputs: tuple[Input, ...]
    steps: tuple[Step, ...]
    output: Output
    classes: tuple[bool, ...] | tuple[int, ...] | tuple[str, ...] | tuple[float, ...] | None
    none_inputs: tuple[str, ...] = ()
    single: bool = field(default=False, metadata={serialization.LATER: True})

    @property
    def prediction_type(self) -> str:
        """The PostgreSQL type of the prediction, as format_type writes it."""
        several = "[]" if isinstance(self.output, Several) else ""
        if self.classes is None:
            return f"double precision{several}"
        names = {bool: "boolean", int: "bigint", str: "text", float: "double precision"}
        return f"{names[type(self.classes[0])]}{several}"

    @property
    def has_probability(self) -> bool:
        """Whether there is a probability: binary, of the second class; several classes, of the predicted one."""
        match self.output:
            case Threshold(probability=slot):
                return slot is not None
            case Argmax(probabilities=slots):
                return slots is not None
            case Regression() | Several():
                return False

    @property
    def has_probabilities(self) -> bool:
        """Whether there is an array of probabilities in class order: several classes only."""
        return self.has_probability and self.classes is not None and len(self.classes) > 2

    @property
    def tolerance(self) -> float:
        """How far its numbers may be from the native ones: more where the native model itself computes in float32."""
        single = self.single or any(isinstance(step, Single | SingleTrees | Graph) for step in self.steps)
        return SINGLE_TOLERANCE if single else PARITY_TOLERANCE

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Program) and self.to_json() == other.to_json()

    def __hash__(self) -> int:
        return hash(self.checksum)

    def to_json(self) -> str:
        """Canonical JSON: equal programs give equal texts."""
        return serialization.to_json(self)

    @staticmethod
    def from_json(text: str) -> "Program":
        """The program that a canonical JSON describes; ValueError where it describes none."""
        from fsdb.models import validity  # which knows what a program is

        program = serialization.from_json(Program, text)
        validity.check(program)
        return program

    @cached_property
    def checksum(self) -> str:
        """SHA-256 of the canonical JSON, in hex."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()
