"""Layers of neural networks."""

from fsdb.models.backends.sql.emitter import Body, Value, expression, number
from fsdb.models.backends.sql.products import sum_of
from fsdb.models.steps import Layer

_TINY = 1e-140


def layer(step: Layer, body: Body) -> None:
    """Neither inputs, weights nor results are so small that a product could raise an underflow: none needs a guard."""
    columns = []
    for slot in step.columns:
        variable = body.variable("number")
        body.assign(variable, expression("not_tiny", value=body.kept(slot).sql))
        columns.append(variable)
    for weights, bias in zip(step.weights, step.biases, strict=True):
        terms = [
            expression("product", value=column, coefficient=number(weight))
            for column, weight in zip(columns, weights, strict=True)
            if abs(weight) >= _TINY
        ]
        total = sum_of([*terms, number(bias)], body)
        body.values.append(Value(expression(f"activation_{step.activation}", value=total), "", nullable=False))
