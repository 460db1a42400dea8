"""Trees as arrays of blocks, each of two levels: a node and its two children, with four places to go to.

Two levels in a statement are about as fast as three and faster than one or four (measured on 100 and 300 trees of depth
6 and on 100 of 31 leaves), and the statement does not grow with the ensemble.
"""

from dataclasses import dataclass, field

from fsdb.models.backends.sql.vector import Vector
from fsdb.models.steps import Tree, TreeEnsemble
from fsdb.models.thresholds import as_float64


@dataclass
class Blocks:
    """Arrays counted from 1. `features` and `thresholds` of the blocks' top, left and right nodes; four `children` a block.

    A child above 0 is a block, one below 0 a leaf; 0 is never reached. `leaves` has one array for each sum that a leaf
    adds to.
    """

    leaves: list[list[float]]
    roots: list[int] = field(default_factory=list)
    children: list[int] = field(default_factory=list)
    features: tuple[list[int], list[int], list[int]] = field(default_factory=lambda: ([], [], []))
    thresholds: tuple[list[float], list[float], list[float]] = field(default_factory=lambda: ([], [], []))

    def add(self, tree: Tree, thresholds: tuple[float, ...], vector: Vector) -> None:
        """Appends the blocks of a tree, breadth first."""
        if tree.feature[0] < 0:
            self.roots.append(self._leaf(tree, 0))
            return
        first = len(self.children) // 4 + 1
        self.roots.append(first)
        pending = [0]
        for top in pending:  # grows while it is read
            self._node(0, tree, top, thresholds, vector)
            for place, node in ((1, tree.left[top]), (2, tree.right[top])):
                self._node(place, tree, node, thresholds, vector)
                if tree.feature[node] < 0:
                    self.children += [self._leaf(tree, node), 0]
                    continue
                for child in (tree.left[node], tree.right[node]):
                    if tree.feature[child] < 0:
                        self.children.append(self._leaf(tree, child))
                    else:
                        pending.append(child)
                        self.children.append(first + len(pending) - 1)

    def _node(self, place: int, tree: Tree, node: int, thresholds: tuple[float, ...], vector: Vector) -> None:
        column, threshold = vector.split(tree, node, thresholds[node])
        self.features[place].append(column)
        self.thresholds[place].append(threshold)

    def _leaf(self, tree: Tree, node: int) -> int:
        for array, value in zip(self.leaves, tree.values[node], strict=True):
            array.append(value)
        return -len(self.leaves[0])


def blocks_of(trees: list[Tree], ensemble: TreeEnsemble, vector: Vector) -> Blocks:
    """The blocks of trees that add to the same sums."""
    blocks = Blocks([[] for _ in trees[0].values[0]])
    for tree in trees:
        thresholds = as_float64(tree.threshold, ensemble.strict) if ensemble.float32 else tree.threshold
        blocks.add(tree, thresholds, vector)
    return blocks
