"""Which PostgreSQL types a model's inputs may have, and how their values reach the model."""

import math
import re
from typing import Any

import numpy as np

_INTEGERS = frozenset({"smallint", "integer", "bigint", "boolean"})
_FRACTIONS = frozenset({"real", "double precision", "numeric"})
_TEXTS = frozenset({"text", "character varying"})
_NAME = re.compile(r"[a-z ]+(\(\d+(, ?-?\d+)?\))?")


def base_type(type_name: str) -> str:
    """The type without its modifier: `numeric(10,2)` is `numeric`."""
    return re.sub(r"\(.*\)", "", type_name).strip()


def kind_of(type_name: str) -> str | None:
    """'number', 'text', or None for a type that no model takes."""
    if not _NAME.fullmatch(type_name):
        return None
    base = base_type(type_name)
    if base in _INTEGERS or base in _FRACTIONS:
        return "number"
    return "text" if base in _TEXTS else None


def has_no_nan(type_name: str) -> bool:
    """Whether the values of a number type are all finite, also as float32."""
    return base_type(type_name) in _INTEGERS


def as_number(value: Any, type_name: str) -> float:
    """A value as the model gets it: float64, NULL as NaN; a `real` has the value of its 32 bits."""
    if value is None:
        return math.nan
    number = float(value)
    return float(np.float32(number)) if base_type(type_name) == "real" else number
