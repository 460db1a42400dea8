"""Power transformations, and the inverse of the normal distribution."""

from psycopg.sql import Composed

from fsdb.models.backends.sql.emitter import Body, Value, conjunction, expression, number, text
from fsdb.models.backends.sql.texts import fragment
from fsdb.models.steps import BoxCox, NormalQuantile, YeoJohnson

_SMALLEST_LAMBDA = 2.220446049250313e-16  # scipy takes the logarithm below it


def yeo_johnson(step: YeoJohnson, body: Body) -> None:
    """Both halves as expm1 of a factor times log1p: the exponent first, in a variable."""
    for slot, power in zip(step.columns, step.lambdas, strict=True):
        value = body.kept(slot)
        minus = fragment("functions", "negative", value=value.sql)
        exponent = body.variable("number")
        body.assign(
            exponent,
            expression(
                "yeo_johnson_exponent",
                value=value.sql,
                positive=_scaled_log1p(value.sql, power),
                negative=_scaled_log1p(minus, 2 - power),
            ),
        )
        above = _over(exponent, power)
        below = fragment("functions", "negative", value=_over(exponent, 2 - power))
        result = expression("yeo_johnson_exponent", value=value.sql, positive=above, negative=below)
        body.values.append(Value(result, value.source, nullable=value.nullable))


def box_cox(step: BoxCox, body: Body) -> None:
    """expm1 of a factor times the logarithm; numbers that are not above 0 are refused first, as natively."""
    conditions = []
    messages = []
    for slot in step.columns:
        value = body.kept(slot)
        condition = expression("not_positive", value=value.sql)
        sentence = f'fsdb: input "{value.source}" of the model is not above 0, and the model takes its logarithm'
        conditions.append(condition)
        messages.append(fragment("statements", "message", condition=condition, text=text(sentence)))
    parts = {"conditions": conjunction(conditions, " OR "), "messages": conjunction(messages, " ")}
    body.statements.append(fragment("statements", "refuse_not_positive", **parts))
    for slot, power in zip(step.columns, step.lambdas, strict=True):
        value = body.kept(slot)
        exponent = body.variable("number")
        factor = number(power if abs(power) >= _SMALLEST_LAMBDA else 1.0)
        body.assign(exponent, expression("scaled_log", value=value.sql, factor=factor))
        body.values.append(Value(_over(exponent, power), value.source, nullable=value.nullable))


def normal_quantile(step: NormalQuantile, body: Body) -> None:
    """Clipped, since the tails are infinite."""
    value = body.kept(step.column)
    result, y, z = (body.variable("number") for _ in range(3))
    body.statements.append(fragment("statements", "normal_quantile", value=value.sql, result=result, y=y, z=z))
    clipped = expression("clip", value=result, low=number(step.low), high=number(step.high))
    body.values.append(Value(clipped, value.source, nullable=value.nullable))


def _scaled_log1p(value: Composed, power: float) -> Composed:
    factor = number(power if abs(power) >= _SMALLEST_LAMBDA else 1.0)
    return expression("scaled_log1p", value=value, factor=factor)


def _over(exponent: Composed, power: float) -> Composed:
    """expm1(exponent) / power, or where the power is 0 its limit: the logarithm, which the exponent then is."""
    if abs(power) < _SMALLEST_LAMBDA:
        return exponent
    return expression("quotient", value=fragment("functions", "expm1", value=exponent), divisor=number(power))
