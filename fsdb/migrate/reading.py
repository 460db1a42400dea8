"""Reads from the database what comparisons and changes start from."""

from typing import Any

from psycopg import Connection

from fsdb import history
from fsdb.catalog.expressions import expression_definition, list_expressions
from fsdb.catalog.feature_sets import RegisteredFeature, RegisteredSet, list_sets
from fsdb.catalog.schedules import list_schedules
from fsdb.catalog.training import list_views
from fsdb.catalog.window_sets import list_window_sets
from fsdb.history.live import Needs, find
from fsdb.migrate.registered import Moved, Registered, set_definition, window_definition
from fsdb.sql import query


def read(connection: Connection[Any]) -> Registered:
    """All feature sets, window sets, expressions, training views and schedules as definitions."""
    registered = list_sets(connection)
    sets = {name: set_definition(one) for name, one in registered.items()}
    tracked = [name for name, one in registered.items() if one.tracked]
    plain = history.plain(connection, tracked) if tracked else set()
    found = {name: _moved(connection, registered[name]) for name in tracked if name not in plain}
    moved = {name: one for name, one in found.items() if one is not None}
    views = {view.name: view for view in list_views(connection)}
    schedules = {name: one.definition for name, one in list_schedules(connection).items()}
    windows = {name: window_definition(one) for name, one in list_window_sets(connection).items()}
    expressions = {name: expression_definition(one) for name, one in list_expressions(connection).items()}
    return Registered(sets, views, moved, schedules, windows, expressions)


def _moved(connection: Connection[Any], registered: RegisteredSet) -> Moved | None:
    """What was renamed of a tracked table since its set was compiled; None where nothing was."""
    needs = Needs.of(registered)
    live = find(connection, needs)
    if live is None:
        return None
    columns = {name: now for name in needs.columns if (now := live.now_called(name)) is not None}
    return Moved(live.table, columns) if columns or not live.facts["named"] else None


def dropped_feature(registered: RegisteredSet, name: str, kind: str) -> RegisteredFeature | None:
    """The feature of that type dropped last under that name, None where there is none."""
    dropped = [feature for feature in registered.dropped_features if (feature.name, feature.type) == (name, kind)]
    return max(dropped, key=lambda feature: (feature.dropped_at, feature.feature_id), default=None)


def own_tables(connection: Connection[Any]) -> set[tuple[str, str]]:
    """Schema and name of the tables outside fsdb's schemas that are fsdb's: live tables that it created, and model tables."""
    return {(schema, table) for schema, table in connection.execute(query("migrate/catalog", "own_tables"))}


def lock(connection: Connection[Any]) -> None:
    """Waits until no other change of definitions is under way, and keeps others waiting until the transaction ends."""
    from fsdb.migrate.engine import hold  # with SQLAlchemy

    hold(connection)
