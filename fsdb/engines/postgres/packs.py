"""Features of one type as one array: a query's result has at most 1,664 columns, but each may hold any number of values."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from psycopg.sql import SQL, Composable, Composed, Identifier

from fsdb.asof import NOW, FeatureRead, Known, SetRead, Snapshot
from fsdb.engines.postgres.lookup import fresh_value, kept, newest_with, typed_literal
from fsdb.sql import joined

_ROW = "record"


@dataclass(frozen=True)
class Pack:
    """Features of one feature set that travel together: as an array of `type`, or those of array types as a record."""

    type: str
    features: tuple[FeatureRead, ...]

    @property
    def is_array(self) -> bool:
        """Whether it is an array; an array of arrays would need all of one length."""
        return self.type != _ROW


@dataclass(frozen=True)
class PackedRead:
    """What is read of one feature set, with its features in packs."""

    read: SetRead
    packs: tuple[Pack, ...]


def packed(read: SetRead, types: Collection[str] | None = None) -> PackedRead:
    """The read's features by type, in order of first appearance; only those of `types`, where given."""
    by_type: dict[str, list[FeatureRead]] = {}
    for feature in read.features:
        if types is None or feature.type in types:
            by_type.setdefault(_ROW if feature.type.endswith("[]") else feature.type, []).append(feature)
    return PackedRead(read, tuple(Pack(kind, tuple(features)) for kind, features in by_type.items()))


def newest_packed(
    given: PackedRead, keys: Sequence[Composable], at: Composable, known: Known = NOW, snapshot: Snapshot | None = None
) -> Composed:
    """As `newest` of fsdb.engines.postgres.lookup, with the packs as a1…an in place of the features."""
    payload = [
        SQL("{} AS {}").format(_together(pack, [_with_default(kept(f), f) for f in pack.features]), _column(number))
        for number, pack in enumerate(given.packs, start=1)
    ]
    return newest_with(payload, given.read, keys, at, known, snapshot)


def pack_values(given: PackedRead, alias: str) -> list[Composable]:
    """What comes out for each pack, given the alias under which `newest_packed` is left-joined.

    NULL where no version holds and no feature of the pack has a default.
    """
    return [_value(given.read, pack, alias, number) for number, pack in enumerate(given.packs, start=1)]


def _value(read: SetRead, pack: Pack, alias: str, number: int) -> Composable:
    value = fresh_value(read, alias, f"a{number}")
    if all(feature.default is None for feature in pack.features):
        return value
    nothing = [_with_default(typed_literal(None, f.type), f) for f in pack.features]
    return SQL("coalesce({}, {})").format(value, _together(pack, nothing))


def _together(pack: Pack, values: Sequence[Composable]) -> Composed:
    form = SQL("ARRAY[{}]") if pack.is_array else SQL("ROW({})")
    return form.format(joined(list(values)))


def _with_default(value: Composable, feature: FeatureRead) -> Composable:
    if feature.default is None:
        return value
    return SQL("coalesce({}, {})").format(value, typed_literal(feature.default, feature.type))


def _column(number: int) -> Identifier:
    return Identifier(f"a{number}")
