"""What each split of some trees decides, as bits: of a number the bounds that it reaches, of a code a row of a table."""

from collections.abc import Iterable

from psycopg.sql import Composed, Literal

from fsdb.models.backends.sql.emitter import Body, expression, integer
from fsdb.models.backends.sql.texts import fragment
from fsdb.models.backends.sql.trees.columns import Codes, Numbers, Split, values_of
from fsdb.models.backends.sql.trees.masks import joined
from fsdb.models.steps import TreeEnsemble

_Key = tuple[tuple[int, bool], bool]  # a column, and the side for missing numbers where there can be any


class Bits:
    """The bits `e`: 1 where the row goes right. The last of them is always 0."""

    def __init__(self, step: TreeEnsemble, splits: Iterable[Split], body: Body) -> None:
        self._step = step
        self._body = body
        self._columns: dict[_Key, dict[Split, int]] = {}  # each different split of a column with its number
        for split in splits:
            members = self._columns.setdefault(self._key(split), {})
            members.setdefault(split, len(members))
        self._numbers = {key: Numbers(members, False) for key, members in self._columns.items() if not key[0][1]}
        self._starts: dict[_Key, int] = {}
        self.never = 0
        for key in self._columns:
            self._starts[key] = self.never
            self.never += self._size(key)

    def position(self, split: Split) -> int:
        """The bit of a split, from 0."""
        key = self._key(split)
        place = self._columns[key][split] if key[0][1] else self._numbers[key].rank(split) - 1
        return self._starts[key] + place

    def assignment(self) -> Composed:
        """The statement that makes `e`."""
        values = values_of(self._step, (feature for (feature, _), _ in self._columns), self._body)
        parts = []
        for key in self._columns:
            (feature, is_set), _ = key
            value = values[feature].sql
            parts.append(self._codes(key, value) if is_set else self._reached(key, value, values[feature].nullable))
        parts.append(fragment("masks", "none", bits=integer(8)))
        return fragment("function", "assign", name=self._body.named("bits", "e"), value=joined(parts))

    def _key(self, split: Split) -> _Key:
        nullable = self._body.values[self._step.columns[split.feature]].nullable
        return split.column, not split.left_codes and nullable and split.missing_left

    def _size(self, key: _Key) -> int:
        """Bits of a column: whole bytes, which are faster to put together."""
        count = len(self._columns[key]) if key[0][1] else len(self._numbers[key].bounds)
        return -(-count // 8) * 8

    def _reached(self, key: _Key, value: Composed, nullable: bool) -> Composed:
        numbers, size = self._numbers[key], self._size(key)
        row = numbers.row(value)
        if nullable:
            row = expression("coalesce", value=row, fill=integer(0 if key[1] else len(numbers.bounds)))
        ones = Composed([Literal("x" + "ff" * (size // 8) + "00" * (size // 8))])
        return fragment("masks", "reached", ones=ones, row=row, after=integer(size + 1), bits=integer(size))

    def _codes(self, key: _Key, value: Composed) -> Composed:
        splits, size = self._columns[key], self._size(key)
        codes = Codes(splits)
        rows = [
            "".join(str(int(codes.right(split, row))) for split in splits).ljust(size, "0") for row in range(codes.rows)
        ]
        table = "".join(f"{int(row, 2):0{size // 4}x}" for row in rows)
        return fragment(
            "masks", "table_row", table=Composed([Literal("x" + table)]), row=codes.row(value), bits=integer(size)
        )
