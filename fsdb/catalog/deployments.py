"""Registered deployments and their releases: reading them from the catalog and writing them to it."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from psycopg import Connection, sql
from psycopg.rows import dict_row

from fsdb import locks
from fsdb.catalog.nearest import nearest
from fsdb.config import CATALOG_SCHEMA
from fsdb.errors import UnknownName
from fsdb.sql import query
from fsdb.types import read_type

logger = logging.getLogger("fsdb.deployments")


@dataclass(frozen=True)
class ReleaseSet:
    """A feature set that a release looks up, with its max_age then, and the column that records the version read.

    computed: its features are windows over events: the column records which versions of these there were.
    """

    feature_set: str
    max_age: timedelta | None
    version_column: str
    computed: bool = False

    @property
    def version_type(self) -> str:
        """The type of the column, as PostgreSQL calls it."""
        return "fsdb.event_pin" if self.computed else "bigint"


@dataclass(frozen=True)
class ReleaseInput:
    """What a release gives to its model under a name.

    Where the inserted row gives it, in the model table's column `column_name`, everything else from `feature_id` on is None. `feature` and `history_column` are as the
    catalog knows them now; `default_value` is the text that stood for NULL in the release.
    """

    name: str
    type: str
    feature_id: int | None = None
    feature_set: str | None = None
    feature: str | None = None
    history_column: str | None = None
    dropped_at: datetime | None = None
    default_value: str | None = None
    column_name: str | None = None

    @property
    def column(self) -> str:
        """The model table's column that gives it."""
        assert self.column_name is not None
        return self.column_name


@dataclass(frozen=True)
class Release:
    """A form of a deployment's scoring: a model version in a runtime, with the max_age and defaults of its features.

    `former` is the release that a rollback returns to, None for the first one; `reason` why the runtime was chosen.
    """

    release: int
    version: int
    former: int | None
    runtime: str
    reason: str
    inputs: tuple[ReleaseInput, ...]
    sets: tuple[ReleaseSet, ...]


@dataclass(frozen=True)
class Canary:
    """The release that scores a share of the keys, and the columns of the model table that make up a key."""

    release: int
    share: float
    by: tuple[str, ...]


@dataclass(frozen=True)
class RegisteredDeployment:
    """A deployment as the catalog knows it; `releases` by number, `release` the current one's.

    on_error: "reject" fails the insert of a row that cannot be scored, "null" records NULL with the reason.
    """

    deployment_id: int
    name: str
    model: str
    version: int
    runtime: str
    release: int
    schema_name: str
    table_name: str
    created_at: datetime
    on_error: str
    canary: Canary | None
    releases: dict[int, Release]

    @property
    def table(self) -> sql.Identifier:
        """The model table, quoted."""
        return sql.Identifier(self.schema_name, self.table_name)

    @property
    def versions(self) -> list[int]:
        """The model versions that score or have scored, in order."""
        return sorted({release.version for release in self.releases.values()})

    @property
    def current(self) -> Release:
        """The release that scores now, of most keys where there is a canary."""
        return self.releases[self.release]

    @property
    def scoring(self) -> list[Release]:
        """The releases that score now: the current one, and the canary's."""
        return [self.current, *([self.releases[self.canary.release]] if self.canary else [])]


def find_deployment(connection: Connection[Any], name: str) -> RegisteredDeployment | None:
    """The deployment as the table of that name, None where there is none."""
    found = _read(connection, name.removeprefix("public."))
    return found[0] if found else None


def get_deployment(connection: Connection[Any], name: str) -> RegisteredDeployment:
    """The deployment as the table of that name. Raises UnknownName with the nearest names."""
    found = find_deployment(connection, name)
    if found is None:
        known = [deployment.name for deployment in list_deployments(connection)]
        raise UnknownName(f"No model is deployed as table {name!r}.{nearest(name, known)}")
    return found


def list_deployments(connection: Connection[Any]) -> list[RegisteredDeployment]:
    """All deployments in order of name."""
    return _read(connection, None)


def lock(connection: Connection[Any]) -> None:
    """Makes this transaction the only one that changes deployments until it ends; scoring and readers are not hindered."""
    locks.wait_turn(connection, (CATALOG_SCHEMA, "deployments"), "Deployments")


def insert_deployment(
    connection: Connection[Any],
    name: str,
    schema_name: str,
    table_name: str,
    model: str,
    version: int,
    runtime: str,
    on_error: str,
) -> int:
    """Registers a deployment whose release 1 is to follow, and returns its deployment_id."""
    row = connection.execute(
        query("catalog/deployments", "insert_deployment"),
        {
            "name": name,
            "schema_name": schema_name,
            "table_name": table_name,
            "model": model,
            "version": version,
            "runtime": runtime,
            "on_error": on_error,
        },
    ).fetchone()
    assert row is not None
    return int(row[0])


def set_on_error(connection: Connection[Any], deployment_id: int, on_error: str) -> None:
    """Says what becomes of rows that cannot be scored."""
    connection.execute(
        query("catalog/deployments", "set_on_error"), {"deployment_id": deployment_id, "on_error": on_error}
    )


def set_canary(connection: Connection[Any], deployment_id: int, canary: Canary | None) -> None:
    """Makes a registered release score a share of the keys; None: the live release scores all again."""
    values = {
        "release": canary and canary.release,
        "share": canary and canary.share,
        "by": canary and list(canary.by),
    }
    connection.execute(query("catalog/deployments", "set_canary"), {"deployment_id": deployment_id, **values})


def set_release(connection: Connection[Any], deployment_id: int, release: Release) -> None:
    """Makes a registered release the one that scores."""
    connection.execute(
        query("catalog/deployments", "set_release"),
        {
            "deployment_id": deployment_id,
            "release": release.release,
            "version": release.version,
            "runtime": release.runtime,
        },
    )


def insert_release(connection: Connection[Any], deployment_id: int, release: Release) -> None:
    """Registers a release; it scores once it is made the current one, or a canary."""
    of = {"deployment_id": deployment_id, "release": release.release}
    with connection.cursor() as cursor:
        cursor.execute(
            query("catalog/deployments", "insert_release"),
            {
                **of,
                "version": release.version,
                "former": release.former,
                "runtime": release.runtime,
                "reason": release.reason,
            },
        )
        cursor.executemany(
            query("catalog/deployments", "insert_set"),
            [
                {
                    **of,
                    "position": position,
                    "feature_set": read.feature_set,
                    "max_age_seconds": None if read.max_age is None else read.max_age.total_seconds(),
                    "version_column": read.version_column,
                }
                for position, read in enumerate(release.sets, start=1)
            ],
        )
        cursor.executemany(
            query("catalog/deployments", "insert_input"),
            [
                {
                    **of,
                    "position": position,
                    "name": given.name,
                    "type": given.type,
                    "feature_id": given.feature_id,
                    "default_value": given.default_value,
                    "column_name": given.column_name,
                }
                for position, given in enumerate(release.inputs, start=1)
            ],
        )


def delete_deployment(connection: Connection[Any], deployment_id: int) -> None:
    """Removes a deployment and its releases from the catalog; its events stay."""
    connection.execute(query("catalog/deployments", "delete_deployment"), {"deployment_id": deployment_id})


def insert_event(connection: Connection[Any], deployment: str, action: str, model: str, version: int) -> None:
    """Notes what happened, by one of the actions that fsdb.deployment_events knows."""
    connection.execute(
        query("catalog/deployments", "insert_event"),
        {"deployment": deployment, "action": action, "model": model, "version": version},
    )
    logger.info("Deployment %s: %s, version %s of model %s.", deployment, action, version, model)


def list_events(connection: Connection[Any], deployment: str) -> list[dict[str, Any]]:
    """What happened to a deployment of that name, oldest first: at, action, model, version, by."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query("catalog/deployments", "list_events"), {"deployment": deployment}).fetchall()


def using_feature(connection: Connection[Any], feature_id: int) -> list[str]:
    """Names of the deployments that look a feature up now."""
    return _names(connection, "using_feature", {"feature_id": feature_id})


def using_set(connection: Connection[Any], feature_set: str, current: bool) -> list[str]:
    """Names of the deployments that look a feature set up: now (`current`), or in any release they have had."""
    return _names(connection, "using_set", {"feature_set": feature_set, "current": current})


def using_version(connection: Connection[Any], model: str, version: int, runtime: str) -> list[str]:
    """Names of the deployments that score or have scored with a model version in a runtime."""
    return _names(connection, "using_version", {"model": model, "version": version, "runtime": runtime})


def _names(connection: Connection[Any], text: str, values: dict[str, Any]) -> list[str]:
    return [row[0] for row in connection.execute(query("catalog/deployments", text), values).fetchall()]


def _read(connection: Connection[Any], name: str | None) -> list[RegisteredDeployment]:
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(query("catalog/deployments", "list_deployments"), {"name": name}).fetchall()
        return [_deployment(connection, row) for row in rows]


def _deployment(connection: Connection[Any], row: dict[str, Any]) -> RegisteredDeployment:
    release, share, by = (row.pop(f"canary_{part}") for part in ("release", "share", "by"))
    canary = None if release is None else Canary(release, share, tuple(by))
    return RegisteredDeployment(**row, canary=canary, releases=_releases(connection, row["deployment_id"]))


def _releases(connection: Connection[Any], deployment_id: int) -> dict[int, Release]:
    of = {"deployment_id": deployment_id}
    with connection.cursor(row_factory=dict_row) as cursor:
        releases = cursor.execute(query("catalog/deployments", "list_releases"), of).fetchall()
        inputs = cursor.execute(query("catalog/deployments", "list_inputs"), of).fetchall()
        sets = cursor.execute(query("catalog/deployments", "list_sets"), of).fetchall()
    return {
        row["release"]: Release(**row, inputs=_inputs(inputs, row["release"]), sets=_sets(sets, row["release"]))
        for row in releases
    }


def _inputs(rows: Sequence[dict[str, Any]], release: int) -> tuple[ReleaseInput, ...]:
    for row in rows:
        read_type(row["type"], f"input {row['name']} of a deployment")
    return tuple(
        ReleaseInput(**{name: value for name, value in row.items() if name != "release"})
        for row in rows
        if row["release"] == release
    )


def _sets(rows: Sequence[dict[str, Any]], release: int) -> tuple[ReleaseSet, ...]:
    return tuple(
        ReleaseSet(
            row["feature_set"],
            None if row["max_age_seconds"] is None else timedelta(seconds=row["max_age_seconds"]),
            row["version_column"],
            row["computed"],
        )
        for row in rows
        if row["release"] == release
    )
