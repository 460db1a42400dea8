"""Whether a source has what the releases take."""

from dataclasses import replace
from typing import Any

from psycopg import Connection

from fsdb.catalog import feeds as catalog
from fsdb.catalog.deployments import RegisteredDeployment, get_deployment
from fsdb.catalog.feeds import Feed
from fsdb.catalog.readable import readable_sets
from fsdb.deployments import table as model_table
from fsdb.deployments.binding import table_columns
from fsdb.deployments.feeds.sources import Source, checked_inputs, fits, read_source
from fsdb.errors import ChangeRefused, FsdbError
from fsdb.history.live import Problem


def wanted_inputs(connection: Connection[Any], deployed: RegisteredDeployment) -> dict[str, str]:
    """The keys and request inputs, with their types, of all releases that score now."""
    sets = readable_sets(connection)
    return {name: kind for release in deployed.scoring for name, kind in table_columns(release, sets).items()}


def check(connection: Connection[Any], deployed: RegisteredDeployment, feed: Feed) -> None:
    """That the source has what the releases take."""
    source, advice = read_source(connection, f"{feed.source_schema}.{feed.source_table}"), None
    if feed.shadow_of is not None:
        live = get_deployment(connection, catalog.deployment_name(connection, feed.shadow_of))
        given = _given(connection, live)
        source = replace(source, columns={name: kind for name, kind in source.columns.items() if name in given})
        advice = f"deploy that version in place of {live.name}'s, or shadow one that takes what {live.name} is given"
    for column in feed.links.values():
        if column not in source.columns and feed.shadow_of is None:
            raise ChangeRefused(
                f"Table {source.shown} has no column {column!r}, by which the predictions of {deployed.name} find its rows: rename it back, "
                f"or undeploy {deployed.name} and attach the model again."
            )
    _check_links(connection, deployed, feed, source)
    wanted = wanted_inputs(connection, deployed)
    named = {name: column for name, column in feed.inputs.items() if name in wanted}
    taker = f"Version {deployed.version} of model {deployed.model}"
    columns = checked_inputs(source, wanted, named, taker, advice)
    if feed.result_columns:
        check_columns_can_show(deployed, source, columns)


def _check_links(connection: Connection[Any], deployed: RegisteredDeployment, feed: Feed, source: Source) -> None:
    """That the table of predictions keeps every value by which a prediction finds its row."""
    kept = model_table.columns(connection, deployed)
    for name, column in feed.links.items():
        found = source.columns.get(column)
        if found is not None and name in kept and found != kept[name] and not fits(found, kept[name], exactly=True):
            raise ChangeRefused(
                f"Column {column!r} of {source.shown}, by which the predictions of {deployed.name} find its rows, is {found}, not {kept[name]}: "
                f"make it {kept[name]} again, or undeploy {deployed.name} and attach the model again."
            )


def unfit(connection: Connection[Any], deployed: RegisteredDeployment, feed: Feed) -> Problem | None:
    """What the source lacks now of what the releases take; None where it has all of it."""
    try:
        check(connection, deployed, feed)
    except FsdbError as error:
        said, _, advice = str(error).rstrip(".").partition(": ")
        return Problem("standing", said, advice, f"until then writes of {feed.source_name} fail; {advice}")
    return None


def check_shadow(connection: Connection[Any], live: RegisteredDeployment) -> None:
    """That a deployment's shadow, if it has one, still finds what it takes."""
    shadow = catalog.find_shadow(connection, live.deployment_id)
    if shadow is not None and shadow.active:
        check(connection, get_deployment(connection, catalog.deployment_name(connection, shadow.deployment_id)), shadow)


def check_columns_can_show(deployed: RegisteredDeployment, source: Source, columns: dict[str, str]) -> None:
    """Raises ChangeRefused where rows cannot have their predictions when they are inserted."""
    for column in columns.values():
        if column in source.generated:
            raise ChangeRefused(
                f"Column {column!r} of {source.shown} is generated after the row is scored if columns=True: attach without columns=True."
            )
    if any(release.runtime == "worker" for release in deployed.scoring):
        raise ChangeRefused(
            f"The runtime worker predicts after a row is inserted, so columns of {source.shown} cannot show it: attach without columns=True, "
            "and read the view."
        )


def _given(connection: Connection[Any], live: RegisteredDeployment) -> set[str]:
    """The columns of a model table that its rows come with: from the application, or from what feeds it."""
    if catalog.find_feed(connection, live.deployment_id) is not None:
        return set(wanted_inputs(connection, live))
    return set(model_table.columns(connection, live)) - set(model_table.recorded_columns(connection, live))
