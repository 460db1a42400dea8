"""The array `x` that a tree ensemble reads, built once for a call.

A column is in it as often as missing values go different ways: as NaN they are greater than every threshold and go right,
as -infinity they go left. So a comparison needs no case for missing values. A categorical split has an entry of its own,
0 where the code goes left and 1 where it goes right; the entries of a column are a window on a constant array.
"""

from collections.abc import Iterable

from psycopg.sql import Composed

from fsdb.models.backends.sql.emitter import Body, conjunction, expression, integer, number, numbers
from fsdb.models.backends.sql.texts import fragment
from fsdb.models.steps import Tree, TreeEnsemble

_LOWEST = (-1, True)


class Vector:
    """Which splits of an ensemble stand where in `x`: numbers first, then the categorical splits of each column."""

    def __init__(self, step: TreeEnsemble, body: Body) -> None:
        self._step = step
        self._body = body
        self._numbers: dict[tuple[int, bool], int] = {_LOWEST: 1}
        self._sets: dict[int, dict[tuple[tuple[int, ...], bool], int]] = {}
        for tree in step.trees:
            for feature, missing_left, codes, is_set in _splits(tree):
                if is_set:
                    known = self._sets.setdefault(feature, {})
                    known.setdefault((codes, missing_left), len(known))
                else:
                    key = (feature, missing_left and self._nullable(feature))
                    self._numbers.setdefault(key, len(self._numbers) + 1)
        self._starts: dict[int, int] = {}
        start = len(self._numbers) + 1
        for feature, known in self._sets.items():
            self._starts[feature] = start
            start += len(known)

    def _nullable(self, feature: int) -> bool:
        return self._body.values[self._step.columns[feature]].nullable

    def split(self, tree: Tree, node: int) -> tuple[int, float]:
        """The place in `x` and the threshold for a node; that of a leaf always goes left."""
        feature = tree.feature[node]
        if feature < 0:
            return self._numbers[_LOWEST], 0.0
        missing_left = tree.missing_left[node]
        if tree.left_codes and tree.left_codes[node]:
            return self._starts[feature] + self._sets[feature][tree.left_codes[node], missing_left], 0.5
        return self._numbers[feature, missing_left and self._nullable(feature)], tree.threshold[node]

    def assignment(self) -> Composed:
        """The statement that builds `x`."""
        elements = [self._element(*key) for key in self._numbers]
        parts = [expression("vector", elements=conjunction(elements, ", "))]
        parts += [self._window(feature, list(known)) for feature, known in self._sets.items()]
        return fragment("function", "assign", name=self._body.named("vector", "x"), value=conjunction(parts, " || "))

    def _element(self, feature: int, missing_left: bool) -> Composed:
        if feature < 0:
            return number(float("-inf"))
        slot = self._step.columns[feature]
        twice = (feature, not missing_left) in self._numbers
        value = self._body.kept(slot) if twice else self._body.values[slot]
        if not value.nullable:
            return value.sql
        return expression("coalesce", value=value.sql, fill=number(float("-inf" if missing_left else "nan")))

    def _window(self, feature: int, sets: list[tuple[tuple[int, ...], bool]]) -> Composed:
        """A row for missing, then one for each code; codes above the last that any split names go right."""
        last = max(code for codes, _ in sets for code in codes)
        rows = [0.0 if missing_left else 1.0 for _, missing_left in sets]
        for code in range(last + 2):
            rows += [0.0 if code in codes else 1.0 for codes, _ in sets]
        value = self._body.kept(self._step.columns[feature])
        return expression(
            "codes", window=numbers(rows), code=value.sql, last=integer(last + 1), size=integer(len(sets))
        )


def _splits(tree: Tree) -> Iterable[tuple[int, bool, tuple[int, ...], bool]]:
    codes = tree.left_codes or ((),) * len(tree.feature)
    for feature, missing_left, members in zip(tree.feature, tree.missing_left, codes, strict=True):
        if feature >= 0:
            yield feature, missing_left, members, bool(members)
