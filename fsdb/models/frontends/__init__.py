"""Front ends: each turns the fitted models of one library into model programs."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from types import ModuleType
from typing import Any

from fsdb.errors import UnsupportedModel
from fsdb.models.program import Program

_FRONTENDS = {
    "sklearn": "fsdb.models.frontends.sklearn",
    "xgboost": "fsdb.models.frontends.xgboost",
    "lightgbm": "fsdb.models.frontends.lightgbm",
}


def program_of(estimator: Any, inputs: Mapping[str, str]) -> Program:
    """The model program of a fitted estimator, its inputs given as names and PostgreSQL types.

    UnsupportedModel: the estimator is of no known library, not fitted, lacks an input, or does something that a program
    cannot compute exactly. What cannot be served is refused here, never by the first insert.
    """
    program: Program = _frontend(estimator).program_of(estimator, inputs)
    return program


def native_outputs(estimator: Any, program: Program, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What the estimator itself gives for rows (input name to value, NULL as None): the oracle of the parity gate.

    Each has `prediction` and, as the program has them, `probability` and `probabilities`; a row that the estimator refuses
    has only `error`.
    """
    outputs: list[dict[str, Any]] = _frontend(estimator).native_outputs(estimator, program, rows)
    return outputs


def knows_names(estimator: Any) -> bool:
    """Whether a fitted estimator knows its inputs by name: otherwise they go by position."""
    return _frontend(estimator).input_names(estimator) is not None


def _frontend(estimator: Any) -> ModuleType:
    """The front end of the library that the estimator's class, or one that it derives from, comes from."""
    for cls in type(estimator).__mro__:
        library = cls.__module__.partition(".")[0]
        if library in _FRONTENDS:
            return import_module(_FRONTENDS[library])
    raise UnsupportedModel(
        f"{type(estimator).__name__} is of no known library: give a fitted estimator or pipeline of "
        f"{', '.join(_FRONTENDS)}"
    )
