"""Tree ensembles: constant arrays, walked two levels at a time, and in statements of many rows CASE expressions.

The two give the same bits: the same comparisons, and the leaves added in the same order.
"""

from itertools import groupby

from psycopg.sql import SQL, Composed

from fsdb.models.backends.sql.blocks import Blocks, blocks_of
from fsdb.models.backends.sql.cases import case_form
from fsdb.models.backends.sql.emitter import (
    Body,
    Value,
    expression,
    integers,
    number,
    numbers,
    text,
)
from fsdb.models.backends.sql.texts import fragment
from fsdb.models.backends.sql.vector import Vector
from fsdb.models.steps import SingleTrees, TreeEnsemble


def tree_ensemble(step: TreeEnsemble, body: Body) -> None:
    """The sums of the leaves, tree after tree in the model's order: the same additions, the same result."""
    single = isinstance(step, SingleTrees)
    totals = []
    for base in step.base:
        total = body.variable("single" if single else "number")
        body.assign(
            total, fragment("singles", "number_single", text=text(repr(float(base)))) if single else number(base)
        )
        totals.append(total)
    body.statements += case_form(step, totals, body) if body.bulk else _walks(step, totals, body)
    for total in totals:
        result = fragment("singles", "as_number", value=total) if single else total
        if step.divisor != 1:
            divided = expression("quotient", value=total, divisor=number(step.divisor))
            body.statements.append(fragment("function", "assign", name=total, value=divided))
        body.values.append(Value(result, "", plain=True, nullable=False))


def _walks(step: TreeEnsemble, totals: list[Composed], body: Body) -> list[Composed]:
    """A walk for the trees of each output, after the statement that builds `x`."""
    vector = Vector(step, body)
    walks = []
    by_output = sorted(step.trees, key=lambda tree: -1 if tree.output is None else tree.output)
    for output, trees in groupby(by_output, key=lambda tree: tree.output):
        targets = totals if output is None else [totals[output]]
        walks.append(_walk(blocks_of(list(trees), step, vector), targets, step, body))
    return [vector.assignment(), *walks]


def _walk(blocks: Blocks, totals: list[Composed], step: TreeEnsemble, body: Body) -> Composed:
    body.named("integer", "n")
    beyond = Composed([SQL(">=" if step.strict else ">")])
    top, left, right = (
        expression("right_of", features=integers(features), thresholds=numbers(thresholds), beyond=beyond)
        for features, thresholds in zip(blocks.features, blocks.thresholds, strict=True)
    )
    file = "singles" if isinstance(step, SingleTrees) else "statements"
    sums = [
        fragment(file, "add_leaf", total=total, leaves=numbers(leaves))
        for total, leaves in zip(totals, blocks.leaves, strict=True)
    ]
    return fragment(
        "statements",
        "walk",
        roots=integers(blocks.roots),
        children=integers(blocks.children),
        top=top,
        left=left,
        right=right,
        sums=SQL("\n").join(sums),
    )
