"""Spines made of the feature sets themselves: the moments of their history, or their entities now."""

from collections.abc import Sequence
from typing import Any

from psycopg import Connection
from psycopg.sql import Composable, Composed, Identifier

from fsdb.asof.binding import family
from fsdb.catalog.feature_sets import RegisteredFeature, RegisteredSet
from fsdb.engines.postgres.lookup import typed_literal
from fsdb.errors import InvalidDefinition, RetentionRefused
from fsdb.history.reach import reach_of
from fsdb.sql import joined, query

FILE = "training/spine"
TIMESTAMP = "event_time"


def spine(
    connection: Connection[Any], chosen: Sequence[tuple[RegisteredSet, RegisteredFeature]], values: str
) -> Composed:
    """A spine query of the chosen sets' keys and `event_time`: "history", in order of time, or "current", in order of keys.

    Raises InvalidDefinition where the sets do not have the same keys, RetentionRefused for the history of a set of which versions have left.
    """
    sets = list({owner.name: owner for owner, _ in chosen}.values())
    for computed in sets:
        if computed.windows is not None:
            raise InvalidDefinition(
                f"{computed.name} has a value at every moment, computed from events: give a spine of the moments that you want."
            )
    for other in sets[1:]:
        if _keys(other) != _keys(sets[0]):
            raise InvalidDefinition(
                f"{sets[0].name} has the keys {', '.join(sets[0].keys)}, {other.name} has {', '.join(other.keys)}: without a spine all sets need the same keys. Give a spine, or choose features of sets with the same keys."
            )
    keys = joined([Identifier(key) for key in sets[0].keys])
    if values == "history":
        for owner in sets:
            _refuse_gone(connection, owner)
        parts = [query(FILE, "entity_versions", keys=keys, history=owner.history) for owner in sets]
        return query(FILE, "history_spine", parts=joined(parts, "\nUNION\n"), keys=keys)
    if values != "current":
        raise InvalidDefinition(f"values={values!r} is unknown: use 'history' or 'current'.")
    at = _clock(connection)
    parts = [query(FILE, "entities", keys=keys, history=owner.history, at=at) for owner in sets]
    return query(FILE, "current_spine", parts=joined(parts, "\nUNION\n"), keys=keys, at=at)


def _refuse_gone(connection: Connection[Any], owner: RegisteredSet) -> None:
    reach = reach_of(connection, owner)
    if reach is not None:
        raise RetentionRefused(
            f"Versions of {owner.name} before {reach} have left PostgreSQL for its columnar copy, so PostgreSQL does not know every moment at which something changed: give a spine of the moments that you want, or values='current'."
        )


def _keys(owner: RegisteredSet) -> dict[str, str]:
    return {key: family(kind) for key, kind in owner.keys.items()}


def _clock(connection: Connection[Any]) -> Composable:
    row = connection.execute(query(FILE, "clock")).fetchone()
    assert row is not None
    return typed_literal(row[0].isoformat(), "timestamp with time zone")
