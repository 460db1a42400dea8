"""Registered training views and saved training sets: reading them from the catalog and writing them to it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row, dict_row

from fsdb.catalog.nearest import nearest
from fsdb.definitions import TrainingView
from fsdb.errors import UnknownName
from fsdb.sql import query

FILE = "catalog/training"


@dataclass(frozen=True)
class SavedColumn:
    """A column of a saved training set; `feature_id` is None for one of the spine, and for an expression, which has a `tree`.

    hidden: no column of the set's, but a feature that an expression reads.
    """

    name: str
    type: str
    feature_id: int | None
    default_value: str | None
    content_hash: str
    tree: Any = None
    hidden: bool = False


@dataclass(frozen=True)
class SavedSet:
    """A saved training set as the catalog knows it.

    known: now, then, or at with `known_at`. high_versions and restored_versions: of every feature set that there was; max_ages: of those that were read.
    """

    name: str
    training_view: str | None
    spine: str | None
    timestamp_column: str
    label: str | None
    known: str
    known_at: datetime | None
    snapshot: str
    own_xid: int | None
    engine: str
    row_count: int
    late_values: int
    content_hash: str
    created_at: datetime
    columns: tuple[SavedColumn, ...]
    high_versions: Mapping[str, int]
    restored_versions: Mapping[str, int]
    max_ages: Mapping[str, timedelta | None]
    hidden: tuple[SavedColumn, ...] = ()


def list_views(connection: Connection[Any], names: Sequence[str] | None = None) -> list[TrainingView]:
    """The registered training views in order of name; only those of `names` that exist, where given."""
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(query(FILE, "list_views"), {"names": names and list(names)}).fetchall()
    return [
        TrainingView(
            row["name"],
            row["spine"],
            row["timestamp_column"],
            tuple(row["features"]),
            row["label"],
            row["description"],
            tuple(row["tags"]),
            row["owner"],
        )
        for row in rows
    ]


def get_view(connection: Connection[Any], name: str) -> TrainingView:
    """The registered training view of that name. Raises UnknownName with the nearest names."""
    found = list_views(connection, [name])
    if not found:
        raise UnknownName(
            f"There is no training view {name!r}.{nearest(name, [v.name for v in list_views(connection)])}"
        )
    return found[0]


def put_view(
    connection: Connection[Any],
    view: TrainingView,
    schema: str,
    feature_ids: Sequence[int | None],
    expressions: Sequence[str | None],
) -> None:
    """Registers a training view, or writes its definition anew. In each place is a feature's number or an expression's name."""
    connection.execute(
        query(FILE, "put_view"),
        {
            "name": view.name,
            "schema_name": schema,
            "spine": view.spine,
            "timestamp_column": view.timestamp,
            "label": view.label,
            "description": view.description,
            "tags": list(view.tags),
            "owner": view.owner,
        },
    )
    connection.execute(query(FILE, "delete_view_features"), {"name": view.name})
    connection.execute(query(FILE, "insert_view_features"), {"name": view.name, "feature_ids": list(feature_ids)})
    connection.execute(query(FILE, "delete_view_expressions"), {"name": view.name})
    connection.execute(query(FILE, "insert_view_expressions"), {"name": view.name, "expressions": list(expressions)})


def delete_view(connection: Connection[Any], name: str) -> None:
    """Removes a training view from the catalog."""
    connection.execute(query(FILE, "delete_view"), {"name": name})


def views_using(connection: Connection[Any], feature_id: int) -> list[str]:
    """The training views that a feature is in."""
    return [name for (name,) in connection.execute(query(FILE, "views_using"), {"feature_id": feature_id})]


def views_of_sets(connection: Connection[Any], feature_sets: Sequence[str]) -> list[str]:
    """The training views that have a feature of one of these sets."""
    return [name for (name,) in connection.execute(query(FILE, "views_of_sets"), {"names": list(feature_sets)})]


def insert_set(connection: Connection[Any], saved: SavedSet) -> None:
    """Registers a saved training set."""
    connection.execute(
        query(FILE, "insert_set"),
        {
            "name": saved.name,
            "training_view": saved.training_view,
            "spine": saved.spine,
            "timestamp_column": saved.timestamp_column,
            "label": saved.label,
            "known": saved.known,
            "known_at": saved.known_at,
            "snapshot": saved.snapshot,
            "own_xid": saved.own_xid,
            "engine": saved.engine,
            "row_count": saved.row_count,
            "late_values": saved.late_values,
            "content_hash": saved.content_hash,
        },
    )
    kept = [*saved.columns, *saved.hidden]
    connection.execute(
        query(FILE, "insert_set_columns"),
        {
            "training_set": saved.name,
            "names": [column.name for column in kept],
            "types": [column.type for column in kept],
            "feature_ids": [column.feature_id for column in kept],
            "default_values": [column.default_value for column in kept],
            "content_hashes": [column.content_hash for column in kept],
            "trees": [None if column.tree is None else json.dumps(column.tree) for column in kept],
            "hidden": [column.hidden for column in kept],
        },
    )
    for feature_set, high_version in saved.high_versions.items():
        max_age = saved.max_ages.get(feature_set)
        connection.execute(
            query(FILE, "insert_set_snapshot"),
            {
                "training_set": saved.name,
                "feature_set": feature_set,
                "high_version": high_version,
                "restored_version": saved.restored_versions.get(feature_set, 0),
                "max_age_seconds": None if max_age is None else max_age.total_seconds(),
            },
        )


def get_saved(connection: Connection[Any], name: str) -> SavedSet:
    """The saved training set of that name. Raises UnknownName with the nearest names."""
    with connection.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(query(FILE, "list_sets"), {"names": [name]}).fetchone()
    if row is None:
        raise UnknownName(f"There is no saved training set {name!r}.{nearest(name, saved_names(connection))}")
    with connection.cursor(row_factory=class_row(SavedColumn)) as cursor:
        columns = cursor.execute(query(FILE, "list_set_columns"), {"name": name}).fetchall()
    seen = connection.execute(query(FILE, "list_set_snapshots"), {"name": name}).fetchall()
    return SavedSet(
        **row,
        columns=tuple(column for column in columns if not column.hidden),
        hidden=tuple(column for column in columns if column.hidden),
        high_versions={feature_set: high for feature_set, high, _, _ in seen},
        restored_versions={feature_set: restored for feature_set, _, restored, _ in seen if restored},
        max_ages={s: None if seconds is None else timedelta(seconds=seconds) for s, _, _, seconds in seen},
    )


def saved_names(connection: Connection[Any]) -> list[str]:
    """The names of the saved training sets, in order."""
    return [row[0] for row in connection.execute(query(FILE, "list_sets"), {"names": None})]


def sets_of_features(connection: Connection[Any], feature_ids: Sequence[int]) -> list[str]:
    """The feature sets that features, dropped ones too, belong to."""
    found = connection.execute(query(FILE, "sets_of_features"), {"feature_ids": list(feature_ids)})
    return [name for (name,) in found]


def delete_set(connection: Connection[Any], name: str) -> None:
    """Removes a saved training set from the catalog."""
    connection.execute(query(FILE, "delete_set"), {"name": name})
