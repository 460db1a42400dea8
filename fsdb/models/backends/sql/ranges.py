"""Where a number lies: clipping, thresholds, bins, piecewise linear functions."""

from fsdb.models.backends.sql.emitter import Body, Value, expression, integer, number, numbers
from fsdb.models.steps import Above, Bins, Clip, Piecewise


def clip(step: Clip, body: Body) -> None:
    """CASE, since LEAST and GREATEST pass NULL over."""
    for slot, low, high in zip(step.columns, step.lows, step.highs, strict=True):
        value = body.kept(slot)
        result = expression("clip", value=value.sql, low=number(low), high=number(high))
        body.values.append(Value(result, value.source, nullable=value.nullable))


def above(step: Above, body: Body) -> None:
    """1 or 0."""
    for slot, threshold in zip(step.columns, step.thresholds, strict=True):
        value = body.kept(slot)
        result = expression("above_threshold", value=value.sql, threshold=number(threshold))
        body.values.append(Value(result, value.source, nullable=False))


def bins(step: Bins, body: Body) -> None:
    """width_bucket with an array counts as numpy.searchsorted does on the right side."""
    value = body.kept(step.column)
    result = expression("bin", value=value.sql, edges=numbers(step.edges)) if step.edges else number(0.0)
    body.values.append(Value(result, value.source, nullable=value.nullable))


def piecewise(step: Piecewise, body: Body) -> None:
    """The knot is looked up first; the result is kept, since the variable of the knot is used again."""
    value = body.kept(step.column)
    knot = body.named("integer", "n")
    body.assign(knot, expression("bin", value=value.sql, edges=numbers(step.knots)))
    result = body.variable("number")
    parts = {
        "value": value.sql,
        "count": integer(len(step.knots)),
        "knots": numbers(step.knots),
        "at": numbers(step.at),
        "starts": numbers(step.starts),
        "slopes": numbers([slope if abs(slope) >= 1e-140 else 0.0 for slope in step.slopes]),
        "below": number(step.below),
        "above": number(step.above),
    }
    body.assign(result, expression("piecewise", **parts))
    body.values.append(Value(result, value.source, plain=True, nullable=value.nullable))
