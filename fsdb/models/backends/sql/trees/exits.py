"""The upper part of a tree: the splits that lead to at most 64 exits, each a leaf or the top of what is below.

The exit that a row takes is found without a walk: every split rules out the exits on its other side, whatever the splits
above it say, and exactly one exit is left (QuickScorer: Lucchese and others, SIGIR 2015).
"""

from collections import deque
from dataclasses import dataclass

from fsdb.models.steps import Tree

MOST_EXITS = 64


@dataclass(frozen=True, slots=True)
class Upper:
    """`exits` are nodes from left to right; `splits` has for each split above them the exits of its left and of its right side, as bits."""

    exits: tuple[int, ...]
    splits: dict[int, tuple[int, int]]

    @property
    def every(self) -> int:
        """The bits of all exits."""
        return _BEFORE[len(self.exits)]


def code(exit_: int) -> int:
    """The bit of an exit by its place; the first one has none, so that 64 exits are numbers of 63 bits without a sign."""
    return 1 << (exit_ - 1) if exit_ else 0


_BEFORE = [
    (1 << max(count - 1, 0)) - 1 for count in range(MOST_EXITS + 1)
]  # the bits of the first exits, by their number


def upper(tree: Tree) -> Upper:
    """The upper part of a tree, level by level, so that little is left below."""
    feature, left, right = tree.feature, tree.left, tree.right
    opened: set[int] = set()
    pending = deque([0])
    count = 1
    while pending and count < MOST_EXITS:
        node = pending.popleft()
        if feature[node] >= 0:
            opened.add(node)
            count += 1
            pending += (left[node], right[node])
    exits: list[int] = []
    splits: dict[int, tuple[int, int]] = {}

    def visit(node: int) -> int:
        """Adds the exits below a node; the bits of all exits so far."""
        if node not in opened:
            exits.append(node)
            return _BEFORE[len(exits)]
        first = _BEFORE[len(exits)]
        middle = visit(left[node])
        last = visit(right[node])
        splits[node] = middle & ~first, last & ~middle
        return last

    visit(0)
    return Upper(tuple(exits), splits)
