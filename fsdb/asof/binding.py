"""Binding features to a spine: which of its columns are the sets' keys, and what comes out under which name."""

from collections.abc import Iterable, Sequence

from fsdb.asof.description import Column, SetRead, plain_type, set_read
from fsdb.asof.names import output_names
from fsdb.catalog.feature_sets import RegisteredFeature, RegisteredSet
from fsdb.errors import InvalidData, InvalidDefinition

UUID = "uuid"
_FAMILIES = {
    "smallint": "integer",
    "integer": "integer",
    "bigint": "integer",
    "text": "text",
    "character varying": "text",
    "character": "text",
}


def bind(
    chosen: Sequence[tuple[RegisteredSet, RegisteredFeature]],
    spine: Sequence[Column],
    hidden: Sequence[tuple[tuple[RegisteredSet, RegisteredFeature], str]] = (),
) -> tuple[tuple[SetRead, ...], tuple[Column, ...]]:
    """What to read of each set, and the output columns in the order of `chosen`. Keys bind to spine columns by name.

    hidden: more features, each with the name of its column.

    Raises InvalidDefinition for a key that the spine lacks and for a column of the spine that bears a feature's name,
    InvalidData for a key of a type that does not compare with the set's.
    """
    names = output_names(chosen)
    types = {column.name: column.type for column in spine}
    for (owner, feature), name in zip(chosen, names, strict=True):
        if name in types:
            raise InvalidDefinition(
                f"The spine's column {name!r} has the name of feature {owner.name}.{feature.name}: rename the column in the spine, or leave the feature out."
            )
    chosen, names = [*chosen, *(one for one, _ in hidden)], [*names, *(name for _, name in hidden)]
    sets = {owner.name: owner for owner, _ in chosen}
    for owner in sets.values():
        _check_keys(owner, types)
    of_set: dict[str, list[tuple[RegisteredFeature, str]]] = {name: [] for name in sets}
    for (owner, feature), name in zip(chosen, names, strict=True):
        of_set[owner.name].append((feature, name))
    reads = tuple(set_read(owner, of_set[name]) for name, owner in sets.items())
    return reads, tuple(Column(name, feature.type) for (_, feature), name in zip(chosen, names, strict=True))


def as_keys(owners: Iterable[RegisteredSet], spine: Sequence[Column]) -> tuple[Column, ...]:
    """The spine's columns as keys are read: one of texts is of type uuid where that is the key's."""
    uuids = {key for owner in owners for key, kind in owner.keys.items() if plain_type(kind) == UUID}
    return tuple(Column(c.name, UUID) if c.name in uuids and family(c.type) == "text" else c for c in spine)


def family(kind: str) -> str:
    """Types of one family compare exactly with each other, and an index on one serves the others."""
    base = plain_type(kind)
    return _FAMILIES.get(base, base)


def _check_keys(owner: RegisteredSet, types: dict[str, str]) -> None:
    for key, kind in owner.keys.items():
        if key not in types:
            raise InvalidDefinition(
                f"The spine has no column {key!r}, which is a key of {owner.name}: select it, or rename the column that holds it (it has {', '.join(types)})."
            )
        if family(types[key]) != family(kind):
            raise InvalidData(
                f"The spine's column {key!r} is of type {types[key]}, but the key of {owner.name} is of type {kind}: cast the column."
            )
