"""Imputation and scaling."""

import math
from dataclasses import replace
from fractions import Fraction

from psycopg.sql import Composed

from fsdb.models.backends.sql.emitter import Body, Value, expression, number, text
from fsdb.models.backends.sql.texts import fragment
from fsdb.models.steps import ImputeNumber, ImputeText, Missing, Multiply, Scale

_HALF_OF_SMALLEST = Fraction(1, 2**1075)  # a quotient up to this rounds to 0
_ROUNDS_TO_INFINITY = Fraction(2**1024 - 2**970)  # a quotient from this on rounds to infinity


def impute_number(step: ImputeNumber, body: Body) -> None:
    """COALESCE with a number."""
    for slot, fill in zip(step.columns, step.fills, strict=True):
        body.values.append(_filled(body.values[slot], number(fill)))


def impute_text(step: ImputeText, body: Body) -> None:
    """COALESCE with a text."""
    for slot, fill in zip(step.columns, step.fills, strict=True):
        body.values.append(_filled(body.values[slot], text(fill)))


def _filled(value: Value, fill: Composed) -> Value:
    return replace(
        value, sql=expression("coalesce", value=value.sql, fill=fill), plain=False, nullable=False, code=None
    )


def missing(step: Missing, body: Body) -> None:
    """1 or 0."""
    for slot in step.columns:
        value = body.kept(slot)
        body.values.append(Value(expression("missing", value=value.sql), value.source, nullable=False))


def scale(step: Scale, body: Body) -> None:
    """(x - shift) / divisor without PostgreSQL's overflow and underflow errors, which float64 arithmetic does not have."""
    for slot, shift, divisor in zip(step.columns, step.shifts, step.divisors, strict=True):
        value = body.values[slot]
        result = value.sql
        if shift != 0:
            result = expression("subtract", value=result, shift=number(shift))
        if divisor != 1:
            variable = body.variable("number")
            body.assign(variable, result)
            result = _divided(variable, divisor)
        body.values.append(Value(result, value.source, nullable=value.nullable))


def multiply(step: Multiply, body: Body) -> None:
    """x * factor."""
    for slot, factor in zip(step.columns, step.factors, strict=True):
        value = body.kept(slot)
        result = _enlarged(value.sql, factor) if abs(factor) > 1 else product(value.sql, factor)
        body.values.append(Value(result, value.source, nullable=value.nullable))


def _divided(value: Composed, divisor: float) -> Composed:
    size = abs(divisor)
    if divisor == -1:
        return fragment("functions", "negative", value=value)
    if size > 1:
        limit = number(_largest_up_to(_HALF_OF_SMALLEST * Fraction(size)))
        return expression("divide_small", value=value, divisor=number(divisor), limit=limit)
    limit = number(_least_from(_ROUNDS_TO_INFINITY * Fraction(size)))
    infinity = number(math.copysign(math.inf, divisor))
    return expression("divide_large", value=value, divisor=number(divisor), limit=limit, infinity=infinity)


def _enlarged(value: Composed, factor: float) -> Composed:
    limit = number(_least_from(_ROUNDS_TO_INFINITY / Fraction(abs(factor))))
    infinity = number(math.copysign(math.inf, factor))
    return expression("product_large", value=value, coefficient=number(factor), limit=limit, infinity=infinity)


def _largest_up_to(bound: Fraction) -> float:
    """The largest float64 that is not above a bound."""
    candidate = float(bound)
    return candidate if Fraction(candidate) <= bound else math.nextafter(candidate, -math.inf)


def _least_from(bound: Fraction) -> float:
    """The least float64 that is not below a bound."""
    candidate = float(bound)
    return candidate if Fraction(candidate) >= bound else math.nextafter(candidate, math.inf)


def product(value: Composed, coefficient: float) -> Composed:
    """A column times a coefficient without an underflow error; an overflow is PostgreSQL's to report."""
    if abs(coefficient) >= 1 or coefficient == 0:
        return expression("product", value=value, coefficient=number(coefficient))
    bound = _HALF_OF_SMALLEST / Fraction(abs(coefficient))
    limit = number(_largest_up_to(min(bound, Fraction(1))))
    return expression("product_small", value=value, coefficient=number(coefficient), limit=limit)
