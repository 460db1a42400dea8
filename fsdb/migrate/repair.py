"""Installs generated objects anew: those of an older fsdb, those that were changed by hand or switched off, and those that are gone."""

from collections.abc import Sequence
from typing import Any

from psycopg import Connection

from fsdb import deployments, history, locks, training
from fsdb.catalog.feature_sets import list_sets
from fsdb.locks import Mode
from fsdb.migrate.reading import lock


def repair(connection: Connection[Any]) -> list[str]:
    """Repairs every set, training view and deployment of which an object is not as this fsdb would make it; returns their names.

    Raises ChangeRefused where something that fsdb did not make bears the name of one of them.
    """
    lock(connection)
    sets = [one for one in list_sets(connection).values() if _unsound(history.status(connection, one))]
    views = [one for one in training.list_views(connection) if _unsound(training.view_status(connection, one.name))]
    deployed = [one.name for one in deployments.list_deployments(connection)]
    deployed = [name for name in deployed if _unsound(deployments.status(connection, name))]
    wanted = locks.together(
        *(history.locks_to_refresh(connection, one) for one in sets),
        {training.view_relation(one): Mode.ACCESS_EXCLUSIVE for one in views},
    )
    if deployed:
        deployments.repair(connection, *deployed, also=wanted)
    locks.take(connection, wanted)
    for registered in sets:
        history.refresh(connection, registered)
    for view in views:
        training.register_view(connection, view)
    return [
        *(f"feature set {one.name}" for one in sets),
        *(f"training view {one.name}" for one in views),
        *(f"deployment {name}" for name in deployed),
    ]


def _unsound(states: Sequence[history.ObjectStatus | deployments.ObjectStatus]) -> bool:
    return any(found.state != "installed" for found in states)
