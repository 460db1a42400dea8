"""What the translators of scikit-learn estimators share: the growing program and its refusals."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn

import numpy as np

from fsdb.errors import UnsupportedModel
from fsdb.models.program import Output
from fsdb.models.steps import Bounds, Linear, Step
from fsdb.models.user_frame import UserFrame

_MOST_NODES = 1_000_000


@dataclass(frozen=True, slots=True)
class Slot:
    """A column on its way through the pipeline.

    `kind` is 'number', 'text', 'absent' (an input that nobody bound) or words for a type that no model takes; `missing` tells whether it can be missing;
    `finite` and `finite32` whether bounds have been checked already; `imputed` that an imputer filled it; `sparse` that it
    travels in a sparse matrix, with which some estimators reckon differently.
    """

    index: int
    kind: str
    source: str
    missing: bool = True
    finite: bool = False
    finite32: bool = False
    imputed: bool = False
    sparse: bool = False


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a predictor computes.

    `decision` are the slots of its decision_function, one where there are two classes, none where it has no such method.
    `classes` are the labels; translators leave them out where the estimator has them as `classes_`.
    """

    output: Output
    decision: tuple[int, ...] = ()
    classes: tuple[Any, ...] = ()


@dataclass
class Translation:
    """The steps so far. Translators of transformers return their output slots, those of predictors a Prediction.

    `transform` and `predict` translate an estimator within another. `inputs` of the first slots are the program's, `frame` tells
    the types in which the fit had them, as far as they are known.
    """

    count: int
    transform: Callable[[Any, Sequence[Slot], "Translation"], list[Slot]]
    predict: Callable[[Any, Sequence[Slot], "Translation"], Prediction]
    steps: list[Step] = field(default_factory=list)
    none_inputs: set[str] = field(default_factory=set)
    nan_inputs: set[str] = field(default_factory=set)
    guarded: dict[int, Slot] = field(default_factory=dict)
    inputs: int = 0
    frame: UserFrame | None = None

    def refuse(self, estimator: Any, reason: str) -> NoReturn:
        """Refuses the model because of one estimator in it."""
        raise UnsupportedModel(f"{type(estimator).__name__} {reason}; change that, or register the model as ONNX")

    def add(self, step: Step) -> range:
        """Appends a step; the indices of the slots that it produces."""
        self.steps.append(step)
        produced = range(self.count, self.count + step.width)
        self.count += step.width
        return produced

    def linear(self, columns: Iterable[int], coefficients: Any, intercepts: Any) -> range:
        """Appends dot products: coefficients of shape (outputs, columns), an intercept for each output."""
        return self.add(Linear(tuple(columns), tuple(floats(row) for row in coefficients), floats(intercepts)))

    def check_size(self, estimator: Any, nodes: int) -> None:
        """Refuses an ensemble whose function would take long to load in each new connection."""
        if nodes > _MOST_NODES:
            self.refuse(
                estimator,
                f"has {nodes:,} tree nodes, more than the {_MOST_NODES:,} that a function can hold: "
                "limit n_estimators, max_depth or max_leaf_nodes",
            )

    def numbers(self, estimator: Any, slots: Sequence[Slot]) -> list[Slot]:
        """The slots, which must be numbers."""
        texts = sorted({slot.source for slot in slots if slot.kind == "text"})
        if texts:
            self.refuse(
                estimator, f"computes with the text input {', '.join(map(repr, texts))}, which needs an encoder"
            )
        return list(slots)

    def bounded(self, estimator: Any, slots: Sequence[Slot], *, missing: bool, float32: bool = False) -> list[Slot]:
        """The slots as numbers that the estimator accepts; adds the check where it is still to be made."""
        result = []
        unchecked = []
        for given in self.numbers(estimator, slots):
            slot = self.guarded.get(given.index, given)
            safe = slot.finite32 if float32 else slot.finite
            if not safe or (slot.missing and not missing):
                unchecked.append(slot.index)
                slot = replace(slot, finite=True, finite32=slot.finite32 or float32, missing=slot.missing and missing)
                self.guarded[slot.index] = slot
            result.append(slot)
        if unchecked:
            self.add(Bounds(tuple(unchecked), missing=missing, float32=float32))
        return result


def floats(values: Iterable[Any]) -> tuple[float, ...]:
    """Plain floats."""
    return tuple([float(value) for value in values])


def is_nan(value: Any) -> bool:
    """Whether a category or fill is NaN."""
    return isinstance(value, float | np.floating) and math.isnan(value)


def first_step(estimator: Any) -> Any:
    """The first estimator of a pipeline, or of the best one of a search, that does something: it knows the columns of the fit."""
    while True:
        if type(estimator).__name__ == "Pipeline":
            estimator = next(step for _, step in estimator.steps if step is not None and not isinstance(step, str))
        elif type(estimator).__name__ == "FrozenEstimator":
            estimator = estimator.estimator
        elif hasattr(estimator, "best_estimator_"):
            estimator = estimator.best_estimator_
        else:
            return estimator
