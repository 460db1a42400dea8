"""The walk: from the root of each tree down its blocks, comparing columns of the array `x` with thresholds."""

from collections.abc import Sequence

from psycopg.sql import SQL, Composed

from fsdb.models.backends.sql.emitter import Body, expression, integers, numbers
from fsdb.models.backends.sql.texts import fragment
from fsdb.models.backends.sql.trees.blocks import Blocks
from fsdb.models.backends.sql.trees.sums import added, by_output
from fsdb.models.backends.sql.trees.vector import Vector
from fsdb.models.steps import Tree, TreeEnsemble


def walk_form(step: TreeEnsemble, totals: Sequence[Composed], body: Body) -> list[Composed]:
    """A walk for the trees of each output, after the statement that builds `x`."""
    vector = Vector(step, body)
    body.named("integer", "n")
    walks = [_walk(trees, targets, step, vector) for targets, trees in by_output(step, totals)]
    return [vector.assignment(), *walks]


def _walk(trees: Sequence[Tree], totals: Sequence[Composed], step: TreeEnsemble, vector: Vector) -> Composed:
    blocks: Blocks[tuple[int, float]] = Blocks([[] for _ in totals])
    roots = [blocks.add(tree, 0, vector.split) for tree in trees]
    beyond = Composed([SQL(">=" if step.strict else ">")])
    top, left, right = (
        expression(
            "right_of",
            features=integers([column for column, _ in conditions]),
            thresholds=numbers([threshold for _, threshold in conditions]),
            beyond=beyond,
        )
        for conditions in blocks.conditions
    )
    return fragment(
        "statements",
        "walk",
        roots=integers(roots),
        children=integers(blocks.children),
        top=top,
        left=left,
        right=right,
        sums=added(step, totals, blocks.leaves, Composed([SQL("-n")])),
    )
