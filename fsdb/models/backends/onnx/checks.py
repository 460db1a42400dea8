"""Rows that a program refuses: what is checked before the graph runs, and what on the numbers that it gives."""

import math
import sys
from typing import Any

from fsdb.models.steps import Bounds, LookupNumber

FLOAT32_LIMIT = math.nextafter(3.4028235677973366e38, 0)  # the largest number that is finite as float32


def range_check(column: int, source: str, step: Bounds) -> dict[str, Any]:
    """The check of one column of Bounds."""
    limit = FLOAT32_LIMIT if step.float32 else sys.float_info.max
    subject = f'fsdb: input "{source}" of the model'
    what = "too large for float32 or infinite" if step.float32 else "infinite"
    return {
        "is": "range",
        "column": column,
        "low": -limit,
        "high": limit,
        "missing": step.missing,
        "absent": f"{subject} is NULL or NaN, and the model takes no missing value for it; give one",
        "outside": f"{subject} is {what}; give a finite number",
    }


def positive_check(column: int, source: str) -> dict[str, Any]:
    """The check of one column of BoxCox."""
    sentence = f'fsdb: input "{source}" of the model is not above 0, and the model takes its logarithm'
    return {
        "is": "range",
        "column": column,
        "low": math.ulp(0.0),
        "high": math.inf,
        "missing": True,
        "absent": sentence,
        "outside": sentence,
    }


def known_check(column: int, source: str, step: LookupNumber) -> dict[str, Any]:
    """The check of a number that is looked up."""
    subject = f'fsdb: input "{source}" of the model'
    return {
        "is": "known",
        "column": column,
        "keys": None if step.unknown is not None else list(step.keys),
        "missing": step.missing is not None,
        "absent": f"{subject} is NULL, which the model was not fitted with; give a value",
        "before": f'{subject} has the category "',
        "after": '", which the model was not fitted with; correct it, or fit with handle_unknown',
    }
