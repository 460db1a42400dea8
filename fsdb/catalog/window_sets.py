"""Registered window sets: reading them from the catalog and writing them to it."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from psycopg import Connection
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from fsdb.catalog.feature_sets import (
    RegisteredSet,
    RegisteredWindows,
    columns_of,
    insert_features,
    insert_keys,
    list_sets,
)
from fsdb.definitions import Feature, WindowSet
from fsdb.definitions.windows import WindowFeature
from fsdb.sql import query

FILE = "catalog/window_sets"


def list_window_sets(connection: Connection[Any], names: Sequence[str] | None = None) -> dict[str, RegisteredSet]:
    """The registered window sets by name, in order of name; only those of `names` that exist, where given. Their tables are the events'."""
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(query(FILE, "list_window_sets"), {"names": names and list(names)}).fetchall()
        if not rows:
            return {}
        found = {"names": [row["name"] for row in rows]}
        keys = cursor.execute(query(FILE, "list_window_keys"), found).fetchall()
        windows = cursor.execute(query(FILE, "list_windows"), found).fetchall()
    key_columns, members = columns_of(connection, found["names"])
    events = list_sets(connection, sorted({row["events"] for row in rows}))
    columns: dict[str, dict[str, str]] = {name: {} for name in key_columns}
    for key in keys:
        columns[key["feature_set"]][key["name"]] = key["history_column"]
    computed: dict[str, dict[int, WindowFeature]] = {name: {} for name in key_columns}
    conditions: dict[str, dict[int, Any]] = {name: {} for name in key_columns}
    for w in windows:
        if w["tree"] is not None:
            conditions[w["feature_set"]][w["feature_id"]] = w["tree"]
        computed[w["feature_set"]][w["feature_id"]] = WindowFeature(
            w["name"], w["function"], w["column_name"], microseconds(w["width"]), w["condition"]
        )
    sets = {}
    for row in rows:
        name, of = row["name"], events[row["events"]]
        sets[name] = RegisteredSet(
            name=name,
            schema_name=row["schema_name"],
            live_schema=of.live_schema,
            live_table=of.live_table,
            history_table=of.history_table,
            event_time_column=None,
            tracked=of.tracked,
            max_age=None,
            description=row["description"],
            tags=tuple(row["tags"]),
            owner=row["owner"],
            created_at=row["created_at"],
            keys=key_columns[name],
            features=tuple(f for f in members[name] if f.dropped_at is None),
            dropped_features=tuple(f for f in members[name] if f.dropped_at is not None),
            reach=of.reach,
            retention=of.retention,
            windows=RegisteredWindows(
                of,
                {key: columns[name][key] for key in key_columns[name]},
                computed[name],
                conditions[name],
                microseconds(row["ends_before"]),
                None if row["step"] == 1 else microseconds(row["step"]),
            ),
        )
    return sets


def insert_window_set(
    connection: Connection[Any],
    definition: WindowSet,
    events: RegisteredSet,
    conditions: Mapping[str, Any],
) -> None:
    """Registers a window set; conditions: as documents, by their texts."""
    assert definition.offset is None or isinstance(definition.offset, timedelta)
    assert definition.step is None or isinstance(definition.step, timedelta)
    types = {feature.name: feature.type for feature in events.features}
    connection.execute(
        query(FILE, "insert_set"),
        {
            "name": definition.name,
            "schema_name": definition.name.rpartition(".")[0] or "public",
            **_described(definition),
        },
    )
    given = {
        "name": definition.name,
        "events": events.name,
        "ends_before": 0 if definition.offset is None else _count(definition.offset),
        "step": 1 if definition.step is None else _count(definition.step),
    }
    connection.execute(query(FILE, "insert_window_set"), given)
    insert_keys(connection, definition.name, {key: types[column] for key, column in definition.keys.items()})
    ids = {feature.name: feature.feature_id for feature in events.features}
    keys = {"keys": list(definition.keys), "columns": [ids[column] for column in definition.keys.values()]}
    connection.execute(query(FILE, "insert_window_keys"), {"name": definition.name, **keys})
    insert_windows(connection, definition.name, events, definition.computed, conditions)


def insert_windows(
    connection: Connection[Any],
    name: str,
    events: RegisteredSet,
    computed: Sequence[WindowFeature],
    conditions: Mapping[str, Any],
) -> None:
    """Registers features at the end of a window set, in order; conditions: as documents, by their texts."""
    columns = events.features_by_name
    given = [Feature(one.name, one.type_of(one.column and columns[one.column].type), one.said) for one in computed]
    written: Mapping[str, Any] = {
        "features": insert_features(connection, name, given),
        "functions": [one.function for one in computed],
        "columns": [one.column and columns[one.column].feature_id for one in computed],
        "widths": [_count(one.width) for one in computed],
        "conditions": [one.where for one in computed],
        "trees": [None if one.where is None else Jsonb(conditions[one.where]) for one in computed],
    }
    connection.execute(query(FILE, "insert_windows"), written)


def update_window_set(connection: Connection[Any], definition: WindowSet) -> None:
    """Writes description, tags and owner."""
    connection.execute(query(FILE, "update_set"), {"name": definition.name, **_described(definition)})


def update_condition(connection: Connection[Any], feature_id: int, condition: str) -> None:
    """Writes a condition as it is written since a column of it was renamed; what it computes stays."""
    connection.execute(query(FILE, "update_condition"), {"feature_id": feature_id, "condition": condition})


def window_sets_of(connection: Connection[Any], events: str) -> list[str]:
    """The window sets that read an event table."""
    return [name for (name,) in connection.execute(query(FILE, "reading"), {"events": events}).fetchall()]


def microseconds(count: int) -> timedelta:
    """A length of time, of its microseconds."""
    return timedelta(microseconds=count)


def _count(length: timedelta) -> int:
    return length // timedelta(microseconds=1)


def _described(definition: WindowSet) -> dict[str, Any]:
    return {"description": definition.description, "tags": list(definition.tags), "owner": definition.owner}
