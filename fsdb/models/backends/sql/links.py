"""Logistic, exponential, softmax."""

from fsdb.models.backends.sql.emitter import Body, Value, conjunction, expression, number
from fsdb.models.steps import Exponential, Logistic, Softmax


def logistic(step: Logistic, body: Body) -> None:
    """1 / (1 + exp(-factor x))."""
    score = body.kept(step.column).sql
    if step.factor != 1:
        scaled = body.variable("number")
        body.assign(scaled, expression("product", value=score, coefficient=number(step.factor)))
        score = scaled
    body.values.append(Value(expression("logistic", value=score), "", nullable=False))


def exponential(step: Exponential, body: Body) -> None:
    """exp(x)."""
    value = body.kept(step.column).sql
    body.values.append(Value(expression("exponential", value=value), "", nullable=False))


def softmax(step: Softmax, body: Body) -> None:
    """Shares of exp(x - max): the largest term is 1, so nothing overflows and the sum is not 0."""
    scores = [body.kept(slot).sql for slot in step.columns]
    largest = body.variable("number")
    body.assign(largest, expression("greatest", values=conjunction(scores, ", ")))
    terms = []
    for score in scores:
        term = body.variable("number")
        body.assign(term, expression("exponential_below", value=score, largest=largest))
        terms.append(term)
    total = body.variable("number")
    body.assign(total, conjunction(terms, " + "))
    body.values += [Value(expression("quotient", value=term, divisor=total), "", nullable=False) for term in terms]
