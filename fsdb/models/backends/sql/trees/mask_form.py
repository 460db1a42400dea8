"""Trees by masks: the exit of every tree at once, then the leaf that stands for it, or the walk below it by bits."""

from collections.abc import Sequence

from psycopg.sql import SQL, Composed

from fsdb.models.backends.sql.emitter import Body, integer, integers
from fsdb.models.backends.sql.texts import fragment
from fsdb.models.backends.sql.trees.bits import Bits
from fsdb.models.backends.sql.trees.blocks import Blocks
from fsdb.models.backends.sql.trees.columns import split_of
from fsdb.models.backends.sql.trees.masks import Masks
from fsdb.models.backends.sql.trees.sums import added, by_output, leaf
from fsdb.models.steps import Tree, TreeEnsemble

_TREES = 10  # of a statement: more make it no faster, and longer to set up


def mask_form(step: TreeEnsemble, totals: Sequence[Composed], body: Body) -> list[Composed]:
    """The statements that add each tree's leaf to the totals."""
    outputs = by_output(step, totals)
    trees = [tree for _, members in outputs for tree in members]
    masks = Masks(step, trees)
    statements = [masks.assignment(body)]
    below = _Below(step, masks, trees, body) if _lower_splits(masks, trees) else None
    if below:
        statements.append(below.bits.assignment())
    first = 0
    for targets, members in outputs:
        numbers = range(first, first + len(members))
        first += len(members)
        if below:
            statements.append(below.walks(targets, numbers))
        else:
            statements += _exits(step, masks, trees, targets, numbers, body)
    return statements


def _lower_splits(masks: Masks, trees: Sequence[Tree]) -> bool:
    return any(tree.feature[node] >= 0 for tree, upper in zip(trees, masks.uppers, strict=True) for node in upper.exits)


def _exits(
    step: TreeEnsemble, masks: Masks, trees: Sequence[Tree], totals: Sequence[Composed], numbers: range, body: Body
) -> list[Composed]:
    """Additions where each exit is a leaf: of several trees in a statement, unless each adds to several sums."""
    if len(totals) > 1:
        body.named("integer", "n")
        leaves = [_leaves(masks, trees, numbers, output) for output in range(len(totals))]
        place = masks.place_of(numbers.start)
        sums = added(step, totals, leaves, Composed([SQL("n")]), 0)
        return [fragment("masks", "each", last=integer(len(numbers) - 1), place=place, sums=sums)]
    whole = len(numbers) // _TREES * _TREES
    statements = []
    for piece, size in ((numbers[:whole], _TREES), (numbers[whole:], len(numbers) - whole)):
        if not piece:
            continue
        terms = [
            leaf(step, _leaves(masks, trees, piece[shift::size], 0), masks.place_of(piece.start + shift, size), 0)
            for shift in range(size)
        ]
        last, sum_ = integer(len(piece) // size - 1), SQL(" + ").join([totals[0], *terms])
        statements.append(fragment("masks", "add", last=last, total=totals[0], sum=sum_))
    return statements


def _leaves(masks: Masks, trees: Sequence[Tree], numbers: range, output: int) -> list[float]:
    """The leaves of some trees by the places of their exits."""
    leaves = [0.0] * (len(numbers) * masks.modulus)
    for start, number in enumerate(numbers):
        for exit_, node in enumerate(masks.uppers[number].exits):
            leaves[start * masks.modulus + masks.place(exit_)] = trees[number].values[node][output]
    return leaves


class _Below:
    """What is below the exits: blocks that are walked by the bits of their splits."""

    def __init__(self, step: TreeEnsemble, masks: Masks, trees: Sequence[Tree], body: Body) -> None:
        self._step = step
        self._masks = masks
        self._trees = trees
        body.named("integer", "n")
        splits = [
            split_of(tree, node, step.strict)
            for tree, upper in zip(trees, masks.uppers, strict=True)
            for node, feature in enumerate(tree.feature)
            if feature >= 0 and node not in upper.splits
        ]
        self.bits = Bits(step, splits, body)

    def walks(self, totals: Sequence[Composed], numbers: range) -> Composed:
        """The statement that walks trees which add to the same sums."""
        masks = self._masks
        blocks: Blocks[int] = Blocks([[] for _ in totals])
        roots = [0] * (len(numbers) * masks.modulus)
        for start, number in enumerate(numbers):
            for exit_, node in enumerate(masks.uppers[number].exits):
                root = blocks.add(self._trees[number], node, self._condition)
                roots[start * masks.modulus + masks.place(exit_)] = root
        flat = all(child <= 0 for child in blocks.children)
        if flat:
            roots = [blocks.add_stub(root, self.bits.never) if root < 0 else root for root in roots]
        top, left, right = (
            fragment("masks", "bit", positions=integers(conditions)) for conditions in blocks.conditions
        )
        child = fragment("masks", "child", top=top, left=left, right=right)
        entered = {
            "last": integer(len(numbers) - 1),
            "roots": integers(roots, 0),
            "place": masks.place_of(numbers.start),
        }
        if not flat:
            sums = added(self._step, totals, blocks.leaves, Composed([SQL("-n")]))
            return fragment("masks", "walk", **entered, children=integers(blocks.children), child=child, sums=sums)
        leaves = [[array[-leaf_ - 1] if leaf_ else 0.0 for leaf_ in blocks.children] for array in blocks.leaves]
        if len(totals) == 1:
            return fragment("masks", "block", **entered, sums=added(self._step, totals, leaves, child))
        chosen = fragment("function", "assign", name=SQL("n"), value=child)
        sums = SQL("\n").join([chosen, added(self._step, totals, leaves, Composed([SQL("n")]))])
        return fragment("masks", "block", **entered, sums=sums)

    def _condition(self, tree: Tree, node: int) -> int:
        if tree.feature[node] < 0:
            return self.bits.never
        return self.bits.position(split_of(tree, node, self._step.strict))
