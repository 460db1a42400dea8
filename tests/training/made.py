"""Feature sets whose history a test writes itself, version by version: any event_time, any recorded_at."""

from collections.abc import Iterable
from typing import Any

import psycopg
from psycopg.sql import SQL, Identifier

from fsdb.catalog.feature_sets import RegisteredSet, get_set, insert_set
from fsdb.config import HISTORY_SCHEMA
from fsdb.definitions import FeatureSet
from tests.oracle import Version


def made_set(connection: psycopg.Connection, definition: FeatureSet) -> RegisteredSet:
    """A registered set with a history table of the documented columns, and no triggers that would guard it."""
    insert_set(connection, definition, definition.schema, definition.table_name, definition.name)
    registered = get_set(connection, definition.name)
    columns = [*registered.keys.items(), *((f.history_column, f.type) for f in registered.features)]
    connection.execute(
        SQL(
            "CREATE TABLE {table} (version_id bigserial, {columns}, event_time timestamptz NOT NULL,"
            " recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(), deleted boolean NOT NULL DEFAULT false,"
            " xid xid8 NOT NULL DEFAULT pg_current_xact_id())"
        ).format(
            table=registered.history,
            columns=SQL(", ").join(SQL("{} {}").format(Identifier(name), SQL(kind)) for name, kind in columns),
        )
    )
    keys = SQL(", ").join(map(Identifier, registered.keys))
    connection.execute(
        SQL("CREATE INDEX ON {} ({}, event_time DESC, version_id DESC)").format(registered.history, keys)
    )
    return registered


def put(connection: psycopg.Connection, registered: RegisteredSet, versions: Iterable[Version]) -> None:
    """Writes versions with the version_id, times and values that they have."""
    names = ["version_id", *registered.keys, *(f.history_column for f in registered.features)]
    names += ["event_time", "recorded_at", "deleted"]
    statement = SQL("INSERT INTO {} ({}) VALUES ({})").format(
        registered.history,
        SQL(SQL(", ").join(map(Identifier, names)).as_string(connection).replace("%", "%%")),
        SQL(", ").join([SQL("%s")] * len(names)),
    )
    with connection.cursor() as cursor:
        for version in versions:
            values: list[Any] = [version.version_id, *version.key]
            values += [version.values.get(f.name) for f in registered.features]
            cursor.execute(statement, [*values, version.event_time, version.recorded_at, version.deleted])
    connection.execute(
        "SELECT setval(pg_get_serial_sequence(%s, 'version_id'), greatest(%s, 1))",
        (f'{HISTORY_SCHEMA}."{registered.history_table}"', max((v.version_id for v in versions), default=1)),
    )
