"""Dot products."""

from itertools import groupby

from psycopg.sql import Composed

from fsdb.models.backends.sql.emitter import Body, Value, conjunction, expression, number, numbers
from fsdb.models.backends.sql.numbers import product
from fsdb.models.steps import Linear

_TERMS = 50  # in one statement: longer sums are nested deeper than a parser likes


def linear(step: Linear, body: Body) -> None:
    """Sums of products, in statements of bounded size."""
    for coefficients, intercept in zip(step.coefficients, step.intercepts, strict=True):
        terms = _terms(step.columns, coefficients, body)
        total = body.variable("number")
        body.assign(total, conjunction(terms[:_TERMS], " + ") if terms else number(0.0))
        for start in range(_TERMS, len(terms), _TERMS):
            body.assign(total, conjunction([total, *terms[start : start + _TERMS]], " + "))
        body.assign(total, conjunction([total, number(intercept)], " + "))
        body.values.append(Value(total, "", plain=True, nullable=False))


def _terms(columns: tuple[int, ...], coefficients: tuple[float, ...], body: Body) -> list[Composed]:
    """A product for each column; of the indicators of one column, the coefficient of the one that is set."""
    terms = []
    pairs = zip(columns, coefficients, strict=True)
    for code, group in groupby(pairs, key=lambda pair: body.values[pair[0]].code):
        members = list(group)
        if code is None:
            terms += [product(body.kept(slot).sql, coefficient) for slot, coefficient in members]
        else:
            terms.append(_chosen(code, members, body))
    return terms


def _chosen(code: str, members: list[tuple[int, float]], body: Body) -> Composed:
    row = [0.0] * (1 + max(body.values[slot].number for slot, _ in members))
    for slot, coefficient in members:
        row[body.values[slot].number] += coefficient
    return expression("product_indicators", coefficients=numbers(row), code=body.named("integer", code))
