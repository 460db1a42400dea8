"""Refusal of missing and infinite numbers."""

import math
import sys
from dataclasses import replace

from psycopg.sql import Composed

from fsdb.models.backends.sql.emitter import Body, conjunction, expression, number, text
from fsdb.models.backends.sql.texts import fragment
from fsdb.models.steps import Bounds

# The least number that rounds to infinity in float32 lies half a unit above the largest float32.
_FLOAT32_LIMIT = math.nextafter(3.4028235677973366e38, 0)


def bounds(step: Bounds, body: Body) -> None:
    """One IF for all columns; what is wrong with which is worked out only when something is."""
    limit = _FLOAT32_LIMIT if step.float32 else sys.float_info.max
    what = "too large for float32 or infinite" if step.float32 else "infinite"
    inside: list[Composed] = []
    absent: list[Composed] = []
    messages: list[Composed] = []
    for slot in step.columns:
        value = body.kept(slot)
        subject = f'fsdb: input "{value.source}" of the model'
        within = expression("in_bounds", value=value.sql, low=number(-limit), high=number(limit))
        inside.append(within)
        if not step.missing:
            absent.append(expression("is_null", value=value.sql))
            messages.append(
                _message(absent[-1], f"{subject} is NULL or NaN, and the model takes no missing value for it; give one")
            )
            body.values[slot] = replace(value, nullable=False)
        messages.append(_message(expression("outside", inside=within), f"{subject} is {what}; give a finite number"))
    parts = {"conditions": conjunction(inside, " AND "), "messages": conjunction(messages, " ")}
    if step.missing:
        body.statements.append(fragment("statements", "refuse_infinite", **parts))
    else:
        parts["missing"] = conjunction(absent, " OR ")
        body.statements.append(fragment("statements", "refuse_missing_or_infinite", **parts))


def _message(condition: Composed, sentence: str) -> Composed:
    return fragment("statements", "message", condition=condition, text=text(sentence))
