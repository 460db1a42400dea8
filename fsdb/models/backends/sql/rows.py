"""What depends on several columns of a row: norms, shares, the largest, a weighted median."""

from fsdb.models.backends.sql.emitter import Body, Value, conjunction, expression, number, numbers
from fsdb.models.backends.sql.products import sum_of
from fsdb.models.steps import Largest, Normalize, Shares, WeightedMedian


def normalize(step: Normalize, body: Body) -> None:
    """The norm is kept."""
    columns = [body.kept(slot) for slot in step.columns]
    norm = body.variable("number")
    if step.norm == "l2":
        total = sum_of([expression("product_pair", left=v.sql, right=v.sql) for v in columns], body)
        body.assign(norm, expression("square_root", value=total))
    else:
        sizes = [expression("absolute", value=value.sql) for value in columns]
        largest = step.norm == "max"
        body.assign(norm, expression("greatest", values=conjunction(sizes, ", ")) if largest else sum_of(sizes, body))
    for value in columns:
        result = expression("over_norm", value=value.sql, norm=norm, smallest=number(step.smallest))
        body.values.append(Value(result, value.source, nullable=False))


def shares(step: Shares, body: Body) -> None:
    """The sum is kept."""
    columns = [body.kept(slot) for slot in step.columns]
    total = sum_of([value.sql for value in columns], body)
    otherwise = number(1 / len(columns) if step.uniform else 0.0)
    for value in columns:
        result = expression("share", value=value.sql, total=total, otherwise=otherwise)
        body.values.append(Value(result, "", nullable=False))


def largest(step: Largest, body: Body) -> None:
    """As numpy.argmax: the first of several."""
    columns = [body.kept(slot).sql for slot in step.columns]
    values = conjunction(columns, ", ")
    result = expression("largest_number", scores=expression("vector", elements=values), values=values)
    body.values.append(Value(result, "", nullable=False))


def weighted_median(step: WeightedMedian, body: Body) -> None:
    """One query over the columns and their weights."""
    values = conjunction([body.values[slot].sql for slot in step.columns], ", ")
    result = body.variable("number")
    body.assign(result, expression("weighted_median", values=values, weights=numbers(step.weights)))
    body.values.append(Value(result, "", plain=True, nullable=False))
