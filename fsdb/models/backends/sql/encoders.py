"""Lookups of categories, and indicators."""

import math

from psycopg.sql import Composed, Literal

from fsdb.models.backends.sql.emitter import Body, Value, expression, integer, number, numbers, text
from fsdb.models.backends.sql.texts import fragment
from fsdb.models.steps import Indicators, LookupNumber, LookupText


def lookup(step: LookupNumber | LookupText, body: Body) -> None:
    """A category's value; categories and missing values that the model does not know are refused first."""
    value = body.kept(step.column)
    if isinstance(step, LookupText):
        keys = Composed([Literal(list(step.keys))]) if step.keys else text("{}")
        found = expression("text_position", keys=keys, value=value.sql)
    else:
        found = expression("position", keys=numbers(step.keys), value=value.sql)
    if step.missing is None and value.nullable:
        reason = f'fsdb: input "{value.source}" of the model is NULL, which the model was not fitted with; give a value'
        body.statements.append(fragment("statements", "refuse_missing_category", value=value.sql, text=text(reason)))
    if step.unknown is None:
        position = body.variable("integer", "i")
        body.assign(position, found)
        found = position
        body.statements.append(
            fragment(
                "statements",
                "refuse_category",
                position=position,
                value=value.sql,
                before=text(f'fsdb: input "{value.source}" of the model has the category "'),
                after=text('", which the model was not fitted with; correct it, or fit with handle_unknown'),
            )
        )
    result = expression("element", array=numbers(step.values), position=found)
    if step.unknown is not None and not math.isnan(step.unknown):
        result = expression("coalesce", value=result, fill=number(step.unknown))
    if value.nullable and step.missing is not None and step.missing != step.unknown:
        result = expression("lookup", value=value.sql, missing=_or_null(step.missing), found=result)
    nullable = any(entry is not None and math.isnan(entry) for entry in (*step.values, step.missing, step.unknown))
    body.values.append(Value(result, value.source, nullable=nullable))


def _or_null(entry: float) -> Composed:
    return Composed([Literal(None)]) if math.isnan(entry) else number(entry)


def indicators(step: Indicators, body: Body) -> None:
    """The number of the indicator that is set is kept; each indicator compares it."""
    value = body.values[step.column]
    code = body.variable("integer", "c")
    body.assign(code, value.sql)
    name = code.as_string()
    for position in range(step.size):
        body.values.append(
            Value(
                expression("indicator", code=code, number=integer(position)),
                value.source,
                nullable=False,
                code=name,
                number=position,
            )
        )
