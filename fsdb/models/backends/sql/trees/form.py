"""Which form an ensemble takes in single rows, by an estimate of what it costs, and when a statement goes over to CASE.

The numbers are nanoseconds measured on one machine (`python -m bench score` with its models, and single operations in loops);
only their ratios matter. Masks cost for each column and byte, whether a tree splits on the column or not, the walk for each
level: masks are for ensembles of many splits on some dozens of columns.
"""

from fsdb.models.backends.sql.trees.cases import case_forms_after
from fsdb.models.backends.sql.trees.masks import Masks
from fsdb.models.program import Program
from fsdb.models.steps import Tree, TreeEnsemble

_MASK, _MASK_BYTE = 950, 1.3  # one column of a group: setting up in each transaction, computing
_EXIT, _ENTERED = 170, 360  # adding what stands for an exit, going on from it
_BIT_BLOCK, _BITS = 330, 500  # a block by bits, the bits of a column
_TREE, _BLOCK = 150, 400  # a tree and a block of the walk


def by_masks(step: TreeEnsemble) -> bool:
    """Whether masks pay."""
    if not any(tree.feature[0] >= 0 for tree in step.trees):
        return False
    masks = Masks(step, step.trees)
    cost = sum(columns * (_MASK + _MASK_BYTE * size) for size, columns in masks.groups())
    blocks_below = 0.0
    columns_below: set[int] = set()
    for tree, upper in zip(step.trees, masks.uppers, strict=True):
        blocks_below += sum(_blocks(tree, node) for node in upper.exits) / len(upper.exits)
        columns_below |= {f for node, f in enumerate(tree.feature) if f >= 0 and node not in upper.splits}
    each = _ENTERED if columns_below else _EXIT
    cost += len(step.trees) * each + blocks_below * _BIT_BLOCK + len(columns_below) * _BITS
    walked = sum(_TREE + _BLOCK * _blocks(tree, 0) for tree in step.trees)
    return cost < walked


def bulk_after(program: Program) -> int | None:
    """After how many microseconds a statement is a bulk one, for CASE expressions; None where a program has no such form."""
    return case_forms_after([step for step in program.steps if isinstance(step, TreeEnsemble)])


def _blocks(tree: Tree, root: int) -> float:
    """Blocks on the way from a node to a leaf, in the mean over the leaves."""
    level, depth, leaves, sum_ = [root], 0, 0, 0
    while level:
        found = [node for node in level if tree.feature[node] < 0]
        leaves += len(found)
        sum_ += len(found) * -(-depth // 2)
        level = [child for node in level if tree.feature[node] >= 0 for child in (tree.left[node], tree.right[node])]
        depth += 1
    return sum_ / leaves
