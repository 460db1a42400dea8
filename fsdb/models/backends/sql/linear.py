"""Dot products."""

from itertools import groupby

from psycopg.sql import Composed

from fsdb.models.backends.sql.emitter import Body, Value, expression, number, numbers
from fsdb.models.backends.sql.numbers import product
from fsdb.models.backends.sql.products import sum_of
from fsdb.models.steps import Linear


def linear(step: Linear, body: Body) -> None:
    """Sums of products, in statements of bounded size; missing where a column is."""
    nullable = any(body.values[slot].nullable for slot in step.columns)
    for coefficients, intercept in zip(step.coefficients, step.intercepts, strict=True):
        terms = _terms(step.columns, coefficients, body)
        total = sum_of([*terms, number(intercept)], body)
        body.values.append(Value(total, "", plain=True, nullable=nullable))


def _terms(columns: tuple[int, ...], coefficients: tuple[float, ...], body: Body) -> list[Composed]:
    """A product for each column; of the indicators of one column, the coefficient of the one that is set.

    A column without a coefficient has none, unless it may be missing: it may be infinite, and 0 times that is no number.
    """
    terms = []
    pairs = zip(columns, coefficients, strict=True)
    for code, group in groupby(pairs, key=lambda pair: body.values[pair[0]].code):
        members = list(group)
        if code is None:
            terms += [
                product(body.kept(slot).sql, coefficient)
                for slot, coefficient in members
                if coefficient or body.values[slot].nullable
            ]
        else:
            terms.append(_chosen(code, members, body))
    return terms


def _chosen(code: str, members: list[tuple[int, float]], body: Body) -> Composed:
    row = [0.0] * (1 + max(body.values[slot].number for slot, _ in members))
    for slot, coefficient in members:
        row[body.values[slot].number] += coefficient
    return expression("product_indicators", coefficients=numbers(row), code=body.named("integer", code))
