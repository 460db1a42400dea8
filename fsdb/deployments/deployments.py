"""Deploying a model version as a table, replacing it, going back, and taking it away: each in one transaction."""

from collections.abc import Mapping
from typing import Any

from psycopg import Connection

from fsdb.catalog import deployments as catalog
from fsdb.catalog.deployments import RegisteredDeployment
from fsdb.catalog.feature_sets import RegisteredSet, list_sets
from fsdb.catalog.models import ModelVersion, get_version
from fsdb.config import MODEL_SCHEMA
from fsdb.definitions import checked_name
from fsdb.deployments import objects, parity
from fsdb.deployments import table as model_table
from fsdb.deployments.binding import bound_release, same_scoring, table_columns
from fsdb.deployments.objects import Generated, scorer_name, trigger_function_name
from fsdb.deployments.registry import load_program
from fsdb.deployments.scoring import result_types, trigger_function
from fsdb.errors import ChangeRefused, NotReproducible, UnsupportedModel
from fsdb.history.status import ObjectStatus
from fsdb.models import Program, compile_functions
from fsdb.sql import joined

RUNTIMES = ("sql",)


def deploy(
    connection: Connection[Any], model: str, table: str, version: int | None = None, runtime: str = "auto"
) -> RegisteredDeployment:
    """Deploys a version of a model (the newest where none is named) as the table `table` ("table" or "schema.table").

    Where the model is deployed as that table already, the version replaces the one that scores: rows stay, columns that
    it needs besides are added. Inserts see the former version or this one; they wait while this transaction ends, and it
    waits for transactions that have inserted.

    Raises UnknownName, UnsupportedModel for an unknown runtime, ParityFailed where the compiled model does not give what
    the native predict gave, and ChangeRefused where the table is something else or cannot hold the version's predictions.
    """
    chosen = _runtime(runtime)
    schema, table_name = _table_name(table)
    with connection.transaction():
        catalog.lock(connection)
        found = get_version(connection, model, version)
        program = load_program(connection, found)
        deployed = catalog.find_deployment(connection, _shown_name(schema, table_name))
        if deployed is not None and deployed.model != model:
            raise ChangeRefused(
                f"Table {deployed.name} is a deployment of model {deployed.model}, not of {model}: deploy {model} as another table."
            )
        if deployed is None:
            return _first(connection, found, program, schema, table_name, chosen)
        if deployed.version == found.version:
            return deployed
        former = deployed.release
        return _released(connection, deployed, found, program, former, "replace")


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
        return _released(connection, deployed, version, program, target.former, "rollback")


def refresh(connection: Connection[Any], feature_set: str) -> list[str]:
    """Compiles the deployments that look a feature set up again where its max_age or defaults have changed.

    Returns their names. To be called in the transaction that changes the set: scoring then reads the set as vectors do.
    """
    refreshed = []
    with connection.transaction():
        catalog.lock(connection)
        for name in catalog.using_set(connection, feature_set, current=True):
            deployed = catalog.get_deployment(connection, name)
            version = get_version(connection, deployed.model, deployed.version)
            bound = bound_release(connection, version, deployed.release, None, list(deployed.releases.values()))
            if not same_scoring(bound, deployed.current):
                program = load_program(connection, version)
                _released(connection, deployed, version, program, deployed.current.former, "refresh")
                refreshed.append(name)
    return refreshed


def undeploy(connection: Connection[Any], name: str, drop_predictions: bool = False) -> None:
    """Removes a deployment: its table, triggers and functions; its events stay in fsdb.deployment_events.

    Raises ChangeRefused where the table holds predictions and `drop_predictions` is not set, or other objects use it.
    """
    with connection.transaction():
        catalog.lock(connection)
        deployed = catalog.get_deployment(connection, name)
        if model_table.is_there(connection, deployed):
            model_table.lock(connection, deployed, "lock_alone")
            if model_table.has_rows(connection, deployed) and not drop_predictions:
                raise ChangeRefused(
                    f"Table {deployed.name} holds predictions, which undeploying would delete: copy what is to stay, then call undeploy(drop_predictions=True)."
                )
            model_table.drop(connection, deployed)
        objects.drop_function(connection, trigger_function_name(deployed))
        catalog.delete_deployment(connection, deployed.deployment_id)
        for number in deployed.versions:
            if not catalog.using_version(connection, deployed.model, number):
                objects.drop_function(connection, scorer_name(deployed.model, number))
        catalog.insert_event(connection, deployed.name, "undeploy", deployed.model, deployed.version)


def status(connection: Connection[Any], name: str) -> list[ObjectStatus]:
    """How the objects of a deployment stand: the scoring functions of its releases, the trigger function, the triggers.

    A stored program that is not the registered one is `foreign`.
    """
    deployed = catalog.get_deployment(connection, name)
    sets = list_sets(connection)
    generated = []
    found = []
    for number in deployed.versions:
        version = get_version(connection, deployed.model, number)
        try:
            program = load_program(connection, version)
        except NotReproducible:
            found.append(ObjectStatus(scorer_name(deployed.model, number), "program", "foreign"))
            continue
        generated.append(_scorer(version, program))
        if number == deployed.version:
            generated.append(_trigger_function(connection, deployed, sets, program))
    generated += model_table.triggers(connection, deployed, sets)
    return [*found, *objects.states(connection, deployed, generated)]


def repair(connection: Connection[Any], name: str) -> None:
    """Makes the objects of a deployment again as they should be, where `status` finds them otherwise."""
    with connection.transaction():
        catalog.lock(connection)
        deployed = catalog.get_deployment(connection, name)
        model_table.check_there(connection, deployed)
        for number in deployed.versions:
            version = get_version(connection, deployed.model, number)
            program = load_program(connection, version)
            _ensure_scorer(connection, deployed, version, program)
            if number == deployed.version:
                model_table.lock(connection, deployed, "lock")
                _install(connection, deployed, list_sets(connection), program)


def _first(
    connection: Connection[Any], version: ModelVersion, program: Program, schema: str, name: str, runtime: str
) -> RegisteredDeployment:
    model_table.check_free(connection, schema, name)
    sets = list_sets(connection)
    shown = _shown_name(schema, name)
    deployment_id = catalog.insert_deployment(connection, shown, schema, name, version.model, version.version, runtime)
    release = bound_release(connection, version, 1, None)
    catalog.insert_release(connection, deployment_id, release)
    deployed = catalog.get_deployment(connection, shown)
    _ensure_scorer(connection, deployed, version, program)
    model_table.create(connection, deployed, release, sets, program)
    _install(connection, deployed, sets, program)
    catalog.insert_event(connection, shown, "deploy", version.model, version.version)
    return deployed


def _released(
    connection: Connection[Any],
    deployed: RegisteredDeployment,
    version: ModelVersion,
    program: Program,
    former: int | None,
    action: str,
) -> RegisteredDeployment:
    """A further release of a deployment, which scores from the end of this transaction on."""
    model_table.check_there(connection, deployed)
    earlier = list(deployed.releases.values())
    release = bound_release(connection, version, max(deployed.releases) + 1, former, earlier)
    sets = list_sets(connection)
    table_columns(release, sets)
    _ensure_scorer(connection, deployed, version, program)
    model_table.lock(connection, deployed, "lock")
    model_table.widen(connection, deployed, release, sets, program)
    catalog.insert_release(connection, deployed.deployment_id, release)
    deployed = catalog.get_deployment(connection, deployed.name)
    _install(connection, deployed, sets, program)
    catalog.insert_event(connection, deployed.name, action, version.model, version.version)
    return deployed


def _ensure_scorer(
    connection: Connection[Any], deployed: RegisteredDeployment, version: ModelVersion, program: Program
) -> None:
    """Makes the version's scoring function where it is not there as it should be, and holds it against the version's checks."""
    scorer = _scorer(version, program)
    (found,) = objects.states(connection, deployed, [scorer])
    if found.state == "foreign":
        raise ChangeRefused(
            f"Schema {MODEL_SCHEMA} has a function {scorer.name} that is not fsdb's: rename or drop it, then deploy again."
        )
    if found.state == "outdated":
        objects.drop_function(connection, scorer.name)
    if found.state != "installed":
        objects.install(connection, scorer)
    parity.check(connection, version.model, version.version, version.inputs, program, scorer.name)


def _install(
    connection: Connection[Any], deployed: RegisteredDeployment, sets: Mapping[str, RegisteredSet], program: Program
) -> None:
    """Makes the trigger function and the triggers as the current release needs them."""
    objects.install(connection, _trigger_function(connection, deployed, sets, program))
    objects.revoke(connection, trigger_function_name(deployed))
    for trigger in model_table.triggers(connection, deployed, sets):
        objects.install(connection, trigger, deployed.table)


def _scorer(version: ModelVersion, program: Program) -> Generated:
    name = scorer_name(version.model, version.version)
    statements = compile_functions(program, MODEL_SCHEMA, name)
    return Generated(
        "function", name, joined(statements, ";\n"), f"scores by model {version.model} version {version.version}."
    )


def _trigger_function(
    connection: Connection[Any], deployed: RegisteredDeployment, sets: Mapping[str, RegisteredSet], program: Program
) -> Generated:
    name = trigger_function_name(deployed)
    release = deployed.current
    filled = {*result_types(program), "prediction_id", "model_version", "model_release", "scored_at"}
    filled |= {read.version_column for read in release.sets}
    unused = [column for column in model_table.recorded_columns(connection, deployed) if column not in filled]
    scorer = scorer_name(deployed.model, release.version)
    statement = trigger_function(connection, objects.function(name), scorer, program, release, sets, unused)
    return Generated("function", name, statement, f"scores rows inserted into {deployed.name}.")


def _runtime(runtime: str) -> str:
    if runtime == "auto":
        return RUNTIMES[0]
    if runtime not in RUNTIMES:
        raise UnsupportedModel(f"There is no runtime {runtime!r}: use 'auto' or one of {', '.join(RUNTIMES)}.")
    return runtime


def _table_name(given: str) -> tuple[str, str]:
    schema, dot, name = given.rpartition(".")
    for part in (schema, name) if dot else (name,):
        checked_name(part, "model table")
    return schema or "public", name


def _shown_name(schema: str, name: str) -> str:
    """A table as fsdb.deployments names it."""
    return name if schema == "public" else f"{schema}.{name}"
