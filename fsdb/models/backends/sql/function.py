"""A program as CREATE FUNCTION."""

from collections.abc import Callable
from typing import Any

from psycopg.sql import SQL, Composed, Identifier, Literal

from fsdb.models.backends.sql import (
    bounds,
    encoders,
    functions,
    kernels,
    layers,
    linear,
    links,
    numbers,
    powers,
    products,
    ranges,
    rows,
    singles,
    trees,
)
from fsdb.models.backends.sql.emitter import Body, conjunction, expression, number
from fsdb.models.backends.sql.signature import input_values, parameters
from fsdb.models.backends.sql.texts import fragment
from fsdb.models.program import Argmax, Program, Regression, Threshold
from fsdb.models.steps import (
    Above,
    Apply,
    Bins,
    Bounds,
    BoxCox,
    Clip,
    Exponential,
    ImputeNumber,
    ImputeText,
    Indicators,
    Kernel,
    Largest,
    Layer,
    Linear,
    Logistic,
    LookupNumber,
    LookupText,
    Missing,
    MissingBetween,
    Multiply,
    Neighbors,
    Normalize,
    NormalQuantile,
    Piecewise,
    Products,
    Scale,
    Shares,
    Single,
    SingleTrees,
    Softmax,
    SoftmaxSingle,
    SquaredDistances,
    TreeEnsemble,
    WeightedMedian,
    WholePart,
    YeoJohnson,
)

_EMITTERS: dict[type, Callable[[Any, Body], None]] = {
    Bounds: bounds.bounds,
    ImputeNumber: numbers.impute_number,
    ImputeText: numbers.impute_text,
    Missing: numbers.missing,
    Scale: numbers.scale,
    Multiply: numbers.multiply,
    LookupNumber: encoders.lookup,
    LookupText: encoders.lookup,
    Indicators: encoders.indicators,
    Linear: linear.linear,
    TreeEnsemble: trees.tree_ensemble,
    SingleTrees: trees.tree_ensemble,
    MissingBetween: singles.missing_between,
    WholePart: singles.whole_part,
    Single: singles.single,
    SoftmaxSingle: singles.softmax_single,
    Logistic: links.logistic,
    Exponential: links.exponential,
    Softmax: links.softmax,
    Clip: ranges.clip,
    Above: ranges.above,
    Bins: ranges.bins,
    Piecewise: ranges.piecewise,
    Apply: functions.apply,
    YeoJohnson: powers.yeo_johnson,
    NormalQuantile: powers.normal_quantile,
    Kernel: kernels.kernel,
    Neighbors: kernels.neighbors,
    BoxCox: powers.box_cox,
    Normalize: rows.normalize,
    Products: products.products,
    SquaredDistances: products.squared_distances,
    Layer: layers.layer,
    Shares: rows.shares,
    Largest: rows.largest,
    WeightedMedian: rows.weighted_median,
}


def compile_functions(program: Program, schema: str, name: str) -> list[Composed]:
    """The statements that create the scoring function of a program, to be executed in order.

    The function takes the program's inputs by position and returns `prediction` and, where the program has them,
    `probability` and `probabilities`. It raises 22004 or 22023 for a row that the model refuses. It must be called under
    `search_path = pg_catalog, pg_temp`.
    """
    body = Body()
    body.values += input_values(program)
    for step in program.steps:
        _EMITTERS[type(step)](step, body)
    _outputs(program, body)
    source = fragment(
        "function",
        "body",
        declarations=conjunction(body.declarations, "\n"),
        statements=conjunction(body.statements, "\n"),
    )
    create = fragment(
        "function",
        "create",
        function=Identifier(schema, name),
        parameters=parameters(program),
        body=Literal(source.as_string()),
    )
    return [create]


def _label(label: Any) -> Composed:
    return number(label) if isinstance(label, float) else Composed([Literal(label)])


def _outputs(program: Program, body: Body) -> None:
    """Assigns the results."""
    prediction, probability, probabilities = (
        Composed([SQL("prediction")]),
        Composed([SQL("probability")]),
        Composed([SQL("probabilities")]),
    )
    match program.output:
        case Regression(value=slot):
            body.assign(prediction, body.values[slot].sql)
        case Threshold(score=score, inclusive=inclusive, probability=slot):
            first, second = map(_label, program.classes or ())
            choice = "at_least" if inclusive else "above"
            body.assign(prediction, expression(choice, score=body.kept(score).sql, first=first, second=second))
            if slot is not None:
                body.assign(probability, body.values[slot].sql)
        case Argmax(scores=scores, probabilities=slots):
            kept = [body.kept(slot).sql for slot in scores]
            vector = expression("vector", elements=conjunction(kept, ", "))
            number_of = body.named("integer", "n")
            body.assign(number_of, expression("class_number", scores=vector, values=conjunction(kept, ", ")))
            labels = Composed([SQL("ARRAY["), conjunction([_label(c) for c in program.classes or ()], ", "), SQL("]")])
            body.assign(prediction, expression("class_of", labels=labels, number=number_of))
            if slots is None:
                return
            shares = [body.values[slot].sql for slot in slots]
            if program.has_probabilities:
                body.assign(probabilities, expression("vector", elements=conjunction(shares, ", ")))
                body.assign(probability, expression("class_of", labels=probabilities, number=number_of))
            else:
                body.assign(probability, shares[1])
