"""Between a point-in-time join and what the catalog keeps of a saved one."""

from typing import Any

from psycopg import Connection

from fsdb.access import erasures
from fsdb.asof import NOW, THEN, AsOf, At, Column, FeatureRead, Known, SetRead, Snapshot, Spine, Then, read_of
from fsdb.asof.description import Computed
from fsdb.catalog.feature_sets import RegisteredFeature, RegisteredSet
from fsdb.catalog.readable import readable_sets
from fsdb.catalog.training import SavedColumn, SavedSet, sets_of_features
from fsdb.config import TRAINING_SCHEMA
from fsdb.expressions.documents import from_document
from fsdb.training.spine import free_name
from fsdb.training.spine_table import names_in_table, rows_in_table


def snapshot_of(saved: SavedSet) -> Snapshot:
    """What a saved training set saw of history."""
    return Snapshot(saved.snapshot, saved.own_xid, saved.high_versions, saved.restored_versions)


def known_of(saved: SavedSet) -> Known:
    """Which versions of its snapshot counted."""
    if saved.known == "at":
        assert saved.known_at is not None
        return At(saved.known_at)
    return THEN if saved.known == "then" else NOW


def known_name(known: Known) -> str:
    """What the catalog calls it."""
    return "at" if isinstance(known, At) else "then" if isinstance(known, Then) else "now"


def saved_asof(connection: Connection[Any], saved: SavedSet) -> AsOf:
    """The join that a saved training set came from: types, defaults and max_age as they were then.

    Its history columns are found by feature_id, under whatever name they have now.
    """
    given = spine_columns(saved)
    features = [c for c in (*saved.columns, *saved.hidden) if c.feature_id is not None]
    computed = tuple(Computed(c.name, c.type, from_document(c.tree)) for c in saved.columns if c.tree is not None)
    shown = tuple(c.name for c in saved.columns if c.feature_id is not None or c.tree is not None)
    sets = readable_sets(connection, sets_of_features(connection, [c.feature_id for c in features if c.feature_id]))
    owners = {f.feature_id: (s, f) for s in sets.values() for f in (*s.features, *s.dropped_features)}
    by_set: dict[str, list[SavedColumn]] = {}
    for column in features:
        assert column.feature_id is not None
        by_set.setdefault(owners[column.feature_id][0].name, []).append(column)
    return AsOf(
        rows_in_table(
            connection,
            Spine(
                given,
                saved.timestamp_column,
                saved.row_count - sum(erasure.rows for erasure in erasures.of_training_set(connection, saved.name)),
                (TRAINING_SCHEMA, saved.name),
                ordinal_of(given),
            ),
        ),
        tuple(_read(sets[name], columns, owners, saved) for name, columns in by_set.items()),
        tuple(Column(c.name, c.type) for c in features),
        known_of(saved),
        snapshot_of(saved),
        computed,
        shown if computed else None,
    )


def spine_columns(saved: SavedSet) -> tuple[Column, ...]:
    """The columns that a saved training set has of its spine."""
    return tuple(Column(c.name, c.type) for c in saved.columns if c.feature_id is None and c.tree is None)


def ordinal_of(columns: tuple[Column, ...]) -> str:
    """The column that numbers a saved spine's rows."""
    return free_name(list(names_in_table(columns).values()))


def _read(
    owner: RegisteredSet,
    columns: list[SavedColumn],
    features: dict[int, tuple[RegisteredSet, RegisteredFeature]],
    saved: SavedSet,
) -> SetRead:
    reads = tuple(
        FeatureRead(c.feature_id, features[c.feature_id][1].history_column, c.name, c.type, c.default_value)
        for c in columns
        if c.feature_id is not None
    )
    return read_of(owner, reads, saved.max_ages.get(owner.name))
