"""The scikit-learn front end. scikit-learn is imported in this folder and nowhere else."""

from collections.abc import Mapping, Sequence
from typing import Any

from fsdb.errors import UnsupportedModel
from fsdb.models.frontends.sklearn import families
from fsdb.models.frontends.sklearn.native import native_outputs
from fsdb.models.frontends.sklearn.translation import Prediction, Slot, Translation, first_step
from fsdb.models.input_types import has_no_nan, kind_of
from fsdb.models.program import Input, Program, Regression, Several
from fsdb.models.user_frame import UserFrame

__all__ = ["input_names", "native_outputs", "program_of"]

_CLASS_TYPES = (bool, int, str, float)


def program_of(estimator: Any, inputs: Mapping[str, str], frame: UserFrame | None = None) -> Program:
    """The model program of a fitted estimator.

    `inputs` are names and PostgreSQL types: matched with the names that the estimator was fitted with, or by position
    where it was fitted without. frame: the one of the fit, or one like it. UnsupportedModel: something that a program cannot compute exactly as the estimator.
    """
    families.check_predictor(estimator)
    bound: list[Input] = []
    slots = []
    for name in _wanted(estimator, inputs):
        kind = kind_of(inputs[name]) if name in inputs else "absent"
        if kind in ("number", "text"):
            finite = has_no_nan(inputs[name])
            slots.append(Slot(len(bound), kind, name, finite=finite, finite32=finite))
            bound.append(Input(name, inputs[name]))
        else:
            slots.append(Slot(-1, kind or f"of type {inputs[name]}", name))
    translation = Translation(len(bound), families.transform, families.predict, inputs=len(bound), frame=frame)
    prediction = families.predict(estimator, slots, translation)
    both = translation.none_inputs & translation.nan_inputs
    if both:
        raise UnsupportedModel(
            f"{type(estimator).__name__} knows both None and NaN as missing values of "
            f"{', '.join(map(repr, sorted(both)))}: SQL has one NULL; fit it with one of them"
        )
    return Program(
        tuple(bound),
        tuple(translation.steps),
        prediction.output,
        _classes(estimator, prediction),
        tuple(sorted(translation.none_inputs)),
    )


def input_names(estimator: Any) -> Sequence[str] | None:
    """The names that a fitted estimator knows its columns by, None where it knows none."""
    names: Sequence[str] | None = getattr(estimator, "feature_names_in_", None)
    return names


def _wanted(estimator: Any, inputs: Mapping[str, str]) -> list[str]:
    """The inputs in the estimator's order, by its own names or else as given."""
    first = first_step(estimator)
    names = getattr(first, "feature_names_in_", None)
    if names is not None:
        return [str(name) for name in names]
    if len(inputs) != getattr(first, "n_features_in_", len(inputs)):  # a dummy looks at no column
        raise UnsupportedModel(
            f"{type(estimator).__name__} was fitted without column names on {first.n_features_in_} columns, but "
            f"{len(inputs)} inputs are given ({', '.join(inputs)}): give as many, in its order"
        )
    return list(inputs)


def _classes(estimator: Any, prediction: Prediction) -> Any:
    """The labels as plain values of one type."""
    if isinstance(prediction.output, Regression):
        return None
    labels = prediction.classes
    name = type(estimator).__name__
    if isinstance(prediction.output, Several):
        counts = prediction.output.counts
        if not counts:
            return None
        if min(counts) < 2:
            raise UnsupportedModel(
                f"{name} knows one class alone of target {counts.index(min(counts)) + 1}: fit it with rows of two classes or more"
            )
    if len(labels) < 2:
        raise UnsupportedModel(f"{name} knows the one class {labels[0]!r}: fit it with rows of two classes or more")
    for kind in _CLASS_TYPES:
        if all(type(label) is kind for label in labels):
            if kind is int and not all(-(2**63) <= label < 2**63 for label in labels):
                break
            return labels
    raise UnsupportedModel(
        f"{name} has the classes {labels!r}: use labels that are all boolean, all bigint, all text or all float64"
    )
