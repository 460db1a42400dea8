"""Creates, changes and drops window sets."""

from collections.abc import Mapping, Sequence
from typing import Any

from psycopg import Connection

from fsdb import locks
from fsdb.catalog import feature_sets as catalog
from fsdb.catalog import window_sets
from fsdb.catalog.feature_sets import RegisteredSet, get_set
from fsdb.catalog.nearest import nearest
from fsdb.catalog.readable import readable_sets
from fsdb.catalog.window_sets import list_window_sets
from fsdb.config import HISTORY_SCHEMA
from fsdb.definitions import WindowSet
from fsdb.definitions.windows import WindowFeature
from fsdb.errors import ChangeRefused, InvalidDefinition, UnknownName
from fsdb.history.names import dropped_column
from fsdb.history.refusals import refusals
from fsdb.history.tables import drop_objects
from fsdb.locks import Mode
from fsdb.sql import query, run
from fsdb.types import KEY_TYPES, base_name
from fsdb.windows.conditions import documents
from fsdb.windows.objects import FILE, compile_windows, index_of, is_foreign


def get_window_set(connection: Connection[Any], name: str) -> RegisteredSet:
    """The registered window set of that name. Raises UnknownName with the nearest names."""
    found = list_window_sets(connection, [name])
    if name not in found:
        raise UnknownName(f"There is no window set {name!r}.{nearest(name, list(list_window_sets(connection)))}")
    return found[name]


def create(connection: Connection[Any], definition: WindowSet) -> RegisteredSet:
    """Registers a window set, with the function <set>_as_of and an index that finds events.

    Raises InvalidDefinition where its events cannot give what it computes, ChangeRefused where something has its name.
    """
    if readable_sets(connection, [definition.name]):
        raise ChangeRefused(
            f"There is a feature set {definition.name} already: choose another name, or alter that one."
        )
    with refusals(definition.name):
        events = _events(connection, definition)
        _check_keys(events, definition)
        _check_columns(events, definition.computed)
        conditions = documents(connection, definition.name, events, definition.computed)
        window_sets.insert_window_set(connection, definition, events, conditions)
        registered = get_window_set(connection, definition.name)
        locks.take(connection, {(HISTORY_SCHEMA, registered.history_table): Mode.SHARE})
        _, index = index_of(registered)
        connection.execute(index)
        _install(connection, registered)
    return registered


def alter(connection: Connection[Any], definition: WindowSet) -> RegisteredSet:
    """Changes features and what describes a window set. A feature that computes something else is another one under the same name.

    Raises ChangeRefused for other events, keys, offset or step.
    """
    registered = get_window_set(connection, definition.name)
    assert registered.windows is not None
    with refusals(definition.name):
        events = registered.windows.events
        wanted = {one.name: one for one in definition.computed}
        current = {f.name: registered.windows.of[f.feature_id] for f in registered.features}
        for feature in registered.features:
            if wanted.get(feature.name) != current[feature.name]:
                column = dropped_column(feature.name, feature.feature_id)
                catalog.drop_feature(connection, feature.feature_id, column)
        new = [one for name, one in wanted.items() if current.get(name) != one]
        _check_columns(events, new)
        conditions = documents(connection, definition.name, events, new)
        window_sets.insert_windows(connection, definition.name, events, new, conditions)
        window_sets.update_window_set(connection, definition)
        drop_objects(connection, compile_windows(registered))
        _install(connection, get_window_set(connection, definition.name))
    return get_window_set(connection, definition.name)


def drop(connection: Connection[Any], registered: RegisteredSet) -> None:
    """Removes a window set. Its events stay. Raises ChangeRefused where other objects depend on its function."""
    assert registered.windows is not None
    with refusals(registered.name):
        drop_objects(connection, [one for one in compile_windows(registered) if not is_foreign(connection, one)])
        catalog.delete_set(connection, registered.name)
        name, _ = index_of(registered)
        others = window_sets.window_sets_of(connection, registered.windows.events.name)
        if all(index_of(one)[0] != name for one in list_window_sets(connection, others).values()):
            connection.execute(query(FILE, "drop_index", index=name))


def follow(connection: Connection[Any], events: str, names: Mapping[str, str]) -> None:
    """Takes the window sets of an event table along where columns of that were renamed. names: new ones by old ones."""
    from fsdb.expressions.parsing import rewritten  # with sqlglot

    for registered in list_window_sets(connection, window_sets.window_sets_of(connection, events)).values():
        assert registered.windows is not None
        for feature_id, one in registered.windows.of.items():
            if one.where is not None:
                window_sets.update_condition(connection, feature_id, rewritten(one.where, names))
        repair(connection, get_window_set(connection, registered.name))


def repair(connection: Connection[Any], registered: RegisteredSet) -> None:
    """Makes the set's objects again as they should be."""
    with refusals(registered.name):
        _, index = index_of(registered)
        connection.execute(index)
        _install(connection, registered)


def _install(connection: Connection[Any], registered: RegisteredSet) -> None:
    for one in compile_windows(registered):
        if is_foreign(connection, one):
            raise ChangeRefused(
                f"{one.kind.capitalize()} {one.name} was not made by fsdb: rename it, or give window set {registered.name} another name."
            )
        run(connection, one.statements())


def _events(connection: Connection[Any], definition: WindowSet) -> RegisteredSet:
    events = get_set(connection, definition.events)
    if events.happens is None:
        raise InvalidDefinition(
            f"Window set {definition.name} reads {definition.events}, which is no event table: define that one with EventTable, which says "
            "by which column its events happen."
        )
    return events


def _check_keys(events: RegisteredSet, definition: WindowSet) -> None:
    for key, column in definition.keys.items():
        found = events.features_by_name.get(column)
        if found is None:
            raise UnknownName(
                f"Key {key!r} of window set {definition.name} is column {column!r}, which {events.name} has not.{nearest(column, list(events.features_by_name))}"
            )
        if base_name(found.type) not in KEY_TYPES:
            raise InvalidDefinition(
                f"Key {key!r} of {definition.name} has the type {found.type}, which has no exact equality: use an integer, text, uuid, date, boolean or timestamptz."
            )


def _check_columns(events: RegisteredSet, computed: Sequence[WindowFeature]) -> None:
    """Raises UnknownName for columns that the events lack, InvalidDefinition for those of a type without the function."""
    for one in computed:
        if one.column is not None:
            column = events.features_by_name.get(one.column)
            if column is None:
                raise UnknownName(
                    f"Feature {one.name} is of column {one.column!r}, which {events.name} has not.{nearest(one.column, list(events.features_by_name))}"
                )
            one.type_of(column.type)
