"""The exits of many trees at once, as a bit string in which every tree has a segment of the same width.

For each column, and each of its rows, a mask says which exits the splits on it leave; the AND of the masks leaves one exit a
tree. Trees are taken in groups, since the masks of n trees have n times the width and n times the rows.
"""

from collections.abc import Iterator, Sequence
from math import ceil

from psycopg.sql import SQL, Composed

from fsdb.models.backends.sql.emitter import Body, Value, conjunction, expression, integer, integers
from fsdb.models.backends.sql.texts import fragment
from fsdb.models.backends.sql.trees.columns import Sides, column_of, split_of, values_of
from fsdb.models.backends.sql.trees.exits import code, upper
from fsdb.models.steps import Tree, TreeEnsemble

MOST_BYTES = 16_000_000  # of the masks of an ensemble, in each connection that scores
MOST_TREES = 128  # of a group
# By the width of a segment, a prime of which 2 is a primitive root: no two of the bits have the same remainder.
_MODULUS = {8: 11, 16: 19, 32: 37, 64: 67}


class Masks:
    """The bits `d` of trees in the order given, and what stands for each exit.

    uppers: the upper part of each tree.
    modulus: places of a tree in an array over the exits of some trees.
    """

    def __init__(self, step: TreeEnsemble, trees: Sequence[Tree]) -> None:
        self._step = step
        self._trees = trees
        self.uppers = [upper(tree) for tree in trees]
        most = max(len(each.exits) for each in self.uppers)
        self.width = next(width for width in _MODULUS if width >= most)
        self.modulus = _MODULUS[self.width]
        splits = sum(len(each.splits) for each in self.uppers)
        fitting = max(MOST_BYTES * 8 // max(splits * self.width, 1), 1)
        self._size = ceil(len(trees) / ceil(len(trees) / min(fitting, MOST_TREES)))

    def groups(self) -> Iterator[tuple[int, int]]:
        """How many bytes a mask of each group has, and how many features its trees split on."""
        for numbers in self._groups():
            features = {self._trees[number].feature[node] for number in numbers for node in self.uppers[number].splits}
            yield len(numbers) * self.width // 8, len(features)

    def place(self, exit_: int) -> int:
        """Where an exit of a tree stands among the places of the tree."""
        return code(exit_) % self.modulus

    def place_of(self, first: int, size: int = 1) -> Composed:
        """In SQL, the place in an array over every `size`-th tree from `first` on, of the exit of its tree `t`."""
        return fragment(
            "masks",
            "place",
            start=integer(1 + first * self.width),
            step=integer(size * self.width),
            width=integer(self.width),
            type=SQL("pg_catalog.int8" if self.width > 32 else "pg_catalog.int4"),
            modulus=integer(self.modulus),
        )

    def assignment(self, body: Body) -> Composed:
        """The statement that makes `d`."""
        groups = [(numbers, self._sides(numbers)) for numbers in self._groups()]
        values = values_of(self._step, (feature for _, columns in groups for feature, _ in columns), body)
        parts = []
        for numbers, columns in groups:
            masks = [self._mask(numbers, sides, values[feature]) for (feature, _), sides in columns.items()]
            none = fragment("masks", "none", bits=integer(len(numbers) * self.width))
            parts.append(expression("together", parts=conjunction(masks or [none], " & ")))
        return fragment("function", "assign", name=body.named("bits", "d"), value=joined(parts))

    def _groups(self) -> list[range]:
        count = len(self._trees)
        return [range(start, min(start + self._size, count)) for start in range(0, count, self._size)]

    def _sides(self, numbers: range) -> dict[tuple[int, bool], dict[int, list[Sides]]]:
        """The splits on each column, by tree."""
        columns: dict[tuple[int, bool], dict[int, list[Sides]]] = {}
        for number in numbers:
            for node, (left, right) in self.uppers[number].splits.items():
                split = split_of(self._trees[number], node, self._step.strict)
                columns.setdefault(split.column, {}).setdefault(number, []).append(Sides(split, left, right))
        return columns

    def _mask(self, numbers: range, sides: dict[int, list[Sides]], value: Value) -> Composed:
        column = column_of([each.split for members in sides.values() for each in members], value)
        firsts = []
        changes: list[tuple[int, int, int]] = []
        for place, number in enumerate(numbers):
            (_, last), *following = column.segments(self.uppers[number].every, sides.get(number, []))
            firsts.append(last)
            for row, segment in following:
                if segment != last:
                    changes.append((row, place, segment))
                    last = segment
        changes.sort()
        return fragment(
            "masks",
            "mask",
            firsts=integers(firsts),
            rows=integers([row for row, _, _ in changes]),
            places=integers([place for _, place, _ in changes]),
            segments=integers([segment for _, _, segment in changes]),
            count=integer(column.rows),
            width=integer(self.width),
            row=column.row(value.sql),
            bits=integer(len(numbers) * self.width),
        )


def joined(parts: Sequence[Composed]) -> Composed:
    """Bit strings one after the other, by twos, so that none is copied often."""
    while len(parts) > 1:
        parts = [
            expression("together", parts=conjunction(parts[start : start + 2], " || "))
            for start in range(0, len(parts), 2)
        ]
    return parts[0]
