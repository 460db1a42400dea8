"""Makes changes: one function a kind of change, on the connection's open transaction."""

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import psycopg
from psycopg import Connection, sql

from fsdb import deployments, history, jobs, training, windows
from fsdb.access import audit
from fsdb.catalog import feature_sets as catalog
from fsdb.catalog.deployments import using_set
from fsdb.catalog.feature_sets import default_text, get_set
from fsdb.catalog.window_sets import window_sets_of
from fsdb.columnar.types import same_digits
from fsdb.definitions import Feature
from fsdb.errors import ChangeRefused, InvalidDefinition
from fsdb.history.tables import comment_on_column, comment_on_table, live_comment
from fsdb.migrate import changes, expression_changes, expressions, locking, schedule_changes, window_changes
from fsdb.migrate.changes import Change
from fsdb.migrate.reading import dropped_feature
from fsdb.migrate.registered import feature_definition, same_default, set_definition
from fsdb.migrate.uses import uses
from fsdb.sql import query
from fsdb.types import type_sql

logger = logging.getLogger(__name__)


def perform(connection: Connection[Any], change: Change) -> None:
    """Makes one change. Raises ChangeRefused while something that would break uses what it drops."""
    obstacle = uses(connection, change).obstacle(change)
    if obstacle:
        raise ChangeRefused(obstacle)
    locking.take(connection, [change])
    PERFORMERS[type(change)](connection, change)
    # Its sentence may quote descriptions, defaults and queries, which may hold what a record must not.
    operation = "track" if isinstance(change, changes.TrackTable) else "apply"
    audit.record(connection, operation, change.subject, {"change": type(change).__name__})
    logger.info("Changed %s: %s.", change.subject, type(change).__name__)


def _create_set(connection: Connection[Any], change: Any) -> None:
    for feature in change.definition.features:
        _check_default(connection, change.definition.name, feature)
    history.create(connection, change.definition)


def _drop_set(connection: Connection[Any], change: changes.DropFeatureSet) -> None:
    history.drop(connection, get_set(connection, change.definition.name))


def _remake(connection: Connection[Any], change: changes.RemakeLiveTable) -> None:
    registered = get_set(connection, change.set_name)
    if history.can_remake(connection, registered):
        history.remake(connection, registered, set_definition(registered))


def _follow(connection: Connection[Any], change: changes.FollowTable) -> None:
    registered = get_set(connection, change.set_name)
    history.follow(connection, registered, change.after, change.event_time[1], dict(change.columns))
    computed = window_sets_of(connection, change.set_name)
    windows.follow(connection, change.set_name, dict(change.columns))
    for view in training.views_of_sets(connection, [change.set_name, *computed]):
        training.register_view(connection, training.get_view(connection, view))
    using = using_set(connection, change.set_name, current=True)
    if using:
        deployments.repair(connection, *using)


def _alter_set(connection: Connection[Any], change: changes.AlterFeatureSet) -> None:
    registered = get_set(connection, change.set_name)
    if registered.tracked and change.after.event_time is not None:
        raise ChangeRefused(
            f"Feature set {registered.name} tracks a table, whose event_time cannot change: drop the set, and track the table again."
        )
    kept = {} if not registered.tracked else {"event_time": registered.event_time_column}
    catalog.update_set(connection, replace(set_definition(registered), **{**vars(change.after), **kept}))
    if not registered.tracked and change.before.description != change.after.description:
        comment_on_table(connection, registered.live, live_comment(registered.name, change.after.description))
    if (
        change.before.max_age != change.after.max_age
        or change.before.event_time != change.after.event_time
        or registered.limited != get_set(connection, change.set_name).limited
    ):
        _recompile(connection, change.set_name)
    elif change.before.ahead != change.after.ahead:
        history.refresh(connection, get_set(connection, change.set_name))


def _add_feature(connection: Connection[Any], change: changes.AddFeature) -> None:
    _check_default(connection, change.set_name, change.feature)
    history.add_feature(connection, get_set(connection, change.set_name), change.feature)


def _drop_feature(connection: Connection[Any], change: changes.DropFeature) -> None:
    history.drop_feature(connection, get_set(connection, change.set_name), change.feature.name)


def _restore_feature(connection: Connection[Any], change: changes.RestoreFeature) -> None:
    """Where the set was itself dropped and made anew since, there is no past to restore: the feature is added."""
    registered, feature = get_set(connection, change.set_name), change.feature
    dropped = dropped_feature(registered, feature.name, feature.sql_type)
    if dropped is None:
        _add_feature(connection, changes.AddFeature(change.set_name, feature))
        return
    history.restore_feature(connection, registered, dropped.feature_id)
    before = feature_definition(dropped)
    if before != feature:
        _alter_feature(connection, changes.AlterFeature(change.set_name, before, feature))


def _widen(connection: Connection[Any], change: changes.WidenFeature) -> None:
    registered = get_set(connection, change.set_name)
    if registered.reach is not None and not same_digits(change.old_type, change.new_type):
        raise ChangeRefused(
            f"{change.subject} stays {change.old_type}: versions of {change.set_name} before {registered.reach} are in its columnar copy alone, which cannot "
            f"hold them as {change.new_type}. Add a feature of another name and backfill it instead."
        )
    _retype(connection, change)


def _narrow(connection: Connection[Any], change: changes.NarrowFeature) -> None:
    registered = get_set(connection, change.set_name)
    feature = registered.feature(change.feature_name)
    if registered.reach is not None:
        raise ChangeRefused(
            f"{change.subject} stays {change.old_type}: versions of {change.set_name} before {registered.reach} are in its columnar copy alone, where types only widen. "
            "Add a feature of another name and backfill it instead."
        )
    parts = {
        "old_type": type_sql(change.old_type),
        "new_type": type_sql(change.new_type),
    }
    try:
        with connection.transaction():
            row = connection.execute(
                query(
                    "migrate/perform",
                    "count_lost",
                    table=registered.history,
                    column=sql.Identifier(feature.history_column),
                    **parts,
                )
            ).fetchone()
    except psycopg.DataError:
        row = None
    if row != (0,):
        raise ChangeRefused(
            f"{change.subject} is {change.old_type} and holds values, past or present, that {change.new_type} cannot hold unchanged: "
            "it stays as it is. Add a feature of another name and backfill it instead."
        )
    _retype(connection, change)


def _retype(connection: Connection[Any], change: changes.WidenFeature | changes.NarrowFeature) -> None:
    with training.views_suspended(connection, [change.set_name]):
        history.widen_feature(connection, get_set(connection, change.set_name), change.feature_name, change.new_type)
        expressions.recompile(connection, change.set_name)
    deployments.refresh(connection, change.set_name)


def _alter_feature(connection: Connection[Any], change: changes.AlterFeature) -> None:
    _check_default(connection, change.set_name, change.after)
    feature = get_set(connection, change.set_name).feature(change.after.name)
    catalog.update_feature(connection, feature.feature_id, change.after)
    registered = get_set(connection, change.set_name)
    if not registered.tracked and change.before.description != change.after.description:
        comment_on_column(connection, registered.live, feature.name, change.after.description)
    if not same_default(change.before, change.after):
        _recompile(connection, change.set_name)


def _create_view(connection: Connection[Any], change: changes.CreateTrainingView) -> None:
    training.register_view(connection, change.view)


def _alter_view(connection: Connection[Any], change: changes.AlterTrainingView) -> None:
    training.register_view(connection, change.after)


def _drop_view(connection: Connection[Any], change: changes.DropTrainingView) -> None:
    training.drop_view(connection, change.view.name)


def _create_schedule(connection: Connection[Any], change: schedule_changes.CreateSchedule) -> None:
    jobs.register(connection, change.schedule)


def _alter_schedule(connection: Connection[Any], change: schedule_changes.AlterSchedule) -> None:
    jobs.register(connection, change.after)


def _drop_schedule(connection: Connection[Any], change: schedule_changes.DropSchedule) -> None:
    jobs.drop(connection, change.schedule.name)


def _create_windows(connection: Connection[Any], change: window_changes.CreateWindowSet) -> None:
    windows.create(connection, change.definition)


def _alter_windows(connection: Connection[Any], change: window_changes.AlterWindowSet) -> None:
    windows.alter(connection, change.after)


def _drop_windows(connection: Connection[Any], change: window_changes.DropWindowSet) -> None:
    windows.drop(connection, windows.get_window_set(connection, change.definition.name))


def _recompile(connection: Connection[Any], set_name: str) -> None:
    """What has a set's max_age, defaults and reach compiled into it: functions, training views and deployments."""
    history.refresh(connection, get_set(connection, set_name))
    for view in training.views_of_sets(connection, [set_name]):
        training.register_view(connection, training.get_view(connection, view))
    deployments.refresh(connection, set_name)


def _check_default(connection: Connection[Any], set_name: str, feature: Feature) -> None:
    """Raises InvalidDefinition where a default is no value of the feature's type."""
    text = default_text(feature.default, feature.sql_type)
    if text is None:
        return
    try:
        with connection.transaction():
            connection.execute(
                query("migrate/perform", "check_default", type=type_sql(feature.sql_type)), {"default": text}
            )
    except psycopg.DataError as error:
        raise InvalidDefinition(
            f"The default {feature.default!r} of {set_name}.{feature.name} is not of type {feature.sql_type}: give a value of that type."
        ) from error


PERFORMERS: dict[type[Change], Callable[[Connection[Any], Any], None]] = {
    changes.CreateFeatureSet: _create_set,
    changes.TrackTable: _create_set,
    changes.DropFeatureSet: _drop_set,
    changes.RemakeLiveTable: _remake,
    changes.FollowTable: _follow,
    changes.AlterFeatureSet: _alter_set,
    changes.AddFeature: _add_feature,
    changes.DropFeature: _drop_feature,
    changes.RestoreFeature: _restore_feature,
    changes.WidenFeature: _widen,
    changes.NarrowFeature: _narrow,
    changes.AlterFeature: _alter_feature,
    window_changes.CreateWindowSet: _create_windows,
    window_changes.AlterWindowSet: _alter_windows,
    window_changes.DropWindowSet: _drop_windows,
    expression_changes.CreateExpression: expressions.create,
    expression_changes.AlterExpression: expressions.alter,
    expression_changes.DropExpression: expressions.drop,
    changes.CreateTrainingView: _create_view,
    changes.AlterTrainingView: _alter_view,
    changes.DropTrainingView: _drop_view,
    schedule_changes.CreateSchedule: _create_schedule,
    schedule_changes.AlterSchedule: _alter_schedule,
    schedule_changes.DropSchedule: _drop_schedule,
}
