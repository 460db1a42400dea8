"""Registered feature sets: reading them from the catalog and writing them to it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from psycopg import Connection, sql
from psycopg.rows import dict_row, tuple_row
from psycopg.types.json import Jsonb

from fsdb.array_text import texts_of, written
from fsdb.catalog.nearest import nearest
from fsdb.config import HISTORY_SCHEMA
from fsdb.definitions import Feature, FeatureSet
from fsdb.definitions.windows import WindowFeature
from fsdb.errors import InvalidDefinition, UnknownName
from fsdb.listing import listed
from fsdb.sql import query
from fsdb.types import keeps, read_type

DURATIONS = ("max_age", "retention", "ahead")  # of a set, in seconds where they are bound


@dataclass(frozen=True)
class RegisteredFeature:
    """A feature as the catalog knows it, in the order of the text `list_features`; `dropped_at` is None for a current one."""

    feature_set: str
    feature_id: int
    name: str
    type: str
    history_column: str
    description: str
    tags: tuple[str, ...]
    owner: str
    default_value: str | None
    created_at: datetime
    dropped_at: datetime | None

    @property
    def reference(self) -> str:
        """The feature's full name, "set.feature"."""
        return f"{self.feature_set}.{self.name}"


@dataclass(frozen=True, repr=False)
class RegisteredSet:
    """A feature set as the catalog knows it. `features` are the current ones in order.

    reach: as of this moment or later PostgreSQL alone has every version; earlier ones are partly in the columnar copy alone. None
    where none ever left. event_time_rule: "clock" or "clock only" where the clock alone counts in a live table of fsdb's own.
    ahead: how far an event_time may lie ahead of the clock. happens: of an event table, the column with the time of each event.
    windows: of a set whose features are computed from events, what they are; its tables are then those of the events.
    """

    name: str
    schema_name: str
    live_schema: str
    live_table: str
    history_table: str
    event_time_column: str | None
    tracked: bool
    max_age: timedelta | None
    description: str
    tags: tuple[str, ...]
    owner: str
    created_at: datetime
    keys: dict[str, str]
    features: tuple[RegisteredFeature, ...]
    dropped_features: tuple[RegisteredFeature, ...]
    retention: timedelta | None = None
    reach: datetime | None = None
    event_time_rule: str | None = None
    ahead: timedelta | None = None
    happens: str | None = None
    windows: "RegisteredWindows | None" = None

    def __repr__(self) -> str:
        keys = ", ".join(f"{name} ({kind})" for name, kind in self.keys.items())
        features = listed([f"{feature.name} ({feature.type})" for feature in self.features])
        follows = f", tracks {self.live_schema}.{self.live_table}" if self.tracked else ""
        return f"<Feature set {self.name}: key {keys}; features {features}{follows}>"

    @property
    def table_name(self) -> str:
        """The set's name without schema."""
        return self.name.rpartition(".")[2]

    @property
    def versions_of(self) -> str:
        """The set whose versions are read: of a window set its events."""
        return self.name if self.windows is None else self.windows.events.name

    @property
    def limited(self) -> bool:
        """Whether versions may leave PostgreSQL, or have: what reads history by moment must then ask how far it reaches."""
        return self.retention is not None or self.reach is not None

    @property
    def live(self) -> sql.Identifier:
        """The live table, quoted."""
        return sql.Identifier(self.live_schema, self.live_table)

    @property
    def history(self) -> sql.Identifier:
        """The history table, quoted."""
        return sql.Identifier(HISTORY_SCHEMA, self.history_table)

    def feature(self, name: str) -> RegisteredFeature:
        """The current feature of that name. Raises UnknownName with the nearest names."""
        found = self.features_by_name.get(name)
        if found is None:
            raise UnknownName(
                f"Feature set {self.name} has no feature {name!r}.{nearest(name, list(self.features_by_name))}"
            )
        return found

    @cached_property
    def features_by_name(self) -> dict[str, RegisteredFeature]:
        """The current features in order."""
        return {feature.name: feature for feature in self.features}


@dataclass(frozen=True)
class RegisteredWindows:
    """What a window set computes: of which events, whose `columns` (by key, as history calls them) hold its keys.

    of: what each feature computes, by feature_id, under its column's name; dropped ones too. conditions: their `where` as documents of
    expressions, whose inputs are the events' feature_ids. offset and step: as in the definition.
    """

    events: RegisteredSet
    columns: dict[str, str]
    of: dict[int, WindowFeature]
    conditions: dict[int, Any]
    offset: timedelta
    step: timedelta | None


def list_sets(connection: Connection[Any], names: Sequence[str] | None = None) -> dict[str, RegisteredSet]:
    """The registered sets that have tables of their own by name, in order of name; only those of `names` that exist, where given."""
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(query("catalog/feature_sets", "list_sets"), {"names": names and list(names)}).fetchall()
    key_columns, members = columns_of(connection, [row["name"] for row in rows])
    sets = {}
    for row in rows:
        name = row["name"]
        durations = {what: _duration(row.pop(f"{what}_seconds")) for what in DURATIONS}
        sets[name] = RegisteredSet(
            **{**row, **durations, "tags": tuple(row["tags"])},
            keys=key_columns[name],
            features=tuple(f for f in members[name] if f.dropped_at is None),
            dropped_features=tuple(f for f in members[name] if f.dropped_at is not None),
        )
    return sets


def columns_of(
    connection: Connection[Any], names: Sequence[str]
) -> tuple[dict[str, dict[str, str]], dict[str, list[RegisteredFeature]]]:
    """The keys and the features of the named sets, by set, in order; dropped features too."""
    found = {"names": list(names)}
    with connection.cursor(row_factory=tuple_row) as cursor:  # there may be tens of thousands
        keys = cursor.execute(query("catalog/feature_sets", "list_keys"), found).fetchall()
        features = cursor.execute(query("catalog/feature_sets", "list_features"), found).fetchall()
    key_columns: dict[str, dict[str, str]] = {name: {} for name in names}
    for owner, name, kind in keys:
        key_columns[owner][name] = read_type(kind, f"key {name}")
    members: dict[str, list[RegisteredFeature]] = {name: [] for name in names}
    for owner, number, name, kind, column, description, tags, *rest in features:
        if not keeps(kind):
            read_type(kind, f"feature {name}")
        members[owner].append(RegisteredFeature(owner, number, name, kind, column, description, tuple(tags), *rest))
    return key_columns, members


def get_set(connection: Connection[Any], name: str) -> RegisteredSet:
    """The registered set of that name. Raises UnknownName with the nearest names."""
    found = list_sets(connection, [name])
    if name not in found:
        computed = connection.execute(query("catalog/window_sets", "events_of"), {"name": name}).fetchone()
        if computed is not None:
            raise UnknownName(
                f"Window set {name} has no rows of its own: it is computed from the events of {computed[0]}, which is the set to name here."
            )
        raise UnknownName(f"There is no feature set {name!r}.{nearest(name, list(list_sets(connection)))}")
    return found[name]


def insert_set(
    connection: Connection[Any], definition: FeatureSet, live_schema: str, live_table: str, history_table: str
) -> None:
    """Registers a set with its keys and features."""
    connection.execute(
        query("catalog/feature_sets", "insert_set"),
        {
            "name": definition.name,
            "schema_name": definition.schema,
            "live_schema": live_schema,
            "live_table": live_table,
            "history_table": history_table,
            "event_time_column": "event_time" if definition.tracks is None else definition.event_time,
            "tracked": definition.tracks is not None,
            **_described(definition),
        },
    )
    insert_keys(connection, definition.name, definition.sql_keys)
    insert_features(connection, definition.name, definition.features)


def insert_keys(connection: Connection[Any], set_name: str, keys: Mapping[str, str]) -> None:
    """Registers the keys of a set with their types, in order."""
    connection.execute(
        query("catalog/feature_sets", "insert_keys"),
        {"feature_set": set_name, "names": list(keys), "types": list(keys.values())},
    )


def insert_features(connection: Connection[Any], set_name: str, features: Sequence[Feature]) -> list[int]:
    """Registers features at the end of their set, in order, and returns their feature_ids."""
    given = [{"name": f.name, "type": f.sql_type, **_feature_described(f)} for f in features]
    rows = connection.execute(
        query("catalog/feature_sets", "insert_features"), {"feature_set": set_name, "features": Jsonb(given)}
    )
    return [int(feature_id) for (feature_id,) in rows]


def update_set(connection: Connection[Any], definition: FeatureSet) -> None:
    """Writes max_age, retention, ahead, event_time's rule, description, tags and owner of a set."""
    connection.execute(query("catalog/feature_sets", "update_set"), {"name": definition.name, **_described(definition)})


def move_set(connection: Connection[Any], name: str, schema: str, table: str, event_time: str | None) -> None:
    """Writes what the live table of a tracked set is called, and its column of the event time."""
    given = {"name": name, "live_schema": schema, "live_table": table, "event_time": event_time}
    connection.execute(query("catalog/feature_sets", "move_set"), given)


def rename_feature(connection: Connection[Any], feature_id: int, name: str) -> None:
    """Writes another name of a feature, in history, too."""
    connection.execute(query("catalog/feature_sets", "rename_feature"), {"feature_id": feature_id, "name": name})


def update_feature(connection: Connection[Any], feature_id: int, feature: Feature) -> None:
    """Writes type, description, tags, owner and default of a feature."""
    connection.execute(
        query("catalog/feature_sets", "update_feature"),
        {"feature_id": feature_id, "type": feature.sql_type, **_feature_described(feature)},
    )


def set_feature_type(connection: Connection[Any], feature_id: int, kind: str) -> None:
    """Writes the type of a feature whose columns have changed theirs."""
    connection.execute(query("catalog/feature_sets", "set_feature_type"), {"feature_id": feature_id, "type": kind})


def drop_feature(connection: Connection[Any], feature_id: int, history_column: str) -> None:
    """Marks a feature dropped; `history_column` is what its column in history is called from now on."""
    connection.execute(
        query("catalog/feature_sets", "drop_feature"), {"feature_id": feature_id, "history_column": history_column}
    )


def restore_feature(connection: Connection[Any], feature_id: int) -> None:
    """Takes a dropped feature back under its own name."""
    connection.execute(query("catalog/feature_sets", "restore_feature"), {"feature_id": feature_id})


def delete_set(connection: Connection[Any], name: str) -> None:
    """Removes a set from the catalog."""
    connection.execute(query("catalog/feature_sets", "delete_set"), {"name": name})


def default_text(value: Any, kind: str) -> str | None:
    """A default of a feature of type `kind` as PostgreSQL reads it from text, or None."""
    if value is None:
        return None
    if kind == "jsonb":
        return json.dumps(value)
    if isinstance(value, str):
        return value
    if kind.endswith("[]"):
        try:
            return written(texts_of(list(value), kind.removesuffix("[]")))
        except (TypeError, ValueError) as error:
            raise InvalidDefinition(
                f"The default {value!r} is not of type {kind}: give a list of its items, or the text that PostgreSQL reads."
            ) from error
    if isinstance(value, (bytes, bytearray, memoryview)):
        return f"\\x{bytes(value).hex()}"
    return str(value)


def _described(definition: FeatureSet) -> dict[str, Any]:
    return {
        **{f"{what}_seconds": _seconds(getattr(definition, what)) for what in DURATIONS},
        "description": definition.description,
        "tags": list(definition.tags),
        "owner": definition.owner,
        "event_time_rule": definition.event_time if definition.tracks is None else None,
        "happens": definition.happens,
    }


def _duration(seconds: float | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)


def _seconds(duration: timedelta | None) -> float | None:
    return None if duration is None else duration.total_seconds()


def _feature_described(feature: Feature) -> dict[str, Any]:
    return {
        "description": feature.description,
        "tags": list(feature.tags),
        "owner": feature.owner,
        "default_value": default_text(feature.default, feature.sql_type),
    }
