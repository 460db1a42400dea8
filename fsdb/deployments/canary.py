"""Canaries: another version of the model scores a share of the keys, until it is promoted or stopped."""

from collections.abc import Sequence
from typing import Any

from psycopg import Connection

from fsdb.catalog import deployments as catalog
from fsdb.catalog.deployments import RegisteredDeployment
from fsdb.deployments import releases
from fsdb.deployments import table as model_table
from fsdb.deployments.registry import load_program
from fsdb.deployments.runtimes import Choice, choose
from fsdb.deployments.stages import staged_version
from fsdb.errors import ChangeRefused, InvalidDefinition


def start_canary(
    connection: Connection[Any],
    name: str,
    version: int | str | None = None,
    share: float = 0.1,
    by: Sequence[str] = (),
    runtime: str = "auto",
) -> RegisteredDeployment:
    """Lets a version (a number, a stage, or None for the newest) score the keys whose fsdb.key_share is below `share`.

    by: the columns of the model table that tell whose a row is; else the keys of the sets that are looked up, else every
    input. A canary that is there already is replaced: with the same `by`, a larger share keeps the keys that it had.

    Raises ChangeRefused where that version is the live one, and as `deploy`.
    """
    if not 0 < share < 1:
        raise InvalidDefinition(
            f"A canary scores a share of the keys between 0 and 1, not {share}: give one such as 0.1."
        )
    with connection.transaction():
        catalog.lock(connection)
        deployed = catalog.get_deployment(connection, name)
        found = staged_version(connection, deployed.model, version)
        if found.version == deployed.version:
            raise ChangeRefused(
                f"Version {found.version} of model {deployed.model} scores all of {deployed.name} already: name another version as its canary."
            )
        program = load_program(connection, found)
        columns = model_table.columns(connection, deployed)
        for column in by:
            if column not in columns or column in model_table.recorded_columns(connection, deployed):
                given = [c for c in columns if c not in model_table.recorded_columns(connection, deployed)]
                raise InvalidDefinition(
                    f"Table {deployed.name} has no column {column!r} that a row comes with: a canary goes by some of {', '.join(given)}."
                )
        choice = choose(connection, found, program, runtime)
        releases.canary(connection, deployed, found, program, choice, share, tuple(by))
        return releases.in_force(connection, deployed, "canary", found.version)


def stop_canary(connection: Connection[Any], name: str) -> RegisteredDeployment:
    """Lets the live version score every key again; what the canary predicted stays. Raises ChangeRefused where there is none."""
    with connection.transaction():
        catalog.lock(connection)
        deployed = catalog.get_deployment(connection, name)
        version = _canary_version(deployed)
        catalog.set_canary(connection, deployed.deployment_id, None)
        return releases.in_force(connection, deployed, "stop canary", version)


def promote_canary(connection: Connection[Any], name: str) -> RegisteredDeployment:
    """Makes the canary's version the live one; a rollback returns to the former. Raises ChangeRefused where there is none."""
    with connection.transaction():
        catalog.lock(connection)
        deployed = catalog.get_deployment(connection, name)
        found = staged_version(connection, deployed.model, _canary_version(deployed))
        assert deployed.canary is not None
        release = deployed.releases[deployed.canary.release]
        catalog.set_canary(connection, deployed.deployment_id, None)
        program, choice = load_program(connection, found), Choice(release.runtime, release.reason)
        releases.further(connection, deployed, found, program, deployed.release, choice)
        return releases.in_force(connection, deployed, "promote canary", found.version)


def _canary_version(deployed: RegisteredDeployment) -> int:
    if deployed.canary is None:
        raise ChangeRefused(f"Deployment {deployed.name} has no canary: start one with canary(version=…, share=…).")
    return deployed.releases[deployed.canary.release].version
