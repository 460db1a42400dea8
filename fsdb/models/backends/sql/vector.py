"""The array `x` that a tree ensemble reads, built once for a call.

A column is in it as often as missing values go different ways: as NaN they are greater than every threshold and go right,
as -infinity they go left. So a comparison needs no case for missing values.
"""

from psycopg.sql import Composed

from fsdb.models.backends.sql.emitter import Body, conjunction, expression, number
from fsdb.models.steps import Tree, TreeEnsemble

_LOWEST = (-1, True)


class Vector:
    """Which columns of an ensemble stand where in `x`."""

    def __init__(self, step: TreeEnsemble, body: Body) -> None:
        self._step = step
        self._body = body
        self._places: dict[tuple[int, bool], int] = {}

    def lowest(self) -> int:
        """The place of -infinity."""
        return self._place(_LOWEST)

    def split(self, tree: Tree, node: int, threshold: float) -> tuple[int, float]:
        """The place in `x` and the threshold for a split."""
        feature = tree.feature[node]
        nullable = self._body.values[self._step.columns[feature]].nullable
        return self._place((feature, nullable and tree.missing_left[node])), threshold

    def _place(self, key: tuple[int, bool]) -> int:
        return self._places.setdefault(key, len(self._places) + 1)

    def assign(self) -> None:
        """Appends the statement that builds `x`, once all places are known."""
        elements = [self._element(*key) for key in self._places]
        if elements:
            x = self._body.named("vector", "x")
            self._body.assign(x, expression("vector", elements=conjunction(elements, ", ")))

    def _element(self, feature: int, missing_left: bool) -> Composed:
        if feature < 0:
            return number(float("-inf"))
        slot = self._step.columns[feature]
        value = self._body.values[slot]
        twice = (feature, not missing_left) in self._places
        if twice:
            value = self._body.kept(slot)
        if not value.nullable:
            return value.sql
        return expression("coalesce", value=value.sql, fill=number(float("-inf" if missing_left else "nan")))
