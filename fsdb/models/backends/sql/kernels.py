"""Kernels of constant vectors and the nearest of constant points: one query over their columns as arrays."""

from collections.abc import Sequence

from psycopg.sql import SQL, Composed

from fsdb.models.backends.sql.emitter import Body, Value, conjunction, expression, integer, number, numbers, text
from fsdb.models.backends.sql.texts import fragment
from fsdb.models.steps import EQUALLY_FAR, Kernel, Neighbors

_TINY = 1e-140
_SMALLEST_EXPONENT = -300  # of 10: float64 has smaller numbers only as denormal ones


def kernel(step: Kernel, body: Body) -> None:
    """Numbers below 1e-140 count as 0, so that no product is too small for float64."""
    columns = []
    for slot in step.columns:
        variable = body.variable("number")
        body.assign(variable, expression("not_tiny", value=body.kept(slot).sql))
        columns.append(variable)
    places = _names("a", len(columns))
    weights = _names("w", len(step.weights))
    arrays = _arrays([_large(column) for column in zip(*step.vectors, strict=True)])
    arrays += _arrays([_large(row) for row in step.weights])
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


def neighbors(step: Neighbors, body: Body) -> None:
    """The points are ranked; what is as far as the last of the nearest has its rank."""
    columns = [body.kept(slot) for slot in step.columns]
    places = _names("a", len(columns))
    targets = _names("t", len(step.targets))
    part = "squared_step" if step.power == 2 else "absolute_step"
    parts = [expression(part, value=v.sql, place=place) for v, place in zip(columns, places, strict=True)]
    size = expression("neighbor_root" if step.power == 2 else "neighbor_distance")
    mean = "neighbor_weighted_mean" if step.by_distance else "neighbor_mean"
    given = {"size": size} if step.by_distance else {}
    count = integer(step.count)
    results = [body.variable("number") for _ in targets]
    inputs = ", ".join(f'"{value.source}"' for value in columns if value.source)
    body.statements.append(
        fragment(
            "statements",
            "neighbors",
            means=conjunction([expression(mean, target=target, count=count, **given) for target in targets], ", "),
            differing=conjunction([expression("neighbor_differs", target=target) for target in targets], " OR "),
            results=conjunction(results, ", "),
            tied=body.named("boolean", "tied"),
            count=count,
            distance=conjunction(parts, " + "),
            targets=conjunction(targets, ", "),
            arrays=conjunction(_arrays([*zip(*step.points, strict=True), *step.targets]), ", "),
            names=conjunction([*places, *targets], ", "),
            text=text(
                f"fsdb: input {inputs} of the model {EQUALLY_FAR}, more than the {step.count} nearest, "
                "and which of them count is not defined; fit with other n_neighbors or without repeated rows"
            ),
        )
    )
    body.values += [Value(result, "", plain=True, nullable=False) for result in results]


def _arrays(columns: Sequence[Sequence[float]]) -> list[Composed]:
    return [expression("column_of_vectors", values=numbers(column)) for column in columns]


def _names(letter: str, count: int) -> list[Composed]:
    return [Composed([SQL(f"{letter}{index}")]) for index in range(count)]


def _large(values: tuple[float, ...]) -> list[float]:
    return [value if abs(value) >= _TINY else 0.0 for value in values]
