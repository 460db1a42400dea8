"""Adds, drops, restores and widens features of a set that has rows and history already."""

from typing import Any

from psycopg import Connection
from psycopg.sql import SQL, Composable, Identifier

from fsdb.catalog import feature_sets as catalog
from fsdb.catalog.feature_sets import RegisteredFeature, RegisteredSet, get_set
from fsdb.definitions import Feature, FeatureSet
from fsdb.errors import ChangeRefused, InvalidDefinition, UnknownName
from fsdb.history.columns import Columns, listed
from fsdb.history.names import dropped_column, internal
from fsdb.history.rebuilding import rebuilding
from fsdb.history.tables import comment_on_column
from fsdb.history.tracking import check
from fsdb.history.versions import version_row
from fsdb.sql import query
from fsdb.types import type_sql, widens


def add_feature(connection: Connection[Any], registered: RegisteredSet, feature: Feature) -> RegisteredSet:
    """Adds a feature at the end of the set; older versions carry NULL for it.

    In a tracked set it must be a column of the table; rows that hold a value get a correction of their newest
    version, with the same event_time. Raises InvalidDefinition for a name that cannot be added.
    """
    definition = _with(registered, feature)
    if definition.tracks is not None:
        check(connection, definition)
    with rebuilding(connection, registered):
        catalog.insert_features(connection, registered.name, [feature])
        if not registered.tracked:
            _add_column(connection, registered.live, feature.name, type_sql(feature.sql_type))
            if feature.description:
                comment_on_column(connection, registered.live, feature.name, feature.description)
        _add_column(connection, registered.history, feature.name, _kept_type(connection, registered, feature))
    return _corrected(connection, registered.name)


def drop_feature(connection: Connection[Any], registered: RegisteredSet, name: str) -> RegisteredSet:
    """Takes a feature out of the set. Its history stays, under a name that cannot be taken again, for training sets that
    used it and for `restore_feature`; a tracked table keeps its column.

    Raises UnknownName for a feature that the set has not, ChangeRefused for its last one or where other objects use it.
    """
    feature = registered.feature(name)
    if len(registered.features) == 1:
        raise ChangeRefused(f"{feature.reference} is the only feature of its set: drop the set instead.")
    column = dropped_column(name, feature.feature_id)
    with rebuilding(connection, registered):
        if not registered.tracked:
            connection.execute(query("history/features", "drop_column", table=registered.live, column=Identifier(name)))
        _rename(connection, registered, feature.history_column, column)
        catalog.drop_feature(connection, feature.feature_id, column)
    return get_set(connection, registered.name)


def restore_feature(connection: Connection[Any], registered: RegisteredSet, feature_id: int) -> RegisteredSet:
    """Takes a dropped feature back: its history under its own name, and live values as the newest versions carry them.

    Raises UnknownName where no such feature was dropped, ChangeRefused where another one bears its name now.
    """
    dropped = [feature for feature in registered.dropped_features if feature.feature_id == feature_id]
    if not dropped:
        raise UnknownName(f"Feature set {registered.name} has no dropped feature of id {feature_id}.")
    feature = dropped[0]
    if feature.name in {current.name for current in registered.features}:
        raise ChangeRefused(f"There is a newer feature {feature.reference}: drop that one before restoring the older.")
    definition = _with(registered, Feature(feature.name, feature.type))
    if definition.tracks is not None:
        check(connection, definition)
    with rebuilding(connection, registered):
        _rename(connection, registered, feature.history_column, feature.name)
        catalog.restore_feature(connection, feature_id)
        if not registered.tracked:
            _restore_live(connection, registered, feature)
    return _corrected(connection, registered.name)


def widen_feature(connection: Connection[Any], registered: RegisteredSet, name: str, new_type: str) -> RegisteredSet:
    """Changes a feature's type in place, in history and (unless the set tracks a table) in the live table.

    The way back, to the narrower type, is taken too: the caller has then made sure that every value fits. Raises
    ChangeRefused for types of which neither is the wider one.
    """
    feature = registered.feature(name)
    if not (widens(feature.type, new_type) or widens(new_type, feature.type)):
        raise ChangeRefused(
            f"{feature.reference} is {feature.type} and cannot become {new_type} in place: add a feature of another name and backfill it."
        )
    tables = [registered.history] if registered.tracked else [registered.live, registered.history]
    with rebuilding(connection, registered):
        for table in tables:
            column = feature.history_column if table == registered.history else name
            parts: dict[str, Composable] = {"table": table, "column": Identifier(column), "type": type_sql(new_type)}
            connection.execute(query("history/features", "change_type", **parts))
        catalog.set_feature_type(connection, feature.feature_id, new_type)
    return get_set(connection, registered.name)


def _with(registered: RegisteredSet, feature: Feature) -> FeatureSet:
    """The set's definition with one more feature, which checks names and counts."""
    taken = {*registered.keys, *(current.name for current in registered.features)}
    if feature.name in taken:
        raise InvalidDefinition(
            f"Feature set {registered.name} has a column {feature.name!r} already: choose another name."
        )
    return FeatureSet(
        registered.name,
        keys=registered.keys,
        features=(*(Feature(current.name, current.type) for current in registered.features), feature),
        tracks=f"{registered.live_schema}.{registered.live_table}" if registered.tracked else None,
        event_time=registered.event_time_column if registered.tracked else None,
    )


def _corrected(connection: Connection[Any], name: str) -> RegisteredSet:
    """The set as it is now; where it tracks a table, its newest versions carry what the table holds."""
    current = get_set(connection, name)
    if current.tracked:
        columns = Columns(current)
        parts: dict[str, Composable] = {
            "write": internal(current.history_table, "write"),
            "history": current.history,
            "live": current.live,
            "same_key": columns.same_key("h", "l"),
            "l_features": listed(columns.live_names, "l"),
            "newest_features": listed(columns.kept_names, "newest"),
            "version": version_row(
                current,
                keys=[Identifier("l", key) for key in columns.key_names],
                features={f.history_column: Identifier("l", f.name) for f in current.features},
                others=Identifier("newest"),
                event_time=Identifier("newest", "event_time"),
            ),
        }
        connection.execute(query("history/features", "correct_newest", **parts))
    return current


def _restore_live(connection: Connection[Any], registered: RegisteredSet, feature: RegisteredFeature) -> None:
    _add_column(connection, registered.live, feature.name, type_sql(feature.type))
    columns = Columns(registered)
    parts: dict[str, Composable] = {
        "live": registered.live,
        "history": registered.history,
        "column": Identifier(feature.name),
        "h_column": Identifier("h", feature.name),
        "h_keys": columns.keys("h"),
        "same_key": columns.same_key("newest", "l"),
    }
    connection.execute(query("history/features", "restore_live", **parts))
    if feature.description:
        comment_on_column(connection, registered.live, feature.name, feature.description)


def _add_column(connection: Connection[Any], table: Composable, name: str, kind: Composable) -> None:
    parts: dict[str, Composable] = {"table": table, "column": Identifier(name), "type": kind}
    connection.execute(query("history/features", "add_column", **parts))


def _rename(connection: Connection[Any], registered: RegisteredSet, old: str, new: str) -> None:
    parts: dict[str, Composable] = {
        "table": registered.history,
        "column": Identifier(old),
        "new_column": Identifier(new),
    }
    connection.execute(query("history/features", "rename_column", **parts))


def _kept_type(connection: Connection[Any], registered: RegisteredSet, feature: Feature) -> Composable:
    """The type of a feature's column in history, with the collation of the tracked column."""
    row = connection.execute(
        query("history/tracking", "collation"),
        {"schema": registered.live_schema, "table": registered.live_table, "column": feature.name},
    ).fetchone()
    if row is None:
        return type_sql(feature.sql_type)
    return SQL("{} COLLATE {}").format(type_sql(feature.sql_type), Identifier(row[0], row[1]))
