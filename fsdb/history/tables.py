"""Creates, refreshes and drops the tables of a feature set with everything that keeps its history."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from psycopg import Connection
from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from fsdb import locks
from fsdb.catalog import feature_sets as catalog
from fsdb.catalog.feature_sets import RegisteredSet, get_set, list_sets
from fsdb.config import HISTORY_SCHEMA
from fsdb.definitions import FeatureSet
from fsdb.errors import ChangeRefused
from fsdb.history import tracking
from fsdb.history.columns import Columns, listed
from fsdb.history.compiler import compile_set
from fsdb.history.differences import filling
from fsdb.history.glance import keep
from fsdb.history.live import LiveTable, Needs, find, remember_columns, table_of
from fsdb.history.locking import all_locks, refresh_locks, track_locks
from fsdb.history.names import history_table, internal
from fsdb.history.objects import GeneratedObject
from fsdb.history.refusals import refusals
from fsdb.history.row_policy import row_policy
from fsdb.history.status import ObjectStatus, foreign_objects, live_status, marked_triggers, outdated_objects
from fsdb.locks import Mode, Relation
from fsdb.sql import joined, query, run
from fsdb.types import type_sql

STANDING = frozenset({"missing", "renamed", "standing"})  # problems with which no trigger can be made


def _refuse_second(connection: Connection[Any], definition: FeatureSet, schema: str, table: str) -> None:
    for other in list_sets(connection).values():
        if (other.live_schema, other.live_table) == (schema, table):
            raise ChangeRefused(
                f"Table {definition.tracks} is the live table of feature set {other.name} already: add features to that one."
            )


def create(connection: Connection[Any], definition: FeatureSet) -> RegisteredSet:
    """Makes the set's live table (unless it tracks one), history table, triggers, views and catalog rows.

    Rows that a tracked table has already get a first version each. Raises ChangeRefused where the set is
    registered, or something else has its names; InvalidDefinition where the tracked table cannot be tracked.
    """
    if list_sets(connection, [definition.name]):
        raise ChangeRefused(
            f"There is a feature set {definition.name} already: choose another name, or alter that one."
        )
    with refusals(definition.name):
        if definition.schema != "public":
            connection.execute(query("history/tables", "create_schema", schema=Identifier(definition.schema)))
        if definition.tracks is None:
            live_schema, live_table = definition.schema, definition.table_name
            _create_live(connection, definition)
        else:
            live_schema, live_table = table_of(definition.tracks)
            locks.take(connection, track_locks(live_schema, live_table))
            _refuse_second(connection, definition, live_schema, live_table)
            tracking.check(connection, definition)
        catalog.insert_set(connection, definition, live_schema, live_table, history_table(definition))
        registered = get_set(connection, definition.name)
        _create_history(connection, registered)
        if registered.tracked:
            tracking.write_first_versions(connection, registered)
        objects = compile_set(registered)
        _refuse_foreign(connection, registered, objects)
        install(connection, objects)
        remember_columns(connection, registered)
        keep(connection, registered, objects)
    return registered


def drop(connection: Connection[Any], registered: RegisteredSet) -> None:
    """Removes the set with its history, whatever is left of it. A tracked table stays, without fsdb's triggers; so does a live
    table that bears another name now, and another table that bears its name.

    Raises ChangeRefused where other objects depend on its views or tables.
    """
    with refusals(registered.name):
        live = find(connection, Needs.of(registered))
        objects = compile_set(registered)
        foreign = foreign_objects(connection, registered, objects)
        locks.take(connection, _locks_to_drop(registered, live, bool(foreign)))
        drop_triggers(connection, registered)
        left = [one for one in objects if one.kind != "trigger" and f"{one.kind} {one.name}" not in foreign]
        asked = [one for one in row_policy(registered) if one.kind == "function"]  # policies of others may ask it, too
        drop_objects(connection, [one for one in reversed(left) if one not in asked])
        connection.execute(query("history/tables", "drop_table", table=registered.history))
        drop_objects(connection, asked)
        if live is not None and not registered.tracked and live.is_own:
            connection.execute(query("history/tables", "drop_table", table=registered.live))
        catalog.delete_set(connection, registered.name)


def drop_triggers(connection: Connection[Any], registered: RegisteredSet, keep: Collection[str] = ()) -> None:
    """Drops the set's triggers, wherever they stand by now, but those to keep, named as a DROP names them."""
    marked = [found for found in marked_triggers(connection, registered) if found.as_string() not in keep]
    run(connection, [query("history/objects", "drop", kind=SQL("TRIGGER"), signature=one) for one in marked])


def drop_objects(connection: Connection[Any], objects: Iterable[GeneratedObject]) -> None:
    """Drops objects of a set, as far as they are there."""
    kinds = [(SQL("{} IF EXISTS").format(SQL(one.kind.upper())), one.signature) for one in objects]
    run(connection, [query("history/objects", "drop", kind=kind, signature=signature) for kind, signature in kinds])


def can_remake(
    connection: Connection[Any], registered: RegisteredSet, states: Sequence[ObjectStatus] | None = None
) -> bool:
    """Whether the set's live table is gone and can be made again from history, which is there in PostgreSQL."""
    found = {one.name: one.state for one in states or [live_status(connection, registered)]}
    live = f"{registered.live_schema}.{registered.live_table}"
    history = f"{HISTORY_SCHEMA}.{registered.history_table}"
    return not registered.tracked and found[live] == "missing" and found.get(history, "installed") == "installed"


def remake(connection: Connection[Any], registered: RegisteredSet, definition: FeatureSet) -> None:
    """Makes a live table that is gone again, with the rows that history has as of infinity. Rights on it are to be granted again.

    definition: what declares the set as it is. Raises ChangeRefused where something else has its name.
    """
    with refusals(registered.name):
        _create_live(connection, definition)
        columns = Columns(registered)
        parts = {"live": registered.live, "history": registered.history, "h_keys": columns.keys("h")}
        connection.execute(query("history/repair", "fill_live", **parts, **filling(registered)))
    refresh(connection, registered)


def refresh(connection: Connection[Any], registered: RegisteredSet) -> None:
    """Compiles the functions of the set anew, and triggers and views where they are not as the catalog describes the set now.

    Raises ChangeRefused where another object bears the name of one of them.
    """
    current = get_set(connection, registered.name)
    standing = [str(found) for found in live_status(connection, current).problems if found.kind in STANDING]
    if standing:
        raise ChangeRefused(f"Feature set {current.name} cannot be installed again. {' '.join(standing)}")
    with refusals(current.name):
        owner(connection, current)  # raises where the history table is gone
        objects = compile_set(current)
        _refuse_foreign(connection, current, objects)
        wanted = {generated.signature.as_string() for generated in objects}
        locks.take(connection, refresh_locks(connection, current, objects))
        drop_triggers(connection, current, keep=wanted)
        outdated = outdated_objects(connection, current, objects)
        install(connection, [one for one in objects if one.kind == "function" or one in outdated])
        remember_columns(connection, current)
        keep(connection, current, objects)


def locks_to_refresh(connection: Connection[Any], registered: RegisteredSet) -> dict[Relation, Mode]:
    """The locks that `refresh` takes."""
    return refresh_locks(connection, registered, compile_set(registered))


def _locks_to_drop(registered: RegisteredSet, live: LiveTable | None, foreign: bool) -> dict[Relation, Mode]:
    """What is left of the set, and nothing that merely bears one of its names."""
    wanted = all_locks(registered)
    named = (registered.live_schema, registered.live_table)
    if foreign:
        del wanted[registered.schema_name, f"{registered.table_name}_history"]
    if live is None or not live.is_own:
        del wanted[named]
    if live is not None and live.facts["bears"]:
        wanted[live.facts["schema"], live.facts["name"]] = Mode.ACCESS_EXCLUSIVE
    return wanted


def install(connection: Connection[Any], objects: list[GeneratedObject]) -> None:
    """Makes or replaces generated objects, in order."""
    run(connection, [statement for generated in objects for statement in generated.statements()])


def owner(connection: Connection[Any], registered: RegisteredSet) -> str:
    """The role that owns the set's history table."""
    row = connection.execute(
        query("history/tables", "owner"), {"schema": HISTORY_SCHEMA, "name": registered.history_table}
    ).fetchone()
    if row is None:
        raise ChangeRefused(
            f"The history table of feature set {registered.name} is gone: restore it from a backup, or drop the set and create it again."
        )
    return str(row[0])


def _create_live(connection: Connection[Any], definition: FeatureSet) -> None:
    row = connection.execute(
        query("history/tables", "relation"), {"schema": definition.schema, "name": definition.table_name}
    ).fetchone()
    if row is not None:
        raise ChangeRefused(
            f"There is a table or view {definition.schema}.{definition.table_name} already: choose another name for the feature set, or track the table with fsdb track."
        )
    live = Identifier(definition.schema, definition.table_name)
    types = [*definition.sql_keys.items(), *((feature.name, feature.sql_type) for feature in definition.features)]
    connection.execute(
        query(
            "history/tables",
            "create_live",
            live=live,
            columns=joined([SQL("{} {}").format(Identifier(name), type_sql(kind)) for name, kind in types]),
            keys=listed(list(definition.keys)),
        )
    )
    comment_on_table(connection, live, live_comment(definition.name, definition.description))
    described = [_column_comment(live, f.name, f.description) for f in definition.features if f.description]
    if described:
        connection.execute(joined(described, ";\n"))


def _create_history(connection: Connection[Any], registered: RegisteredSet) -> None:
    history, name = registered.history, registered.history_table
    columns = Columns(registered)
    sequence = internal(name, "version_id")
    parts: dict[str, Composable] = {
        "history": history,
        "live": registered.live,
        "sequence": sequence,
        "sequence_name": Literal(sequence.as_string()),
        "columns": columns.live(),
        "keys": columns.keys(),
        "pkey": Identifier(f"{name}:pkey"),
        "keys_not_null": joined(
            [query("history/tables", "key_not_null", key=Identifier(key)) for key in columns.key_names]
        ),
    }
    made = ("create_sequence", "create_history", "alter_history", "own_sequence", "count_for_all")
    comment = Literal(f"Versions of feature set {registered.name}. Written by its triggers alone, never changed.")
    run(
        connection,
        [
            *(query("history/tables", text, **parts) for text in made),
            query("history/tables", "create_newest_index", index=Identifier(f"{name}:newest"), **parts),
            query("history/tables", "create_tombstone_index", index=Identifier(f"{name}:tombstones"), **parts),
            query("history/tables", "comment_on_table", table=history, text=comment),
        ],
    )


def live_comment(name: str, description: str) -> str:
    """What a live table says of itself."""
    return description or f"Feature set {name}: current values."


def comment_on_table(connection: Connection[Any], table: Composable, text: str) -> None:
    """Says what a table is."""
    connection.execute(query("history/tables", "comment_on_table", table=table, text=Literal(text)))


def comment_on_column(connection: Connection[Any], table: Composable, column: str, text: str) -> None:
    """Says what a column is."""
    connection.execute(_column_comment(table, column, text))


def _column_comment(table: Composable, column: str, text: str) -> Composed:
    parts: dict[str, Composable] = {"table": table, "column": Identifier(column), "text": Literal(text)}
    return query("history/tables", "comment_on_column", **parts)


def _refuse_foreign(connection: Connection[Any], registered: RegisteredSet, objects: list[GeneratedObject]) -> None:
    foreign = foreign_objects(connection, registered, objects)
    if foreign:
        raise ChangeRefused(
            f"{', '.join(foreign)} exists already and is not fsdb's: rename it, or choose another name for feature set {registered.name}."
        )
