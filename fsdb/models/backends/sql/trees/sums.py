"""Which sums the trees of an ensemble add to, and the statements that add a leaf."""

from collections.abc import Sequence
from itertools import groupby

from psycopg.sql import SQL, Composed

from fsdb.models.backends.sql.emitter import Body, expression, number, numbers, text
from fsdb.models.backends.sql.texts import fragment
from fsdb.models.steps import SingleTrees, Tree, TreeEnsemble


def started(step: TreeEnsemble, body: Body) -> list[Composed]:
    """A variable for each sum, with what the model starts from."""
    single = isinstance(step, SingleTrees)
    totals = []
    for base in step.base:
        total = body.variable("single" if single else "number")
        start = fragment("singles", "number_single", text=text(repr(float(base)))) if single else number(base)
        body.assign(total, start)
        totals.append(total)
    return totals


def by_output(step: TreeEnsemble, totals: Sequence[Composed]) -> list[tuple[Sequence[Composed], list[Tree]]]:
    """The trees that add to the same sums, in the model's order, with these sums."""
    trees = sorted(step.trees, key=lambda tree: -1 if tree.output is None else tree.output)
    return [
        (totals if output is None else [totals[output]], list(members))
        for output, members in groupby(trees, key=lambda tree: tree.output)
    ]


def leaf(step: TreeEnsemble, leaves: Sequence[float], index: Composed, first: int = 1) -> Composed:
    """The number at an index of a constant array of leaves that starts at `first`."""
    if isinstance(step, SingleTrees):
        return fragment("singles", "element_single", array=numbers(leaves, first), position=index)
    return expression("element", array=numbers(leaves, first), position=index)


def added(
    step: TreeEnsemble, totals: Sequence[Composed], leaves: Sequence[Sequence[float]], index: Composed, first: int = 1
) -> Composed:
    """The statements that add to each sum what its array of leaves has at an index."""
    return SQL("\n").join(
        fragment(
            "function",
            "assign",
            name=total,
            value=SQL(" + ").join([total, leaf(step, values, index, first)]),
        )
        for total, values in zip(totals, leaves, strict=True)
    )
