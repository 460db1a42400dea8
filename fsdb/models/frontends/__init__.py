"""Front ends: each turns the fitted models of one library into model programs."""

import math
from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module
from types import ModuleType
from typing import Any

from fsdb.errors import UnsupportedModel
from fsdb.models.frontends.onnx_model import OnnxModel, is_onnx
from fsdb.models.program import Program
from fsdb.models.user_frame import Rows, UserFrame

__all__ = ["OnnxModel", "asked", "class_of", "knows_names", "native_outputs", "program_of", "whole_of"]

_FRONTENDS = {
    "sklearn": "fsdb.models.frontends.sklearn",
    "xgboost": "fsdb.models.frontends.xgboost",
    "lightgbm": "fsdb.models.frontends.lightgbm",
}


def program_of(estimator: Any, inputs: Mapping[str, str], frame: UserFrame | None = None) -> Program:
    """The model program of a fitted estimator, its inputs given as names and PostgreSQL types.

    frame: the one that it was fitted on, or one like it, which tells what the estimator does not (which columns were categories).

    UnsupportedModel: the estimator is of no known library, not fitted, lacks an input, or does something that a program
    cannot compute exactly. What cannot be served is refused here, never by the first insert.
    """
    program: Program = _frontend(estimator).program_of(estimator, inputs, frame)
    return program


def native_outputs(estimator: Any, program: Program, rows: Rows) -> list[dict[str, Any]]:
    """What the estimator itself gives for rows (input name to value, NULL as None), as float64 and texts.

    Each has `prediction` and, as the program has them, `probability` and `probabilities`; a row that the estimator refuses
    has only `error`, and so has one for which it gives NaN: that is no prediction.
    """
    return [found or {} for found in asked(estimator, program, rows, None)]


def asked(estimator: Any, program: Program, rows: Rows, frame: UserFrame | None) -> list[dict[str, Any] | None]:
    """The same of the estimator's own frame: the oracle of the parity gate.

    frame: with the rows themselves, or with the types in which they are given to the estimator. None is what cannot be told: a row
    that those types do not hold, and that the estimator does not take in wider ones.
    """
    outputs: list[dict[str, Any] | None] = _frontend(estimator).native_outputs(estimator, program, rows, frame)
    return [{"error": "the model gives NaN"} if found and _has_nan(found) else found for found in outputs]


def knows_names(estimator: Any) -> bool:
    """Whether a fitted estimator knows its inputs by name: otherwise they go by position."""
    return _frontend(estimator).input_names(estimator) is not None


def class_of(estimator: Any) -> str:
    """The estimator's class; of a pipeline also its steps', of an ONNX model its operators."""
    if is_onnx(estimator):
        operators: str = _frontend(estimator).class_of(estimator)
        return operators
    steps = [type(step).__name__ for _, step in getattr(estimator, "steps", ())]
    name = type(estimator).__name__
    return f"{name}({', '.join(steps)})" if steps else name


def whole_of(estimator: Any) -> OnnxModel | None:
    """An ONNX model as one that is not translated into steps, None for any other estimator and where it is such already.

    For models whose float32 rounding the steps do not follow closely enough for the parity gate.
    """
    if not is_onnx(estimator):
        return None
    given = estimator if isinstance(estimator, OnnxModel) else OnnxModel(estimator)
    return replace(given, translate=False) if given.translate else None


def _has_nan(outputs: Mapping[str, Any]) -> bool:
    numbers = (number for value in outputs.values() for number in (value if isinstance(value, list) else [value]))
    return any(isinstance(number, float) and math.isnan(number) for number in numbers)


def _frontend(estimator: Any) -> ModuleType:
    """The front end of the library that the estimator's class, or one that it derives from, comes from."""
    if is_onnx(estimator):
        try:
            return import_module("fsdb.models.frontends.onnx")
        except ImportError as error:
            raise UnsupportedModel(
                f"an ONNX model needs the packages onnx and onnxruntime ({error}): pip install 'fsdb-postgres[onnx]'"
            ) from error
    for cls in type(estimator).__mro__:
        library = cls.__module__.partition(".")[0]
        if library in _FRONTENDS:
            return import_module(_FRONTENDS[library])
    raise UnsupportedModel(
        f"{type(estimator).__name__} is of no known library: give a fitted estimator or pipeline of "
        f"{', '.join(_FRONTENDS)}, or an ONNX model"
    )
