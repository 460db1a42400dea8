"""Sums of kernels over constant vectors: one query over their columns as arrays."""

from psycopg.sql import SQL, Composed

from fsdb.models.backends.sql.emitter import Body, Value, conjunction, expression, number, numbers
from fsdb.models.backends.sql.texts import fragment
from fsdb.models.steps import Kernel

_TINY = 1e-140
_SMALLEST_EXPONENT = -300  # of 10: float64 has smaller numbers only as denormal ones


def kernel(step: Kernel, body: Body) -> None:
    """Numbers below 1e-140 count as 0, so that no product is too small for float64."""
    columns = []
    for slot in step.columns:
        variable = body.variable("number")
        body.assign(variable, expression("not_tiny", value=body.kept(slot).sql))
        columns.append(variable)
    places = [_name(f"a{index}") for index in range(len(columns))]
    weights = [_name(f"w{index}") for index in range(len(step.weights))]
    arrays = [expression("column_of_vectors", values=numbers(_large(c))) for c in zip(*step.vectors, strict=True)]
    arrays += [expression("column_of_vectors", values=numbers(_large(row))) for row in step.weights]
    results = [body.variable("number") for _ in step.weights]
    body.statements.append(
        fragment(
            "statements",
            "kernel_sums",
            sums=conjunction([expression("kernel_sum", weight=weight) for weight in weights], ", "),
            results=conjunction(results, ", "),
            kernel=_kernel(step, columns, places),
            weights=conjunction(weights, ", "),
            arrays=conjunction(arrays, ", "),
            names=conjunction([*places, *weights], ", "),
        )
    )
    for result, intercept in zip(results, step.intercepts, strict=True):
        body.assign(result, conjunction([result, number(intercept)], " + "))
        body.values.append(Value(result, "", plain=True, nullable=False))


def _kernel(step: Kernel, columns: list[Composed], places: list[Composed]) -> Composed:
    pairs = list(zip(columns, places, strict=True))
    if step.kernel == "rbf":
        parts = [expression("squared_step", value=value, place=place) for value, place in pairs]
        return expression("kernel_rbf", gamma=number(step.gamma), distance=conjunction(parts, " + "))
    dot = conjunction([expression("product", value=value, coefficient=place) for value, place in pairs], " + ")
    if step.kernel == "linear":
        return expression("kernel_linear", dot=dot)
    parts_of = {"dot": dot, "gamma": number(step.gamma), "coef0": number(step.coef0)}
    if step.kernel == "poly":
        parts_of["degree"] = number(step.degree)
        parts_of["limit"] = number(10.0 ** (_SMALLEST_EXPONENT / step.degree) if step.degree else 0.0)
    return expression(f"kernel_{step.kernel}", **parts_of)


def _name(text: str) -> Composed:
    return Composed([SQL(text)])


def _large(values: tuple[float, ...]) -> list[float]:
    return [value if abs(value) >= _TINY else 0.0 for value in values]
