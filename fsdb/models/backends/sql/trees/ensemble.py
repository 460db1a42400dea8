"""Tree ensembles: by masks or walked, and in statements of many rows as CASE expressions.

All give the same bits: the same comparisons, and the leaves added in the same order.
"""

from dataclasses import replace

from fsdb.models.backends.sql.emitter import Body, Value, expression, number
from fsdb.models.backends.sql.texts import fragment
from fsdb.models.backends.sql.trees import form
from fsdb.models.backends.sql.trees.cases import case_form
from fsdb.models.backends.sql.trees.mask_form import mask_form
from fsdb.models.backends.sql.trees.sums import started
from fsdb.models.backends.sql.trees.walk import walk_form
from fsdb.models.steps import SingleTrees, TreeEnsemble
from fsdb.models.thresholds import as_float64


def tree_ensemble(step: TreeEnsemble, body: Body) -> None:
    """The sums of the leaves, tree after tree in the model's order: the same additions, the same result."""
    totals = started(step, body)
    statements = case_form if body.bulk else mask_form if form.by_masks(step) else walk_form
    body.statements += statements(_of_float64(step), totals, body)
    for total in totals:
        result = fragment("singles", "as_number", value=total) if isinstance(step, SingleTrees) else total
        if step.divisor != 1:
            divided = expression("quotient", value=total, divisor=number(step.divisor))
            body.statements.append(fragment("function", "assign", name=total, value=divided))
        body.values.append(Value(result, "", plain=True, nullable=False))


def _of_float64(step: TreeEnsemble) -> TreeEnsemble:
    """The same ensemble with thresholds that numbers are compared with as float64."""
    if not step.float32:
        return step
    trees = [replace(tree, threshold=as_float64(tree.threshold, step.strict)) for tree in step.trees]
    return replace(step, trees=tuple(trees), float32=False)
