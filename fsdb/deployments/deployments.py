"""Deploying a model version as a table, replacing it, going back, and taking it away: each in one transaction."""

from typing import Any

from psycopg import Connection

from fsdb.catalog import deployments as catalog
from fsdb.catalog.deployments import RegisteredDeployment
from fsdb.catalog.feature_sets import list_sets
from fsdb.catalog.feeds import deployment_name, find_shadow
from fsdb.catalog.models import get_version
from fsdb.definitions import checked_name
from fsdb.deployments import feeds, objects, releases
from fsdb.deployments import table as model_table
from fsdb.deployments.binding import bound_release, same_scoring
from fsdb.deployments.objects import scorer_name, trigger_function_name
from fsdb.deployments.registry import load_program
from fsdb.deployments.runtimes import IN_SERVER, Choice, choose, scorers
from fsdb.deployments.stages import staged_version
from fsdb.errors import ChangeRefused, InvalidDefinition, NotReproducible
from fsdb.history.status import ObjectStatus

ON_ERROR = ("reject", "null")


def deploy(
    connection: Connection[Any],
    model: str,
    table: str,
    version: int | str | None = None,
    runtime: str = "auto",
    on_error: str | None = None,
) -> RegisteredDeployment:
    """Deploys a version of a model as the table `table` ("table" or "schema.table").

    version: its number, a stage ("production", "staging"), or None for the newest. runtime: "sql", "onnx", "worker", or
    "auto" for the first of these that can have it. on_error: "reject" fails the insert of a row that cannot be scored,
    "null" records it with NULL and the reason in column error; None leaves what the table has, and is "reject" for a new one.

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
        if deployed is None:
            choice = choose(connection, found, program, runtime)
            return releases.first(
                connection, found, program, schema, table_name, shown, choice, on_error or ON_ERROR[0]
            )
        if on_error not in (None, deployed.on_error):
            deployed = _with_policy(connection, deployed, on_error or ON_ERROR[0])
        if deployed.version == found.version and runtime in ("auto", deployed.runtime):
            return deployed
        choice = choose(connection, found, program, runtime)
        return releases.further(connection, deployed, found, program, deployed.release, choice, "replace")


def rollback(connection: Connection[Any], name: str) -> RegisteredDeployment:
    """Lets the version score again that scored before the present one was deployed. Raises ChangeRefused where there is none."""
    with connection.transaction():
        catalog.lock(connection)
        deployed = catalog.get_deployment(connection, name)
        former = deployed.current.former
        if former is None:
            raise ChangeRefused(
                f"Deployment {name} has no former version to go back to: version {deployed.version} was its first."
            )
        target = deployed.releases[former]
        version = get_version(connection, deployed.model, target.version)
        program = load_program(connection, version)
        choice = Choice(target.runtime, target.reason)
        return releases.further(connection, deployed, version, program, target.former, choice, "rollback")


def refresh(connection: Connection[Any], feature_set: str) -> list[str]:
    """Compiles the deployments that look a feature set up again where its max_age or defaults have changed.

    Returns their names. To be called in the transaction that changes the set: scoring then reads the set as vectors do.
    """
    refreshed = []
    with connection.transaction():
        catalog.lock(connection)
        for name in catalog.using_set(connection, feature_set, current=True):
            if _refreshed(connection, catalog.get_deployment(connection, name)):
                refreshed.append(name)
    return refreshed


def undeploy(connection: Connection[Any], name: str, drop_predictions: bool = False) -> None:
    """Removes a deployment: its table, triggers and functions, its shadow, and what attaching it added; its events stay in
    fsdb.deployment_events.

    Raises ChangeRefused where the table holds predictions and `drop_predictions` is not set, or other objects use it.
    """
    with connection.transaction():
        catalog.lock(connection)
        deployed = catalog.get_deployment(connection, name)
        there = model_table.is_there(connection, deployed)
        if there:
            model_table.lock(connection, deployed, "lock_alone")
            if model_table.has_rows(connection, deployed) and not drop_predictions:
                raise ChangeRefused(
                    f"Table {deployed.name} holds predictions, which undeploying would delete: copy what is to stay, then call undeploy(drop_predictions=True)."
                )
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
    generated += model_table.triggers(connection, deployed, list_sets(connection))
    return [*found, *objects.states(connection, deployed, generated), *feeds.status(connection, deployed)]


def repair(connection: Connection[Any], name: str) -> None:
    """Makes the objects of a deployment again as they should be, with the columns that they fill, where `status` finds them otherwise."""
    with connection.transaction():
        catalog.lock(connection)
        deployed = catalog.get_deployment(connection, name)
        model_table.check_there(connection, deployed)
        for release in releases.kinds(deployed):
            version = get_version(connection, deployed.model, release.version)
            program = load_program(connection, version)
            releases.ensure_scorer(connection, deployed, version, program, release.runtime)
        model_table.lock(connection, deployed, "lock")
        for release in deployed.scoring:
            program = load_program(connection, get_version(connection, deployed.model, release.version))
            model_table.widen(connection, deployed, release, list_sets(connection), program)
        releases.install(connection, deployed)


def _with_policy(connection: Connection[Any], deployed: RegisteredDeployment, on_error: str) -> RegisteredDeployment:
    """Changes what becomes of rows that cannot be scored; those that are recorded stay."""
    catalog.set_on_error(connection, deployed.deployment_id, on_error)
    changed = catalog.get_deployment(connection, deployed.name)
    model_table.check_there(connection, changed)
    model_table.lock(connection, changed, "lock")
    if on_error == "null":
        model_table.allow_null(connection, changed)
    return releases.in_force(connection, changed, "on error", changed.version)


def _refreshed(connection: Connection[Any], deployed: RegisteredDeployment) -> bool:
    """Binds the releases that score anew where their sets are not what they were; whether any was."""
    changed = False
    for role, release in zip(("live", "canary"), deployed.scoring, strict=False):
        version = get_version(connection, deployed.model, release.version)
        choice = Choice(release.runtime, release.reason)
        bound = bound_release(connection, version, release.release, None, choice, list(deployed.releases.values()))
        if same_scoring(bound, release):
            continue
        program = load_program(connection, version)
        if role == "live":
            deployed = releases.further(connection, deployed, version, program, release.former, choice, "refresh")
        elif deployed.canary is not None:
            share, by = deployed.canary.share, deployed.canary.by
            deployed = releases.canary(connection, deployed, version, program, choice, share, by, "refresh")
        changed = True
    return changed


def _table_name(given: str) -> tuple[str, str]:
    schema, dot, name = given.rpartition(".")
    for part in (schema, name) if dot else (name,):
        checked_name(part, "model table")
    return schema or "public", name


def _shown_name(schema: str, name: str) -> str:
    """A table as fsdb.deployments names it."""
    return name if schema == "public" else f"{schema}.{name}"
