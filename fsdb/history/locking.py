"""The locks under which a feature set's tables, triggers and views change."""

from collections.abc import Iterable, Sequence
from typing import Any

from psycopg import Connection, errors

from fsdb.catalog.feature_sets import RegisteredSet, get_set
from fsdb.config import HISTORY_SCHEMA
from fsdb.history.objects import GeneratedObject
from fsdb.history.status import outdated_objects, triggers_with_tables
from fsdb.locks import Mode, Relation
from fsdb.sql import joined, query


def all_locks(registered: RegisteredSet) -> dict[Relation, Mode]:
    """For changes of columns, and for dropping the set: nobody else uses its tables and its view meanwhile."""
    return dict.fromkeys((_live(registered), _history(registered), _view(registered)), Mode.ACCESS_EXCLUSIVE)


def refresh_locks(
    connection: Connection[Any], registered: RegisteredSet, objects: Sequence[GeneratedObject]
) -> dict[Relation, Mode]:
    """For making anew what is not as it should be: nothing for functions, writers wait for a trigger that comes, everybody for one
    that goes, for a view that is replaced, and for row security of history."""
    needed: dict[Relation, Mode] = {}
    for generated in outdated_objects(connection, registered, objects):
        if generated.kind == "trigger" and generated.table is not None:
            needed[generated.table] = Mode.SHARE_ROW_EXCLUSIVE
        elif generated.kind == "policy":
            needed[_history(registered)] = Mode.ACCESS_EXCLUSIVE
        elif generated.kind == "view":
            needed[_view(registered)] = Mode.ACCESS_EXCLUSIVE
    wanted = {generated.signature.as_string() for generated in objects}
    for signature, table in triggers_with_tables(connection, registered):
        if signature.as_string() not in wanted:
            needed[table] = Mode.ACCESS_EXCLUSIVE
    return needed


def track_locks(schema: str, table: str) -> dict[Relation, Mode]:
    """For taking an application's table as it is: writers wait."""
    return {(schema, table): Mode.SHARE_ROW_EXCLUSIVE}


def hold(connection: Connection[Any], registered: RegisteredSet) -> RegisteredSet:
    """Keeps the set's columns as they are until the transaction ends, and gives the set as it is defined now.

    For work that takes several statements by a definition that was read before. Readers and writers go on. Raises UnknownName where the
    set is gone.
    """
    try:
        with connection.transaction():
            connection.execute(query("history/tables", "hold", table=registered.live))
    except (errors.UndefinedTable, errors.InsufficientPrivilege):
        pass  # what comes next says so, in its own words
    return get_set(connection, registered.name)


def hold_history(connection: Connection[Any], sets: Iterable[RegisteredSet]) -> None:
    """Keeps the columns of some history tables as they are until the transaction ends: what was resolved before is resolved again then."""
    tables = [registered.history for _, registered in sorted({one.name: one for one in sets}.items())]
    try:
        with connection.transaction():
            connection.execute(query("history/tables", "hold", table=joined(tables)))
    except (errors.UndefinedTable, errors.InsufficientPrivilege):
        pass  # what comes next says so, in its own words


def _live(registered: RegisteredSet) -> Relation:
    return registered.live_schema, registered.live_table


def _history(registered: RegisteredSet) -> Relation:
    return HISTORY_SCHEMA, registered.history_table


def _view(registered: RegisteredSet) -> Relation:
    return registered.schema_name, f"{registered.table_name}_history"
