"""Turns an existing application table into a feature set, without changing its columns."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from psycopg import Connection
from psycopg.rows import dict_row
from psycopg.sql import SQL, Composable, Identifier

from fsdb.catalog.feature_sets import RegisteredSet
from fsdb.definitions import NAME, RESERVED, Feature, FeatureSet
from fsdb.errors import ChangeRefused, InvalidData, InvalidDefinition
from fsdb.history.columns import Columns
from fsdb.sql import query
from fsdb.types import KEY_TYPES, base_name, sql_type

_KINDS = {
    "p": "a partitioned table: track its partitions, or copy it into a feature set",
    "v": "a view: track the tables below it",
    "m": "a materialized view: track the tables below it",
    "f": "a foreign table: track it where its rows are",
}
TIME_TYPE = "timestamp with time zone"


def tracked_definition(
    connection: Connection[Any],
    table: str,
    name: str | None = None,
    *,
    keys: Sequence[str] | None = None,
    features: Sequence[str | Feature] | None = None,
    event_time: str | None = None,
    max_age: timedelta | str | None = None,
    description: str = "",
    tags: Sequence[str] = (),
    owner: str = "",
) -> FeatureSet:
    """The definition of a feature set over an existing table ("table" or "schema.table"), for `create`.

    name: the table's own where left out. keys: columns of a unique, not deferrable constraint; the primary key where
    left out. features: column names, or Features that say more about them; where left out, all other columns
    whose types fsdb keeps. event_time: a timestamptz column that says when a row became true; else the clock counts. The
    table stays as its application writes it, this column too: a version takes the column's time where that is later than the key's
    newest version, and the clock's where it is not, or is NULL or infinite.
    Raises InvalidDefinition with the reason where the table cannot be tracked.
    """
    schema, relation = table_of(table)
    oid = _checked_table(connection, table)
    columns = _columns(connection, oid)
    chosen_keys = list(keys) if keys is not None else _primary_key(connection, oid, table)
    for column in [*chosen_keys, *([event_time] if event_time is not None else [])]:
        _column(columns, column, table)
    wanted = _default_features(columns, {*chosen_keys, event_time}) if features is None else list(features)
    declared = [
        feature
        if isinstance(feature, Feature)
        else Feature(feature, _supported(columns, feature, table, f"feature {feature!r}"))
        for feature in wanted
    ]
    set_name = name or (relation if schema == "public" else f"{schema}.{relation}")
    if not all(NAME.fullmatch(part) for part in set_name.split(".")):
        raise InvalidDefinition(f"Table {table} has a name that no feature set can bear: choose one with name=.")
    definition = FeatureSet(
        set_name,
        keys={key: _supported(columns, key, table, f"key {key!r}") for key in chosen_keys},
        features=tuple(declared),
        max_age=max_age,
        description=description,
        tags=tuple(tags),
        owner=owner,
        tracks=table,
        event_time=event_time,
    )
    check(connection, definition)
    return definition


def table_of(tracks: str) -> tuple[str, str]:
    """Schema and name of a tracked table; without a dot it is in public."""
    schema, _, relation = tracks.rpartition(".")
    return schema or "public", relation


def check(connection: Connection[Any], definition: FeatureSet) -> None:
    """Raises InvalidDefinition where the table that a definition tracks is not as the definition needs it."""
    assert definition.tracks is not None
    table = definition.tracks
    oid = _checked_table(connection, table)
    columns = _columns(connection, oid)
    for column, kind in [*definition.sql_keys.items(), *((f.name, f.sql_type) for f in definition.features)]:
        found = _supported(columns, column, table, f"column {column!r}")
        if found != kind:
            raise InvalidDefinition(f"Column {column!r} of {table} is {found}, not {kind}: declare it as it is.")
    _check_keys(connection, definition, oid, columns)
    if definition.event_time is not None:
        _check_time(connection, definition, columns)


def write_first_versions(connection: Connection[Any], registered: RegisteredSet) -> None:
    """A version of each row that the table has, at its event time, or now where it has none.

    Raises ChangeRefused in a transaction whose snapshot may be older than the lock on the table.
    """
    if connection.execute(query("history/tracking", "isolation")).fetchone() != ("read committed",):
        raise ChangeRefused(
            f"Tracking a table as {registered.name} needs isolation level read committed: this transaction's snapshot may lack rows."
        )
    columns = Columns(registered)
    parts: dict[str, Composable] = {
        "history": registered.history,
        "live": registered.live,
        "columns": columns.kept(),
        "live_columns": columns.live("l"),
        "time": SQL("statement_timestamp()") if columns.time is None else columns.at("l"),
    }
    connection.execute(query("history/tables", "first_versions", **parts))


def _checked_table(connection: Connection[Any], table: str) -> int:
    schema, relation = table_of(table)
    with connection.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(query("history/tracking", "table"), {"schema": schema, "name": relation}).fetchone()
    if row is None:
        raise InvalidDefinition(
            f"There is no table {table} to track: check its name, and write its schema if not public."
        )
    reason = _KINDS.get(row["kind"])
    if row["kind"] not in ("r", *_KINDS):
        reason = "not a table"
    elif row["persistence"] != "p":
        reason = "temporary or unlogged and would lose its rows: track a permanent table"
    elif row["is_partition"] or row["inherits"]:
        reason = (
            reason or "part of an inheritance tree, whose rows triggers see only in part: copy it into a feature set"
        )
    elif row["lacking"]:
        reason = f"not yours to track: as its owner, grant {', '.join(row['lacking'])} on it to this user"
    if reason is not None:
        raise InvalidDefinition(f"Table {table} cannot be tracked: it is {reason}.")
    return int(row["oid"])


def _columns(connection: Connection[Any], oid: int) -> dict[str, dict[str, Any]]:
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(query("history/tracking", "columns"), {"oid": oid}).fetchall()
    return {row["name"]: row for row in rows}


def _column(columns: dict[str, dict[str, Any]], name: str, table: str) -> dict[str, Any]:
    if name not in columns:
        raise InvalidDefinition(f"Table {table} has no column {name!r}; it has {', '.join(columns)}.")
    return columns[name]


def _supported(columns: dict[str, dict[str, Any]], name: str, table: str, what: str) -> str:
    column = _column(columns, name, table)
    if column["generated"]:
        raise InvalidDefinition(
            f"{what.capitalize()} of {table} is a generated column, which triggers cannot see in time: leave it out."
        )
    return sql_type(column["type"], f"{what} of {table}")


def _default_features(columns: dict[str, dict[str, Any]], taken: set[str | None]) -> list[str | Feature]:
    kept: list[str | Feature] = []
    for name, column in columns.items():
        if name in taken or name in RESERVED or column["generated"]:
            continue
        try:
            sql_type(column["type"], name)
        except InvalidDefinition:
            continue
        kept.append(name)
    return kept


def _primary_key(connection: Connection[Any], oid: int, table: str) -> list[str]:
    for columns, is_primary, _ in connection.execute(query("history/tracking", "unique_keys"), {"oid": oid}):
        if is_primary:
            return list(columns)
    raise InvalidDefinition(
        f"Table {table} has no primary key: give it one, or name the columns of a unique constraint with keys=."
    )


def _check_keys(
    connection: Connection[Any], definition: FeatureSet, oid: int, columns: dict[str, dict[str, Any]]
) -> None:
    table, keys = definition.tracks, list(definition.keys)
    for key in keys:
        if not columns[key]["not_null"]:
            raise InvalidDefinition(f"Key column {key!r} of {table} may be NULL: set it NOT NULL first.")
        if not columns[key]["deterministic"]:
            raise InvalidDefinition(
                f"Key column {key!r} of {table} has a collation by which different texts are equal: use a deterministic one."
            )
        if base_name(columns[key]["type"]) not in KEY_TYPES:
            raise InvalidDefinition(
                f"Key column {key!r} of {table} has the type {columns[key]['type']}, which no key can have."
            )
    found = connection.execute(query("history/tracking", "unique_keys"), {"oid": oid}).fetchall()
    fitting = [immediate for unique, _, immediate in found if sorted(unique) == sorted(keys)]
    if not fitting:
        raise InvalidDefinition(
            f"Columns {', '.join(keys)} of {table} are not unique: add a unique constraint on exactly these, or choose other keys."
        )
    if not any(fitting):
        raise InvalidDefinition(
            f"The unique constraint on {', '.join(keys)} of {table} is deferrable, so that two rows may share a key for a while: make it NOT DEFERRABLE."
        )


def _check_time(connection: Connection[Any], definition: FeatureSet, columns: dict[str, dict[str, Any]]) -> None:
    assert definition.event_time is not None
    assert definition.tracks is not None
    table, time = definition.tracks, definition.event_time
    column = _column(columns, time, table)
    if column["type"] != TIME_TYPE or column["generated"]:
        raise InvalidDefinition(
            f"Column {time!r} of {table} is {column['type']}, not a plain timestamp with time zone: change its type, or leave event_time= out so that the clock counts."
        )
    if time in definition.keys or time in {feature.name for feature in definition.features}:
        raise InvalidDefinition(f"Column {time!r} of {table} is its event time and cannot be a key or feature as well.")
    schema, relation = table_of(table)
    row = connection.execute(
        query("history/tracking", "bad_times", live=Identifier(schema, relation), time=Identifier("l", time))
    ).fetchone()
    if row is not None and row[0]:
        raise InvalidData(
            f"{row[0]} rows of {table} have no finite {time!r}: fill them in first, or leave event_time= out so that the clock counts."
        )
