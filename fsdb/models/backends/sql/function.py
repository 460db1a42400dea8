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
from fsdb.models.backends.sql.emitter import Body, conjunction, expression, integer, text
from fsdb.models.backends.sql.limits import check_program, check_text
from fsdb.models.backends.sql.several import label_of, several
from fsdb.models.backends.sql.signature import OUTPUTS, input_values, output_names, parameters, passed_on
from fsdb.models.backends.sql.texts import fragment
from fsdb.models.program import Argmax, Program, Regression, Several, Threshold, decisive, fitting
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


NO_NUMBER = "fsdb: the model gives no number (NaN) for this row; correct the inputs"


def compile_functions(program: Program, schema: str, name: str) -> list[Composed]:
    """The statements that create the scoring function of a program, to be executed in order; it is the last one.

    The function takes the program's inputs by position and returns `prediction` and, where the program has them,
    `probability` and `probabilities`. It raises 22004 or 22023 for a row that the model refuses. It must be called under
    `search_path = pg_catalog, pg_temp`.

    Where it has trees there is another one before it, `bulk_name(name)`, with the same parameters and the same results to the bit, which
    takes over in statements of many rows.

    Raises UnsupportedModel for a program that is too large.
    """
    check_program(program)
    with fitting():
        condition = in_bulk(program)
        if condition is None:
            return [_create(program, schema, name, Body())]
        single = Body()
        single.statements.append(_hand_over(program, schema, bulk_name(name), condition, single))
        return [_create(program, schema, bulk_name(name), Body(bulk=True)), _create(program, schema, name, single)]


def bulk_name(name: str) -> str:
    """The function that scores in statements of many rows, by the name of the scoring function."""
    return f"{name}__bulk"


def in_bulk(program: Program) -> Composed | None:
    """The condition on which the function `bulk_name(name)` is to be called; None where a program has none.

    The scoring function looks at it itself; a caller that does saves the way through it.
    """
    after = trees.bulk_after(program)
    return None if after is None else fragment("function", "in_bulk", microseconds=integer(after))


def _create(program: Program, schema: str, name: str, body: Body) -> Composed:
    body.values += input_values(program)
    for step in program.steps:
        _EMITTERS[type(step)](step, body)
    _outputs(program, body)
    source = fragment(
        "function",
        "body",
        declarations=conjunction(body.declarations, "\n"),
        statements=conjunction(body.statements, "\n"),
    ).as_string()
    check_text(source)
    return fragment(
        "function",
        "create",
        function=Identifier(schema, name),
        parameters=parameters(program),
        body=Literal(source),
    )


def _hand_over(program: Program, schema: str, name: str, condition: Composed, body: Body) -> Composed:
    call = fragment(
        "function",
        "call",
        function=Identifier(schema, name),
        arguments=conjunction(passed_on(program), ", "),
    )
    outputs = [Composed([SQL(output)]) for output in output_names(program)]
    if len(outputs) == 1:
        results = [fragment("function", "assign", name=outputs[0], value=call)]
    else:
        scored = body.named("record", "scored")
        results = [fragment("function", "assign", name=scored, value=call)]
        for output in outputs:
            field = fragment("function", "field", record=scored, name=output)
            results.append(fragment("function", "assign", name=output, value=field))
    return fragment("function", "hand_over", in_bulk=condition, results=conjunction(results, "\n"))


def _outputs(program: Program, body: Body) -> None:
    """Assigns the results, once the numbers that they are read from are known to be numbers."""
    numbers = [body.kept(slot).sql for slot in dict.fromkeys(decisive(program.output))]
    conditions = [expression("is_number", value=value) for value in numbers]
    parts = {"conditions": conjunction(conditions, " AND "), "text": text(NO_NUMBER)}
    body.statements.append(fragment("statements", "refuse_no_number", **parts))
    prediction, probability, probabilities = (Composed([SQL(name)]) for name in OUTPUTS)
    match program.output:
        case Several() as output:
            body.assign(prediction, several(program, output, body))
        case Regression(value=slot):
            body.assign(prediction, body.values[slot].sql)
        case Threshold(score=score, inclusive=inclusive, probability=slot):
            first, second = map(label_of, program.classes or ())
            choice = "at_least" if inclusive else "above"
            body.assign(prediction, expression(choice, score=body.kept(score).sql, first=first, second=second))
            if slot is not None:
                body.assign(probability, body.values[slot].sql)
        case Argmax(scores=scores, probabilities=slots):
            kept = [body.kept(slot).sql for slot in scores]
            vector = expression("vector", elements=conjunction(kept, ", "))
            number_of = body.named("integer", "n")
            body.assign(number_of, expression("class_number", scores=vector, values=conjunction(kept, ", ")))
            labels = Composed(
                [SQL("ARRAY["), conjunction([label_of(c) for c in program.classes or ()], ", "), SQL("]")]
            )
            body.assign(prediction, expression("class_of", labels=labels, number=number_of))
            if slots is None:
                return
            shares = [body.values[slot].sql for slot in slots]
            if program.has_probabilities:
                body.assign(probabilities, expression("vector", elements=conjunction(shares, ", ")))
                body.assign(probability, expression("class_of", labels=probabilities, number=number_of))
            else:
                body.assign(probability, shares[1])
