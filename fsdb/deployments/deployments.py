"""Deploying a model version as a table, replacing it, going back, and taking it away: each in one transaction."""

from typing import Any

from psycopg import Connection

from fsdb import locks
from fsdb.access.deploying import require_owned
from fsdb.catalog import deployments as catalog
from fsdb.catalog.deployments import RegisteredDeployment
from fsdb.catalog.feature_sets import list_sets
from fsdb.catalog.feeds import deployment_name, find_shadow
from fsdb.catalog.models import get_version
from fsdb.catalog.readable import readable_sets
from fsdb.definitions import checked_name, checked_schema
from fsdb.deployments import feeds, objects, releases
from fsdb.deployments import table as model_table
from fsdb.deployments.binding import bound_release, same_scoring
from fsdb.deployments.objects import scorer_name, trigger_function_name
from fsdb.deployments.registry import load_program
from fsdb.deployments.runtimes import IN_SERVER, Choice, choose, scorers
from fsdb.deployments.stages import staged_version
from fsdb.errors import ChangeRefused, InvalidDefinition, NotReproducible
from fsdb.history.status import ObjectStatus
from fsdb.locks import Locks, Mode, Relation

ON_ERROR = ("reject", "null")


def deploy(
    connection: Connection[Any],
    model: str,
    table: str,
    version: int | str | None = None,
    runtime: str = "auto",
    on_error: str | None = None,
    also: Locks | None = None,
) -> RegisteredDeployment:
    """Deploys a version of a model as the table `table` ("table" or "schema.table").

    version: its number, a stage ("production", "staging"), or None for the newest. runtime: "sql", "onnx", "worker", or
    "auto" for the first of these that can have it. on_error: "reject" fails the insert of a row that cannot be scored,
    "null" records it with NULL and the reason in column error; None leaves what the table has, and is "reject" for a new one.
    also: locks that the caller needs besides, to be taken with those on this table.

    Where the model is deployed as that table already, the version replaces the one that scores: rows stay, columns that
    it needs besides are added. Inserts see the former version or this one; they wait while this transaction ends, and it
    waits for transactions that have inserted.

    Raises UnknownName, UnsupportedModel for a runtime that cannot have the model, ParityFailed where the deployed model
    does not give what the native predict gave, and ChangeRefused where the table is something else or cannot hold the
    version's predictions.
    """
    if on_error not in (None, *ON_ERROR):
        raise InvalidDefinition(f"on_error cannot be {on_error!r}: use 'reject' or 'null'.")
    schema, table_name = _table_name(table)
    shown = _shown_name(schema, table_name)
    with connection.transaction():
        catalog.lock(connection)
        found = staged_version(connection, model, version)
        program = load_program(connection, found)
        deployed = catalog.find_deployment(connection, shown)
        if deployed is not None and deployed.model != model:
            raise ChangeRefused(
                f"Table {deployed.name} is a deployment of model {deployed.model}, not of {model}: deploy {model} as another table."
            )
        if deployed is not None:
            require_owned(connection, schema, table_name)
        if deployed is None:
            choice = choose(connection, found, program, runtime)
            return releases.first(
                connection, found, program, schema, table_name, shown, choice, on_error or ON_ERROR[0]
            )
        done = []  # what the events tell, in order
        if on_error not in (None, deployed.on_error):
            catalog.set_on_error(connection, deployed.deployment_id, on_error or ON_ERROR[0])
            done.append(("on error", deployed.version))
            deployed = catalog.get_deployment(connection, deployed.name)
        if deployed.version != found.version or runtime not in ("auto", deployed.runtime):
            choice = choose(connection, found, program, runtime)
            deployed = releases.further(connection, deployed, found, program, deployed.release, choice)
            done.append(("replace", found.version))
        if done:
            releases.settle(connection, [deployed], also)
        for action, number in done:
            catalog.insert_event(connection, deployed.name, action, deployed.model, number)
        return deployed


def rollback(connection: Connection[Any], name: str) -> RegisteredDeployment:
    """Rolls back to the version that was deployed before this one. Raises ChangeRefused if there is none."""
    with connection.transaction():
        catalog.lock(connection)
        deployed = catalog.get_deployment(connection, name)
        require_owned(connection, deployed.schema_name, deployed.table_name)
        former = deployed.current.former
        if former is None:
            raise ChangeRefused(
                f"Deployment {name} has no former version to go back to: version {deployed.version} was its first."
            )
        target = deployed.releases[former]
        version = get_version(connection, deployed.model, target.version)
        program = load_program(connection, version)
        choice = Choice(target.runtime, target.reason)
        releases.further(connection, deployed, version, program, target.former, choice)
        return releases.in_force(connection, deployed, "rollback", version.version)


def refresh(connection: Connection[Any], feature_set: str) -> list[str]:
    """Compiles the deployments that look a feature set up again where its max_age or defaults have changed.

    Returns their names. To be called in the transaction that changes the set: scoring then reads the set as vectors do.
    """
    changed = []
    with connection.transaction():
        catalog.lock(connection)
        for name in catalog.using_set(connection, feature_set, current=True):
            deployed = catalog.get_deployment(connection, name)
            versions = _bound_anew(connection, deployed)
            if versions:
                changed.append((catalog.get_deployment(connection, name), versions))
        releases.settle(connection, [deployed for deployed, _ in changed])
        for deployed, versions in changed:
            for version in versions:
                catalog.insert_event(connection, deployed.name, "refresh", deployed.model, version)
    return [deployed.name for deployed, _ in changed]


def refresh_locks(connection: Connection[Any], feature_set: str) -> dict[Relation, Mode]:
    """The locks that `refresh` needs at most: on the model tables, and on what feeds them."""
    needed: dict[Relation, Mode] = {}
    for name in catalog.using_set(connection, feature_set, current=True):
        deployed = catalog.get_deployment(connection, name)
        needed[deployed.schema_name, deployed.table_name] = Mode.SHARE_ROW_EXCLUSIVE
        needed |= dict.fromkeys(feeds.tables(connection, deployed), Mode.SHARE_ROW_EXCLUSIVE)
    return needed


def undeploy(connection: Connection[Any], name: str, drop_predictions: bool = False) -> None:
    """Removes a deployment: its table, triggers and functions, its shadow, and what attaching it added; its events stay in
    fsdb.deployment_events.

    Raises ChangeRefused where the table holds predictions and `drop_predictions` is not set, or other objects use it.
    """
    with connection.transaction():
        catalog.lock(connection)
        deployed = catalog.get_deployment(connection, name)
        there = model_table.is_there(connection, deployed)
        require_owned(connection, deployed.schema_name, deployed.table_name)
        _refuse_tracked(connection, deployed)
        if there and not drop_predictions:
            with connection.transaction(force_rollback=True):  # nobody is held up for what is refused anyway
                _refuse_predictions(connection, deployed)
        locks.take(connection, _removal_locks(connection, deployed))
        if there and not drop_predictions:
            _refuse_predictions(connection, deployed)
        shadow = find_shadow(connection, deployed.deployment_id)
        if shadow is not None:
            undeploy(connection, deployment_name(connection, shadow.deployment_id), drop_predictions)
        feeds.remove(connection, deployed)
        if there:
            model_table.drop(connection, deployed)
        objects.drop_function(connection, trigger_function_name(deployed))
        catalog.delete_deployment(connection, deployed.deployment_id)
        releases.drop_scorers(connection, deployed)
        catalog.insert_event(connection, deployed.name, "undeploy", deployed.model, deployed.version)


def _refuse_tracked(connection: Connection[Any], deployed: RegisteredDeployment) -> None:
    """Raises ChangeRefused where a feature set lives on the model table, which would go from under it."""
    table = (deployed.schema_name, deployed.table_name)
    tracking = [one.name for one in list_sets(connection).values() if (one.live_schema, one.live_table) == table]
    if tracking:
        raise ChangeRefused(
            f"Table {deployed.name} is tracked as feature set {', '.join(tracking)}, which undeploying would leave without it: "
            "drop the feature set first, by taking it out of the definitions and fsdb apply --prune."
        )


def status(connection: Connection[Any], name: str) -> list[ObjectStatus]:
    """How the objects of a deployment stand: the scoring functions of its releases, the trigger function, the triggers.

    A stored program that is not the registered one is `foreign`.
    """
    deployed = catalog.get_deployment(connection, name)
    generated = []
    found = []
    sound = True
    for release in releases.kinds(deployed):
        version = get_version(connection, deployed.model, release.version)
        try:
            program = load_program(connection, version)
        except NotReproducible:
            found.append(ObjectStatus(scorer_name(deployed.model, release.version), "program", "foreign"))
            sound = sound and release.version not in {scoring.version for scoring in deployed.scoring}
            continue
        if release.runtime in IN_SERVER:
            generated += scorers(connection, version, program, release.runtime)
    if sound:
        generated.append(releases.scoring_function(connection, deployed))
    generated += model_table.triggers(connection, deployed, readable_sets(connection))
    return [*found, *objects.states(connection, deployed, generated), *feeds.status(connection, deployed)]


def repair(connection: Connection[Any], *names: str, also: Locks | None = None) -> None:
    """Makes the objects of deployments again as they should be, with the columns that they fill, where `status` finds them otherwise.

    also: locks that the caller needs besides, to be taken with those on the tables.
    """
    with connection.transaction():
        catalog.lock(connection)
        found = [catalog.get_deployment(connection, name) for name in names]
        for deployed in found:
            model_table.check_there(connection, deployed)
            for release in releases.kinds(deployed):
                version = get_version(connection, deployed.model, release.version)
                program = load_program(connection, version)
                releases.ensure_scorer(connection, deployed, version, program, release.runtime)
        releases.settle(connection, found, also)


def _refuse_predictions(connection: Connection[Any], deployed: RegisteredDeployment) -> None:
    if model_table.has_rows(connection, deployed):
        raise ChangeRefused(
            f"Table {deployed.name} holds predictions, which undeploying would delete: copy what you want to keep, then call undeploy(drop_predictions=True)."
        )


def _removal_locks(connection: Connection[Any], deployed: RegisteredDeployment) -> dict[Relation, Mode]:
    """The locks under which a deployment goes with its shadow."""
    own = {(deployed.schema_name, deployed.table_name): Mode.ACCESS_EXCLUSIVE}
    shadow = find_shadow(connection, deployed.deployment_id)
    beside: Locks = {}
    if shadow is not None:
        name = deployment_name(connection, shadow.deployment_id)
        beside = _removal_locks(connection, catalog.get_deployment(connection, name))
    return locks.together(own, feeds.removal_locks(connection, deployed), beside)


def _bound_anew(connection: Connection[Any], deployed: RegisteredDeployment) -> list[int]:
    """Binds the releases that score anew where their sets are not what they were; the versions of those."""
    versions = []
    for role, release in zip(("live", "canary"), deployed.scoring, strict=False):
        version = get_version(connection, deployed.model, release.version)
        choice = Choice(release.runtime, release.reason)
        bound = bound_release(connection, version, release.release, None, choice, list(deployed.releases.values()))
        if same_scoring(bound, release):
            continue
        program = load_program(connection, version)
        if role == "live":
            deployed = releases.further(connection, deployed, version, program, release.former, choice)
        elif deployed.canary is not None:
            share, by = deployed.canary.share, deployed.canary.by
            deployed = releases.canary(connection, deployed, version, program, choice, share, by)
        versions.append(version.version)
    return versions


def _table_name(given: str) -> tuple[str, str]:
    schema, dot, name = given.rpartition(".")
    for part in (schema, name) if dot else (name,):
        checked_name(part, "model table")
    checked_schema(schema, "model table")
    return schema or "public", name


def _shown_name(schema: str, name: str) -> str:
    """A table as fsdb.deployments names it."""
    return name if schema == "public" else f"{schema}.{name}"
