"""Refusal of missing and infinite numbers."""

import math
import sys

from fsdb.models.backends.sql.emitter import Body, conjunction, expression, number, text
from fsdb.models.backends.sql.texts import fragment
from fsdb.models.steps import Bounds

# The least number that rounds to infinity in float32 lies half a unit above the largest float32.
_FLOAT32_LIMIT = math.nextafter(3.4028235677973366e38, 0)


def bounds(step: Bounds, body: Body) -> None:
    """One IF for all columns; what is wrong with which is worked out only when something is."""
    limit = _FLOAT32_LIMIT if step.float32 else sys.float_info.max
    what = "too large for float32 or infinite" if step.float32 else "infinite"
    conditions = []
    missing = []
    messages = []
    for slot in step.columns:
        value = body.kept(slot)
        inside = expression("in_bounds", value=value.sql, low=number(-limit), high=number(limit))
        absent = expression("is_null", value=value.sql)
        conditions.append(inside)
        subject = f'fsdb: input "{value.source}" of the model'
        if not step.missing:
            missing.append(absent)
            reason = f"{subject} is NULL or NaN, and the model takes no missing value for it; give one"
            messages.append(fragment("statements", "message", condition=absent, text=text(reason)))
        reason = f"{subject} is {what}; give a finite number"
        outside = conjunction([inside], "")
        messages.append(
            fragment(
                "statements",
                "message",
                condition=fragment("expressions", "outside", inside=outside),
                text=text(reason),
            )
        )
    parts = {"conditions": conjunction(conditions, " AND "), "messages": conjunction(messages, " ")}
    if step.missing:
        body.statements.append(fragment("statements", "refuse_infinite", **parts))
    else:
        everything = {**parts, "missing": conjunction(missing, " OR ")}
        body.statements.append(fragment("statements", "refuse_missing_or_infinite", **everything))
