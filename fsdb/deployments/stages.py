"""Stages: how far a model version has come, from staging to production and the archive."""

from typing import Any

from psycopg import Connection

from fsdb.catalog import stages as catalog
from fsdb.catalog.models import ModelVersion, get_version
from fsdb.errors import InvalidDefinition, UnknownName
from fsdb.table import Table

STAGES = ("none", "staging", "production", "archived")


def set_stage(connection: Connection[Any], model: str, version: int, stage: str) -> None:
    """Puts a version into a stage. One version of a model is in production: the one that was goes to the archive.

    What is deployed stays so: deploy(version="production") takes the version that is in production then. Raises
    UnknownName, and InvalidDefinition for a stage that there is not.
    """
    if stage not in STAGES:
        raise InvalidDefinition(f"There is no stage {stage!r}: use one of {', '.join(STAGES)}.")
    with connection.transaction():
        get_version(connection, model, version)
        catalog.lock(connection)
        now = catalog.stages_of(connection, model)
        if now[version] == stage:
            return
        if stage == "production":
            for other, held in now.items():
                if held == "production":
                    catalog.insert_event(connection, model, other, "archived")
        catalog.insert_event(connection, model, version, stage)


def stages(connection: Connection[Any], model: str) -> Table:
    """The versions of a model with their stages. Raises UnknownName."""
    get_version(connection, model)
    rows = catalog.list_stages(connection, model)
    return Table.of(("version", "stage", "since", "by"), rows, f"Stages of model {model}")


def staged_version(connection: Connection[Any], model: str, version: int | str | None) -> ModelVersion:
    """A version by its number, by its stage (the newest in it), or the newest of all where None.

    Raises UnknownName where there is none.
    """
    if not isinstance(version, str):
        return get_version(connection, model, version)
    found = [number for number, stage in catalog.stages_of(connection, model).items() if stage == version]
    if version not in STAGES or not found:
        raise UnknownName(
            f"No version of model {model} is in stage {version!r}: put one there with set_stage({model!r}, version, {version!r}), or name a version's number."
        )
    return get_version(connection, model, max(found))
