"""Turns an existing application table into a feature set, without changing its columns."""

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any

from psycopg import Connection
from psycopg.sql import SQL, Composable, Identifier

from fsdb.access import foreign_code
from fsdb.catalog.feature_sets import RegisteredSet
from fsdb.definitions import NAME, RESERVED, Feature, FeatureSet
from fsdb.errors import ChangeRefused, InvalidData, InvalidDefinition
from fsdb.history import bounds
from fsdb.history.columns import Columns
from fsdb.history.live import LiveTable, Needs, Problem, find, held_against, table_of
from fsdb.sql import query
from fsdb.types import keeps, sql_type


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
    newest version, and the clock's where it is not, or is NULL, infinite or out of bounds.
    Raises InvalidDefinition with the reason where the table cannot be tracked.
    """
    schema, relation = table_of(table)
    live = _found(connection, Needs(schema, relation, {}, {}, None, tracked=True))
    chosen_keys = list(keys) if keys is not None else _primary_key(live)
    taken = {*chosen_keys, event_time}
    for column in [*chosen_keys, *([event_time] if event_time is not None else [])]:
        _column(live, column)
    wanted = features
    if wanted is None:
        without = {*taken, *left_out(live, taken)}
        wanted = [column for column in live.columns if column not in without]
    declared = [
        feature if isinstance(feature, Feature) else Feature(feature, _supported(live, feature, f"feature {feature!r}"))
        for feature in wanted
    ]
    if not declared:
        raise InvalidDefinition(_nothing_left(live, taken))
    set_name = name or (relation if schema == "public" else f"{schema}.{relation}")
    if not all(NAME.fullmatch(part) for part in set_name.split(".")):
        raise InvalidDefinition(f"The name of table {table} cannot name a feature set: choose one with name=.")
    definition = FeatureSet(
        set_name,
        keys={key: _supported(live, key, f"key {key!r}") for key in chosen_keys},
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


def check(connection: Connection[Any], definition: FeatureSet) -> None:
    """Raises InvalidDefinition where the table that a definition tracks is not as the definition needs it."""
    needs = Needs.of_definition(definition)
    live = _found(connection, needs)
    foreign_code.refuse(connection, live.facts["schema"], live.facts["name"], f"Tracking {live.table}", writes=False)
    for name, kind in [*needs.keys.items(), *needs.features.items()]:
        _supported(live, name, f"column {name!r}", kind)
    if needs.time is not None:
        _column(live, needs.time)
    for problem in held_against(needs, live):
        raise InvalidDefinition(_refused(needs, problem))
    if definition.event_time is not None:
        _check_time(connection, needs, definition.event_time, definition.ahead)


def notes(connection: Connection[Any], registered: RegisteredSet) -> list[str]:
    """A sentence for each column of a tracked table that is no feature of its set because it cannot be one."""
    needs = Needs.of(registered)
    live = find(connection, needs)
    if live is None:
        return []
    return [
        f"Column {name!r} of {live.table} is left out: {reason}."
        for name, reason in left_out(live, needs.columns).items()
    ]


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


def _found(connection: Connection[Any], needs: Needs) -> LiveTable:
    """The table, if history can follow tables of its kind at all."""
    live = find(connection, needs)
    for problem in held_against(needs, live):
        if problem.kind in ("missing", "table"):
            raise InvalidDefinition(_refused(needs, problem))
    assert live is not None
    return live


def _refused(needs: Needs, problem: Problem) -> str:
    if problem.kind == "missing":
        return problem.refusal
    said = problem.said
    if problem.kind == "table":
        said = f"Table {needs.table} cannot be tracked: it {said.removeprefix(f'Table {needs.table} ')}"
    return f"{said}: {problem.refusal}."


def _nothing_left(live: LiveTable, taken: Collection[str | None]) -> str:
    """Why a table has no column that could be a feature."""
    reasons = "; ".join(f"{name}, because {reason}" for name, reason in left_out(live, taken).items())
    left = f"These were left out: {reasons}. " if reasons else ""
    return f"Table {live.table} has no features beside its key. {left}Add a column of a type that fsdb keeps, or track another table."


def _column(live: LiveTable, name: str) -> Mapping[str, Any]:
    if name not in live.columns:
        raise InvalidDefinition(f"Table {live.table} has no column {name!r}; it has {', '.join(live.columns)}.")
    return live.columns[name]


def _supported(live: LiveTable, name: str, what: str, kind: str | None = None) -> str:
    """The type of a column as fsdb names it, where it keeps that; `kind` is what it is declared as."""
    column = _column(live, name)
    if column["generated"]:
        raise InvalidDefinition(
            f"{what.capitalize()} of {live.table} is a generated column, which triggers cannot see in time: leave it out."
        )
    found = sql_type(column["type"], f"{what} of {live.table}")
    if kind is not None and found != kind:
        raise InvalidDefinition(f"Column {name!r} of {live.table} is {found}, not {kind}: declare it as {found}.")
    return found


def left_out(live: LiveTable, taken: Collection[str | None]) -> dict[str, str]:
    """The columns of a table that cannot be features, each with the reason."""
    reasons = {}
    for name, column in live.columns.items():
        if name in taken:
            continue
        if name in RESERVED:
            reasons[name] = "history has a column of its own by that name"
        elif column["generated"]:
            reasons[name] = "it is generated, after triggers have seen the row"
        elif not keeps(column["type"]):
            reasons[name] = f"fsdb does not keep the type {column['type']}"
    return reasons


def _primary_key(live: LiveTable) -> list[str]:
    for columns, is_primary, _ in live.unique_keys:
        if is_primary:
            return list(columns)
    raise InvalidDefinition(
        f"Table {live.table} has no primary key: give it one, or name the columns of a unique constraint with keys=."
    )


def _check_time(connection: Connection[Any], needs: Needs, time: str, ahead: timedelta | str | None) -> None:
    assert not isinstance(ahead, str)
    if time in needs.keys or time in needs.features:
        raise InvalidDefinition(
            f"Column {time!r} of {needs.table} is its event time and cannot be a key or feature as well."
        )
    live = Identifier(needs.schema, needs.name)
    parts = {"live": live, "time": Identifier("l", time), **bounds.parts(ahead)}
    row = connection.execute(query("history/tracking", "bad_times", **parts)).fetchone()
    if row is not None and row[0]:
        raise InvalidData(
            f"{row[0]} rows of {needs.table} have no finite {time!r} within {bounds.words(ahead)}: fill them in first, or leave event_time= out so that the clock counts."
        )
