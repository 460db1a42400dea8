"""Takes over the names that an application gives to a tracked table and its columns; history stays."""

from collections.abc import Mapping
from typing import Any

from psycopg import Connection
from psycopg.sql import Composable, Identifier

from fsdb.catalog import feature_sets as catalog
from fsdb.catalog.feature_sets import RegisteredSet, get_set
from fsdb.errors import ChangeRefused
from fsdb.history.live import Needs, find, shown, table_of
from fsdb.history.rebuilding import rebuilding
from fsdb.sql import query


def follow(
    connection: Connection[Any],
    registered: RegisteredSet,
    table: str,
    event_time: str | None,
    columns: Mapping[str, str],
) -> RegisteredSet:
    """Registers a set's table, event time and features under the names that they have now. columns: old names to new ones.

    Raises ChangeRefused where the table is not the one that bears the set's triggers, or has no such column.
    """
    live = find(connection, Needs.of(registered))
    schema, name = table_of(table)
    if live is None or (live.facts["schema"], live.facts["name"]) != (schema, name):
        raise ChangeRefused(
            f"Feature set {registered.name} cannot follow table {table}: its triggers are on "
            f"{'no table' if live is None else live.table}. Rename the table first."
        )
    missing = [
        column for column in [*columns.values(), event_time] if column is not None and column not in live.columns
    ]
    if missing:
        raise ChangeRefused(
            f"Table {shown(schema, name)} has no column {missing[0]!r}: it has {', '.join(live.columns)}."
        )
    catalog.move_set(connection, registered.name, schema, name, event_time)
    with rebuilding(connection, get_set(connection, registered.name)):
        for old, new in columns.items():
            feature = registered.feature(old)
            parts: dict[str, Composable] = {
                "table": registered.history,
                "column": Identifier(feature.history_column),
                "new_column": Identifier(new),
            }
            connection.execute(query("history/features", "rename_column", **parts))
            catalog.rename_feature(connection, feature.feature_id, new)
    return get_set(connection, registered.name)
