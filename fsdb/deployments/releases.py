"""Releases: the forms that a deployment's scoring takes, with the functions and triggers that carry them out."""

from collections.abc import Mapping, Sequence
from typing import Any

from psycopg import Connection
from psycopg.sql import Identifier

from fsdb import locks
from fsdb.access.giving import give
from fsdb.catalog import deployments as catalog
from fsdb.catalog import models
from fsdb.catalog.deployments import Canary, RegisteredDeployment, Release
from fsdb.catalog.feature_sets import RegisteredSet
from fsdb.catalog.models import ModelVersion, get_version
from fsdb.catalog.readable import readable_sets
from fsdb.config import MODEL_SCHEMA
from fsdb.deployments import feeds, objects, parity, runtimes
from fsdb.deployments import table as model_table
from fsdb.deployments.binding import bound_release, table_columns
from fsdb.deployments.objects import Generated, rejections_name, trigger_function_name
from fsdb.deployments.registry import load_program
from fsdb.deployments.runtimes import IN_SERVER, Choice, scorers, worker
from fsdb.deployments.scoring import Scoring, canary_key, trigger_function
from fsdb.errors import ChangeRefused
from fsdb.locks import Locks
from fsdb.models import Program


def first(
    connection: Connection[Any],
    version: ModelVersion,
    program: Program,
    schema: str,
    name: str,
    shown: str,
    choice: Choice,
    on_error: str,
) -> RegisteredDeployment:
    """Makes the model table `schema`.`name`, registered as `shown`, with its first release."""
    model_table.check_free(connection, schema, name)
    sets = readable_sets(connection)
    deployment_id = catalog.insert_deployment(
        connection, shown, schema, name, version.model, version.version, choice.runtime, on_error
    )
    release = bound_release(connection, version, 1, None, choice)
    catalog.insert_release(connection, deployment_id, release)
    deployed = catalog.get_deployment(connection, shown)
    ensure_scorer(connection, deployed, version, program, choice.runtime)
    model_table.create(connection, deployed, release, sets, program)
    install(connection, deployed)
    catalog.insert_event(connection, shown, "deploy", version.model, version.version)
    return deployed


def further(
    connection: Connection[Any],
    deployed: RegisteredDeployment,
    version: ModelVersion,
    program: Program,
    former: int | None,
    choice: Choice,
) -> RegisteredDeployment:
    """Registers a further release of a deployment as the one that scores. A canary of its version ends with it.

    It does so once `in_force` has installed it, in the same transaction.
    """
    release = _added(connection, deployed, version, program, former, choice)
    catalog.set_release(connection, deployed.deployment_id, release)
    if deployed.canary is not None and deployed.releases[deployed.canary.release].version == version.version:
        catalog.set_canary(connection, deployed.deployment_id, None)
    return catalog.get_deployment(connection, deployed.name)


def canary(
    connection: Connection[Any],
    deployed: RegisteredDeployment,
    version: ModelVersion,
    program: Program,
    choice: Choice,
    share: float,
    by: tuple[str, ...],
) -> RegisteredDeployment:
    """Registers a further release that scores a share of the keys, told by the columns `by`, once `in_force` has installed it."""
    release = _added(connection, deployed, version, program, deployed.release, choice)
    key = by or canary_key(deployed.current, readable_sets(connection))
    catalog.set_canary(connection, deployed.deployment_id, Canary(release.release, share, key))
    return catalog.get_deployment(connection, deployed.name)


def ensure_scorer(
    connection: Connection[Any], deployed: RegisteredDeployment, version: ModelVersion, program: Program, runtime: str
) -> None:
    """Makes the version's scoring function where it is not there as it should be, and holds it against the version's checks.

    A worker's is outside of the server, and is held against them here. The report of the comparison is kept.
    """
    if runtime in IN_SERVER:
        report = _checked_function(connection, deployed, version, program, runtime)
    else:
        report = worker.check(connection, version, program)
    models.insert_report(
        connection,
        version,
        {
            "runtime": runtime,
            "deployment": deployed.name,
            "rows_checked": report.rows_checked,
            "largest_difference": report.largest_difference,
            "tolerance": program.tolerance,
        },
    )


def drop_scorers(connection: Connection[Any], deployed: RegisteredDeployment) -> None:
    """Removes the scoring functions that no deployment uses any more; `deployed` is gone from the catalog already."""
    for release in kinds(deployed):
        if (
            release.runtime in IN_SERVER
            and not catalog.using_version(connection, deployed.model, release.version, release.runtime)
            and not objects.is_others(connection, objects.scorer_name(deployed.model, release.version, release.runtime))
        ):
            runtimes.drop_scorers(connection, deployed.model, release.version, release.runtime)
        objects.drop_sequence(connection, rejections_name(deployed, release.version))


def install(connection: Connection[Any], deployed: RegisteredDeployment) -> None:
    """Makes the trigger function and the triggers as the releases that score now need them."""
    for release in deployed.scoring:
        objects.create_sequence(connection, rejections_name(deployed, release.version))
    objects.install(connection, scoring_function(connection, deployed))
    objects.revoke(connection, trigger_function_name(deployed))
    for trigger in model_table.triggers(connection, deployed, readable_sets(connection)):
        objects.install(connection, trigger, deployed.table)
    feeds.settle(connection, deployed)
    give(connection)


def settle(connection: Connection[Any], changed: Sequence[RegisteredDeployment], also: Locks | None = None) -> None:
    """Installs what the catalog says now of deployments: all locks first, then the columns, functions and triggers.

    also: locks that the caller needs besides. Raises ChangeRefused where a transaction that uses one of the tables stays open.
    """
    sets = readable_sets(connection)
    programs = {
        (deployed.deployment_id, release.release): _scoring(connection, deployed, release).program
        for deployed in changed
        for release in deployed.scoring
    }
    wanted: list[Locks] = [also or {}]
    for deployed in changed:
        model_table.check_there(connection, deployed)
        columns = model_table.columns(connection, deployed)
        for release in deployed.scoring:
            program = programs[deployed.deployment_id, release.release]
            missing = model_table.missing_columns(connection, deployed, release, sets, program)
            columns |= missing
            mode = model_table.lock_of(connection, deployed, release, missing)
            wanted.append({(deployed.schema_name, deployed.table_name): mode})
        wanted.append(feeds.locks(connection, deployed, columns))
    locks.take(connection, locks.together(*wanted))
    for deployed in changed:
        for release in deployed.scoring:
            program = programs[deployed.deployment_id, release.release]
            model_table.widen(connection, deployed, release, sets, program)
        install(connection, deployed)


def scoring_function(connection: Connection[Any], deployed: RegisteredDeployment) -> Generated:
    """The trigger function as the releases that score now need it."""
    live, *others = (_scoring(connection, deployed, release) for release in deployed.scoring)
    name = trigger_function_name(deployed)
    statement = trigger_function(
        connection,
        Identifier(MODEL_SCHEMA, name),
        deployed,
        live,
        others[0] if others else None,
        readable_sets(connection),
        model_table.columns(connection, deployed),
        model_table.recorded_columns(connection, deployed),
        model_table.numbers(connection, deployed),
    )
    return Generated("function", name, statement, f"scores rows inserted into {deployed.name}.")


def kinds(deployed: RegisteredDeployment) -> list[Release]:
    """A release for each version and runtime that a deployment has had."""
    return list({(release.version, release.runtime): release for release in deployed.releases.values()}.values())


def in_force(
    connection: Connection[Any],
    deployed: RegisteredDeployment,
    action: str,
    version: int,
    also: Locks | None = None,
) -> RegisteredDeployment:
    """Installs what the catalog says now of a deployment, as `settle` does, and notes what happened."""
    changed = catalog.get_deployment(connection, deployed.name)
    settle(connection, [changed], also)
    catalog.insert_event(connection, deployed.name, action, changed.model, version)
    return changed


def _checked_function(
    connection: Connection[Any], deployed: RegisteredDeployment, version: ModelVersion, program: Program, runtime: str
) -> parity.Parity:
    wanted = scorers(connection, version, program, runtime)
    found = objects.states(connection, deployed, wanted)
    for item in found:
        if item.state == "foreign":
            raise ChangeRefused(
                f"Schema {MODEL_SCHEMA} has a function {item.name} that is not fsdb's: rename or drop it, then deploy again."
            )
    foreign = objects.foreign_functions(connection, [made.name for made in wanted])
    if foreign or any(item.state != "installed" for item in found):
        runtimes.drop_scorers(connection, version.model, version.version, runtime)
        for made in wanted:
            objects.install(connection, made)
    return parity.check(connection, version.model, version.version, version.inputs, program, wanted[-1].name)


def _scoring(connection: Connection[Any], deployed: RegisteredDeployment, release: Release) -> Scoring:
    version = get_version(connection, deployed.model, release.version)
    return Scoring(release, load_program(connection, version))


def _added(
    connection: Connection[Any],
    deployed: RegisteredDeployment,
    version: ModelVersion,
    program: Program,
    former: int | None,
    choice: Choice,
) -> Release:
    """Registers a further release with its scoring function; it does not score yet."""
    model_table.check_there(connection, deployed)
    earlier = list(deployed.releases.values())
    release = bound_release(connection, version, max(deployed.releases) + 1, former, choice, earlier)
    sets: Mapping[str, RegisteredSet] = readable_sets(connection)
    table_columns(release, sets)
    ensure_scorer(connection, deployed, version, program, choice.runtime)
    catalog.insert_release(connection, deployed.deployment_id, release)
    return release
