"""The locks that changes of definitions need, known before the first of them is made."""

from collections.abc import Callable, Sequence
from typing import Any

from psycopg import Connection

from fsdb import deployments, history, locks, training
from fsdb.catalog.expressions import views_of_expression
from fsdb.catalog.feature_sets import RegisteredSet, list_sets
from fsdb.catalog.training import list_views
from fsdb.config import HISTORY_SCHEMA
from fsdb.history.live import table_of
from fsdb.locks import Locks, Mode
from fsdb.migrate import changes, expression_changes, window_changes
from fsdb.migrate.changes import Change
from fsdb.migrate.registered import same_default

Needed = dict[locks.Relation, Mode]


def take(connection: Connection[Any], wanted: Sequence[Change]) -> None:
    """Takes all locks that some changes need. Raises ChangeRefused where a transaction that is in the way stays open.

    Changes of deployments are waited for where deployments change as well, so that they do not wait for these changes meanwhile.
    """
    if any(deployments.refresh_locks(connection, name) for change in wanted for name in _recompiled(change)):
        deployments.lock(connection)
    locks.take(connection, locks.together(*(_needed(connection, change) for change in wanted)))


def _needed(connection: Connection[Any], change: Change) -> Locks:
    of_kind = _KINDS.get(type(change))
    own = of_kind(connection, change) if of_kind is not None else {}
    recompiled = _recompiled(change)
    views = _training_views(connection, training.views_of_sets(connection, recompiled)) if recompiled else {}
    fed = [deployments.refresh_locks(connection, name) for name in recompiled]
    return locks.together(own, views, *fed)


def _recompiled(change: Change) -> list[str]:
    """The sets that views and deployments are compiled for again."""
    if isinstance(change, (changes.WidenFeature, changes.NarrowFeature, changes.FollowTable)):
        return [change.set_name]
    if isinstance(change, changes.AlterFeature) and not same_default(change.before, change.after):
        return [change.set_name]
    if isinstance(change, changes.AlterFeatureSet):
        before, after = change.before, change.after
        if before.max_age != after.max_age or (before.retention is None) != (after.retention is None):
            return [change.set_name]
    return []


def _whole_set(connection: Connection[Any], change: Any) -> Needed:
    # A set that an earlier change of the same plan makes is nobody else's yet.
    return _sets(connection, change.set_name)


def _dropped_set(connection: Connection[Any], change: Any) -> Needed:
    return _sets(connection, change.definition.name)


def _tracked(_connection: Connection[Any], change: Any) -> Needed:
    return history.track_locks(*table_of(change.definition.tracks))


def _altered_view(connection: Connection[Any], change: Any) -> Needed:
    before, after = change.before, change.after
    same = (before.spine, before.features, before.timestamp, before.label) == (
        after.spine,
        after.features,
        after.timestamp,
        after.label,
    )
    return {} if same else _training_views(connection, [after.name])


def _dropped_view(connection: Connection[Any], change: Any) -> Needed:
    return _training_views(connection, [change.view.name])


def _created_windows(connection: Connection[Any], change: Any) -> Needed:
    return {_history(one): Mode.SHARE for one in list_sets(connection, [change.definition.events]).values()}


def _dropped_windows(connection: Connection[Any], change: Any) -> Needed:
    return {_history(one): Mode.ACCESS_EXCLUSIVE for one in list_sets(connection, [change.definition.events]).values()}


def _history(registered: RegisteredSet) -> locks.Relation:
    return HISTORY_SCHEMA, registered.history_table


def _altered_expression(connection: Connection[Any], change: Any) -> Needed:
    return _training_views(connection, views_of_expression(connection, change.subject))


def _sets(connection: Connection[Any], name: str) -> Needed:
    return locks.together(*map(history.all_locks, list_sets(connection, [name]).values()))


def _training_views(connection: Connection[Any], names: Sequence[str]) -> Needed:
    views = [view for view in list_views(connection) if view.name in names]
    return {training.view_relation(view): Mode.ACCESS_EXCLUSIVE for view in views}


_KINDS: dict[type[Change], Callable[[Connection[Any], Any], Needed]] = {
    changes.TrackTable: _tracked,
    changes.DropFeatureSet: _dropped_set,
    changes.FollowTable: _whole_set,
    changes.AddFeature: _whole_set,
    changes.DropFeature: _whole_set,
    changes.RestoreFeature: _whole_set,
    changes.WidenFeature: _whole_set,
    changes.NarrowFeature: _whole_set,
    window_changes.CreateWindowSet: _created_windows,
    window_changes.DropWindowSet: _dropped_windows,
    expression_changes.AlterExpression: _altered_expression,
    changes.AlterTrainingView: _altered_view,
    changes.DropTrainingView: _dropped_view,
}
