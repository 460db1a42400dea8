"""Shadows: another version of the model scores every row beside the live one; its predictions are recorded, and never returned."""

from typing import Any

from psycopg import Connection

from fsdb import locks
from fsdb.access.giving import give
from fsdb.catalog import deployments as deployments_catalog
from fsdb.catalog import feeds as catalog
from fsdb.catalog.deployments import RegisteredDeployment
from fsdb.catalog.feeds import Feed
from fsdb.deployments import table as model_table
from fsdb.deployments.deployments import deploy, undeploy
from fsdb.deployments.feeds import feed as feeds
from fsdb.deployments.stages import staged_version
from fsdb.errors import ChangeRefused

LINK = {"of_prediction": "prediction_id"}


def shadow(
    connection: Connection[Any], name: str, version: int | str | None = None, runtime: str = "auto"
) -> RegisteredDeployment:
    """Lets a version (a number, a stage, or None for the newest) score beside the live one of the deployment `name`.

    Each row inserted there is scored by it, too, and recorded in the model table `<name>_shadow`, whose column of_prediction is the
    prediction_id of the live row. A row that the shadow cannot score has NULL and the reason there; whatever happens to the
    shadow, the live insert goes on. A stopped shadow is taken up again.

    Raises ChangeRefused where a shadow is there, where the version is the live one in its runtime, and where it takes an input that
    the live table does not have; and as `deploy`.
    """
    with connection.transaction():
        deployments_catalog.lock(connection)
        live = deployments_catalog.get_deployment(connection, name)
        model_table.check_there(connection, live)
        found = staged_version(connection, live.model, version)
        former = catalog.find_shadow(connection, live.deployment_id)
        _check_wanted(connection, live, former, found.version, runtime)
        records = f"{live.name}_shadow"
        if former is None and deployments_catalog.find_deployment(connection, records) is not None:
            raise ChangeRefused(
                f"{records} is a deployment already, where the shadow of {live.name} would be: undeploy that one first."
            )
        if former is not None:
            records = catalog.deployment_name(connection, former.deployment_id)
            catalog.set_active(connection, former.deployment_id, True)
        beside = deploy(connection, live.model, records, found.version, runtime, "null")
        if former is None:
            feed = Feed(
                beside.deployment_id,
                "shadow",
                live.schema_name,
                live.table_name,
                dict(LINK),
                {},
                on_inputs=False,
                on_features=False,
                result_columns=(),
                view_name=None,
                shadow_of=live.deployment_id,
            )
            catalog.insert_feed(connection, feed)
            _lock(connection, beside)
            feeds.add_links(connection, beside, feed, {"prediction_id": "bigint"})
        else:
            _lock(connection, beside)
        feeds.settle(connection, beside)
        give(connection)
        deployments_catalog.insert_event(connection, live.name, "shadow", live.model, beside.version)
        return beside


def stop_shadow(connection: Connection[Any], name: str, drop_predictions: bool = False) -> None:
    """Ends the scoring beside a deployment. What the shadow predicted stays in its table, unless `drop_predictions`.

    Raises ChangeRefused where there is no shadow.
    """
    with connection.transaction():
        deployments_catalog.lock(connection)
        live = deployments_catalog.get_deployment(connection, name)
        feed = catalog.find_shadow(connection, live.deployment_id)
        if feed is None or not (feed.active or drop_predictions):
            raise _none(name)
        beside = _beside(connection, feed)
        if drop_predictions:
            undeploy(connection, beside.name, drop_predictions=True)
        else:
            _stop(connection, beside)
        deployments_catalog.insert_event(connection, live.name, "stop shadow", live.model, beside.version)


def promote_shadow(connection: Connection[Any], name: str) -> RegisteredDeployment:
    """Makes the shadow's version the live one, and ends the scoring beside it; its predictions stay in its table.

    A rollback returns to the version that was live. Raises ChangeRefused where there is no shadow.
    """
    with connection.transaction():
        deployments_catalog.lock(connection)
        live = deployments_catalog.get_deployment(connection, name)
        feed = catalog.find_shadow(connection, live.deployment_id)
        if feed is None or not feed.active:
            raise _none(name)
        beside = _beside(connection, feed)
        catalog.set_active(connection, beside.deployment_id, False)
        ends = feeds.locks(connection, beside, model_table.columns(connection, beside))
        promoted = deploy(connection, live.model, live.name, beside.version, beside.runtime, also=ends)
        _stop(connection, beside)
        deployments_catalog.insert_event(connection, live.name, "promote shadow", live.model, beside.version)
        return promoted


def _check_wanted(
    connection: Connection[Any], live: RegisteredDeployment, former: Feed | None, version: int, runtime: str
) -> None:
    own = catalog.find_feed(connection, live.deployment_id)
    if own is not None and own.role == "shadow":
        raise ChangeRefused(f"{live.name} is a shadow itself: shadow the deployment that it is the shadow of.")
    if former is not None and former.active:
        raise ChangeRefused(
            f"{live.name} has a shadow already, version {_beside(connection, former).version}: call stop_shadow() first."
        )
    if version == live.version and runtime in ("auto", live.runtime):
        raise ChangeRefused(
            f"Version {version} of model {live.model} is what {live.name} scores with: name another version or runtime as its shadow."
        )


def _stop(connection: Connection[Any], beside: RegisteredDeployment) -> None:
    catalog.set_active(connection, beside.deployment_id, False)
    _lock(connection, beside)
    feeds.settle(connection, beside)


def _lock(connection: Connection[Any], beside: RegisteredDeployment) -> None:
    locks.take(connection, feeds.locks(connection, beside, model_table.columns(connection, beside)))


def _beside(connection: Connection[Any], feed: Feed) -> RegisteredDeployment:
    name = catalog.deployment_name(connection, feed.deployment_id)
    return deployments_catalog.get_deployment(connection, name)


def _none(name: str) -> ChangeRefused:
    return ChangeRefused(f"Deployment {name} has no shadow: start one with shadow(version=…).")
