"""Finding what is registered, and describing one thing of it."""

from typing import Any

from psycopg import Connection

from fsdb.catalog.feature_sets import RegisteredSet, list_sets
from fsdb.definitions import duration_text
from fsdb.errors import UnknownName
from fsdb.sql import query
from fsdb.table import Table


def search(connection: Connection[Any], text: str) -> Table:
    """Everything registered that holds each word of `text` in its name, description, tags or owner; names first."""
    return _table(
        connection, "search", {"words": text.lower().split()}, f"Registered, with {text!r}" if text else "Registered"
    )


def describe(connection: Connection[Any], name: str) -> Table:
    """A feature set with its columns, or a model with its versions. Raises UnknownName with what search finds."""
    sets = list_sets(connection, [name])
    if name in sets:
        return _table(connection, "set_columns", {"name": name}, _set_title(sets[name]))
    versions = _table(connection, "model_versions", {"name": name}, f"Model {name}")
    if len(versions):
        return versions
    near = search(connection, name)
    hint = (
        f" Search finds: {', '.join(row['name'] for row in near)}."
        if len(near)
        else " `fsdb search` lists what is registered."
    )
    raise UnknownName(f"There is no feature set or model {name!r}.{hint}")


def _set_title(registered: RegisteredSet) -> str:
    parts = [f"Feature set {registered.name}", registered.description]
    parts += [f"max_age {registered.max_age}"] if registered.max_age else []
    parts += [f"retention {registered.retention}"] if registered.retention else []
    parts += [f"event_time at most {duration_text(registered.ahead)} ahead"] if registered.ahead is not None else []
    parts += [f"in PostgreSQL as of {registered.reach} and later"] if registered.reach else []
    parts += [f"event_time by the {registered.event_time_rule}"] if registered.event_time_rule else []
    parts += [f"owner {registered.owner}"] if registered.owner else []
    parts += [f"tracks {registered.live_schema}.{registered.live_table}"] if registered.tracked else []
    return ", ".join(part for part in parts if part)


def _table(connection: Connection[Any], name: str, values: dict[str, Any], title: str) -> Table:
    cursor = connection.execute(query("catalog/search", name), values)
    assert cursor.description is not None
    return Table.of([column.name for column in cursor.description], cursor.fetchall(), title)
