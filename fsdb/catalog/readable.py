"""What features can be read: those of sets that have tables, and those that are computed when they are read."""

from collections.abc import Sequence
from typing import Any

from psycopg import Connection

from fsdb.catalog.feature_sets import RegisteredFeature, RegisteredSet, list_sets
from fsdb.catalog.nearest import nearest
from fsdb.catalog.references import chosen, owners
from fsdb.catalog.window_sets import list_window_sets
from fsdb.errors import UnknownName


def readable_sets(connection: Connection[Any], names: Sequence[str] | None = None) -> dict[str, RegisteredSet]:
    """Every registered set by name; only those of `names` that exist, where given."""
    return {**list_sets(connection, names), **list_window_sets(connection, names)}


def resolve_features(
    connection: Connection[Any], references: str | Sequence[str]
) -> list[tuple[RegisteredSet, RegisteredFeature]]:
    """The features with their sets, in the given order; "set.*" and "set" stand for all of a set's, in theirs. Raises UnknownName.

    Set and feature may hold dots themselves ("schema.set.feature"): the longest registered set that fits is meant. A text is one reference.
    """
    given = [references] if isinstance(references, str) else list(references)
    sets = readable_sets(connection, sorted({name for reference in given for name in owners(reference)}))
    features = {name: one.features_by_name for name, one in sets.items()}
    resolved: list[tuple[RegisteredSet, RegisteredFeature]] = []
    for reference in given:
        found = chosen(reference, features)
        if found is None:
            raise _unknown(connection, reference)
        owner, names = found
        resolved.extend((sets[owner], sets[owner].feature(name)) for name in names)
    return resolved


def resolve_each(
    connection: Connection[Any], references: Sequence[str]
) -> list[tuple[RegisteredSet, RegisteredFeature]]:
    """One feature for each reference: a whole set is none. Raises UnknownName."""
    found = [resolve_features(connection, [reference]) for reference in references]
    for reference, features in zip(references, found, strict=True):
        if [feature.reference for _, feature in features] != [reference]:
            raise _unknown(connection, reference)
    return [features[0] for features in found]


def _unknown(connection: Connection[Any], reference: str) -> UnknownName:
    from fsdb.catalog.expressions import list_expressions  # which read features

    expressions = list(list_expressions(connection))
    if reference in expressions:
        return UnknownName(
            f"{reference} is an expression, and stored features alone are taken here: name those that it reads."
        )
    every = [feature.reference for one in readable_sets(connection).values() for feature in one.features] + expressions
    return UnknownName(
        f"There is no feature {reference!r}; features are written 'set.feature'.{nearest(reference, every)}"
    )
