"""Products of columns, and sums of many terms."""

import math
from collections.abc import Sequence
from itertools import accumulate

from psycopg.sql import Composed

from fsdb.models.backends.sql.emitter import Body, Value, conjunction, expression, number
from fsdb.models.steps import Products, SquaredDistances

_TERMS = 50  # in one statement: longer sums are nested deeper than a parser likes
_TINY = 1e-140


def sum_of(terms: Sequence[Composed], body: Body) -> Composed:
    """A variable with the sum of terms, added from the first to the last in statements of bounded size."""
    total = body.variable("number")
    body.assign(total, conjunction(terms[:_TERMS], " + ") if terms else number(0.0))
    for start in range(_TERMS, len(terms), _TERMS):
        body.assign(total, conjunction([total, *terms[start : start + _TERMS]], " + "))
    return total


def products(step: Products, body: Body) -> None:
    """Products that begin alike share their beginning."""
    known: dict[tuple[int, ...], Value] = {}
    for factors in step.factors:
        if not factors:
            body.values.append(Value(number(1.0), "", nullable=False))
            continue
        for start in accumulate(((slot,) for slot in factors), lambda left, right: left + right):
            if start not in known and len(start) == 1:
                known[start] = body.kept(start[0])
            elif start not in known:
                left, right = known[start[:-1]], body.kept(start[-1])
                variable = body.variable("number")
                body.assign(variable, expression("product_pair", left=left.sql, right=right.sql))
                known[start] = Value(variable, left.source, plain=True, nullable=left.nullable or right.nullable)
        body.values.append(known[factors])


def squared_distances(step: SquaredDistances, body: Body) -> None:
    """A sum for each center."""
    for center, divisors in zip(step.centers, step.divisors, strict=True):
        terms = [
            expression(
                "squared_difference",
                value=body.kept(slot).sql,
                center=number(place),
                divisor=number(divisor),
                limit=number(_TINY * max(1.0, math.sqrt(divisor))),
            )
            for slot, place, divisor in zip(step.columns, center, divisors, strict=True)
        ]
        body.values.append(Value(sum_of(terms, body), "", plain=True, nullable=False))
