"""Installs generated objects anew: those of an older fsdb, those that were changed by hand or switched off, and those that are gone."""

import logging
from collections.abc import Sequence
from typing import Any

from psycopg import Connection

from fsdb import deployments, history, locks, training, windows
from fsdb.access import audit
from fsdb.access.giving import give
from fsdb.catalog import sequences
from fsdb.catalog.feature_sets import RegisteredSet, list_sets
from fsdb.catalog.window_sets import list_window_sets
from fsdb.locks import Mode
from fsdb.migrate.reading import lock
from fsdb.migrate.registered import set_definition

logger = logging.getLogger(__name__)


def repair(connection: Connection[Any]) -> list[str]:
    """Repairs every set, training view and deployment of which an object is not as this fsdb would make it; returns their names.

    Raises ChangeRefused where something that fsdb did not make bears the name of one of them.
    """
    lock(connection)
    numbered = sequences.advance(connection)
    states = [(one, history.status(connection, one)) for one in _unclear(connection)]
    gone = [one for one, found in states if history.can_remake(connection, one, found)]
    sets = [one for one, found in states if one not in gone and _can_refresh(found)]
    views = [one for one in training.list_views(connection) if _unsound(training.view_status(connection, one.name))]
    computed = [
        one for one in list_window_sets(connection).values() if _unsound(windows.windows_status(connection, one))
    ]
    deployed = [one.name for one in deployments.list_deployments(connection)]
    deployed = [name for name in deployed if _can_refresh(deployments.status(connection, name))]
    wanted = locks.together(
        *(history.locks_to_refresh(connection, one) for one in sets),
        {training.view_relation(one): Mode.ACCESS_EXCLUSIVE for one in views},
    )
    if deployed:
        deployments.repair(connection, *deployed, also=wanted)
    locks.take(connection, wanted)
    for registered in gone:
        history.remake(connection, registered, set_definition(registered))
    for registered in sets:
        history.refresh(connection, registered)
    for registered, found in states:
        if not _unsound(found):
            history.keep(connection, registered)  # by this fsdb: from here on it is seen at a glance
    for one in computed:
        windows.repair(connection, one)
    for view in views:
        training.register_view(connection, view)
    give(connection)
    repaired = [
        *(f"feature set {one.name}, with its live table from history," for one in gone),
        *(f"feature set {one.name}" for one in sets),
        *(f"window set {one.name}" for one in computed),
        *(f"training view {one.name}" for one in views),
        *(f"deployment {name}" for name in deployed),
        *(f"sequence {one.name[1]}" for one in numbered),
    ]
    if repaired:
        logger.info("Installed again: %s.", ", ".join(repaired))
        audit.record(connection, "repair objects", "catalog", {"repaired": audit.named(repaired)})
    return repaired


def left(connection: Connection[Any]) -> list[str]:
    """A sentence for each table that history or a deployment cannot follow as it is, which no repair mends."""
    sets = [history.status(connection, one) for one in _unclear(connection)]
    deployed = [deployments.status(connection, one.name) for one in deployments.list_deployments(connection)]
    return [str(problem) for states in (*sets, *deployed) for found in states for problem in found.problems]


def _unclear(connection: Connection[Any]) -> list[RegisteredSet]:
    """The sets that are not plainly as they should be."""
    sound = history.sound(connection)
    return [one for name, one in list_sets(connection).items() if name not in sound]


def _can_refresh(states: Sequence[history.ObjectStatus | deployments.ObjectStatus]) -> bool:
    """Whether something is not as it should be that can be made anew: triggers need their table and its columns."""
    problems = {problem.kind for found in states for problem in found.problems}
    return not problems & history.STANDING and _unsound([found for found in states if found.state != "unfit"])


def _unsound(states: Sequence[history.ObjectStatus | deployments.ObjectStatus]) -> bool:
    return any(found.state != "installed" for found in states)
