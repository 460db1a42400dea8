"""Installs generated objects anew: those of an older fsdb, those that were changed by hand or switched off, and those that are gone."""

from collections.abc import Sequence
from typing import Any

from psycopg import Connection

from fsdb import deployments, history, training
from fsdb.catalog.feature_sets import list_sets


def repair(connection: Connection[Any]) -> list[str]:
    """Repairs every set, training view and deployment of which an object is not as this fsdb would make it; returns their names.

    Raises ChangeRefused where something that fsdb did not make bears the name of one of them.
    """
    repaired = []
    for name, registered in list_sets(connection).items():
        if _unsound(history.status(connection, registered)):
            history.refresh(connection, registered)
            repaired.append(f"feature set {name}")
    for view in training.list_views(connection):
        if _unsound(training.view_status(connection, view.name)):
            training.register_view(connection, view)
            repaired.append(f"training view {view.name}")
    for deployed in deployments.list_deployments(connection):
        if _unsound(deployments.status(connection, deployed.name)):
            deployments.repair(connection, deployed.name)
            repaired.append(f"deployment {deployed.name}")
    return repaired


def _unsound(states: Sequence[history.ObjectStatus | deployments.ObjectStatus]) -> bool:
    return any(found.state != "installed" for found in states)
