"""Feeds: what makes rows of a model table out of the rows of another table, kept in line with the deployment that they feed."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from psycopg import Connection, errors
from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from fsdb.catalog import feeds as catalog
from fsdb.catalog.deployments import RegisteredDeployment
from fsdb.catalog.feeds import Feed
from fsdb.config import MODEL_SCHEMA
from fsdb.deployments import objects
from fsdb.deployments import table as model_table
from fsdb.deployments.feeds.fitting import check, check_shadow, unfit
from fsdb.deployments.feeds.objects import Placed, Plan, compile_feed, function_pattern, listed
from fsdb.deployments.feeds.plans import at, collations, plan_for
from fsdb.deployments.feeds.view import make_view, view_state
from fsdb.errors import ChangeRefused, FsdbError
from fsdb.history.status import ObjectStatus, State
from fsdb.locks import Mode, Relation
from fsdb.sql import query
from fsdb.types import type_sql

FILE = "deployments/feeds"


def settle(connection: Connection[Any], deployed: RegisteredDeployment) -> None:
    """Makes the feed's objects as the releases that score now need them, and removes what they need no more.

    To be called wherever the scoring of a deployment was changed, under `locks`; a deployment without a feed is left as it is. Raises ChangeRefused where the source lacks an input that a release takes, or
    this table one that its shadow takes.
    """
    feed = catalog.find_feed(connection, deployed.deployment_id)
    check_shadow(connection, deployed)
    if feed is None:
        return
    if feed.active:
        check(connection, deployed, feed)
    plan = plan_for(connection, deployed, feed)
    if feed.result_columns:
        plan = _with_columns(connection, plan)
    wanted = compile_feed(plan)
    _drop_objects(connection, deployed, keep=wanted)
    for placed in wanted:
        if _state(connection, deployed, placed) != "installed":
            _install(connection, placed)
    if feed.view_name is not None:
        make_view(connection, deployed, feed)


def locks(
    connection: Connection[Any], deployed: RegisteredDeployment, columns: Mapping[str, str]
) -> dict[Relation, Mode]:
    """The locks that `settle` needs; columns: what the model table will have by then.

    The tables whose triggers are the feed's are locked where anything of it changes, so that no statement runs by the former functions
    meanwhile; the strongest lock is for a trigger that goes, columns that come, and a view that is replaced.
    """
    feed = catalog.find_feed(connection, deployed.deployment_id)
    if feed is None:
        return {}
    plan = plan_for(connection, deployed, feed, columns)
    wanted = compile_feed(plan)
    needed: dict[Relation, Mode] = {}
    if any(_state(connection, deployed, placed) != "installed" for placed in wanted):
        needed = {placed.table: Mode.SHARE_ROW_EXCLUSIVE for placed in wanted if placed.table is not None}
    for _, table, _ in _superfluous(connection, deployed, wanted):
        needed[table] = Mode.ACCESS_EXCLUSIVE
    if feed.result_columns and not set(plan.shown) <= set(
        model_table.columns(connection, at(deployed, feed.source_schema, feed.source_table))
    ):
        needed[feed.source_schema, feed.source_table] = Mode.ACCESS_EXCLUSIVE
    if feed.view_name is not None and view_state(connection, deployed, feed, columns) == "outdated":
        needed[deployed.schema_name, feed.view_name] = Mode.ACCESS_EXCLUSIVE
    return needed


def tables(connection: Connection[Any], deployed: RegisteredDeployment) -> list[Relation]:
    """The tables that have triggers of the feed."""
    return [table for _, table, _ in _superfluous(connection, deployed, ())]


def removal_locks(connection: Connection[Any], deployed: RegisteredDeployment) -> dict[Relation, Mode]:
    """The locks that `remove` needs: on what has triggers or columns of the feed, and on its view."""
    feed = catalog.find_feed(connection, deployed.deployment_id)
    if feed is None:
        return {}
    needed = {table: Mode.ACCESS_EXCLUSIVE for _, table, _ in _superfluous(connection, deployed, ())}
    if feed.result_columns:
        needed[feed.source_schema, feed.source_table] = Mode.ACCESS_EXCLUSIVE
    if feed.view_name is not None:
        needed[deployed.schema_name, feed.view_name] = Mode.ACCESS_EXCLUSIVE
    return needed


def remove(connection: Connection[Any], deployed: RegisteredDeployment) -> None:
    """Removes a feed's triggers, functions, view and columns; the records stay. Raises ChangeRefused where others use them."""
    feed = catalog.find_feed(connection, deployed.deployment_id)
    if feed is None:
        return
    _drop_objects(connection, deployed, keep=())
    try:
        with connection.transaction():
            if feed.view_name is not None:
                connection.execute(query(FILE, "drop_view", view=Identifier(deployed.schema_name, feed.view_name)))
            if model_table.columns(connection, at(deployed, feed.source_schema, feed.source_table)):
                for column in feed.result_columns:
                    connection.execute(query(FILE, "drop_result", source=feed.source, column=Identifier(column)))
    except errors.DependentObjectsStillExist as error:
        raise ChangeRefused(
            f"The view or columns with the predictions of {deployed.name} are used by other objects ({error.diag.message_detail}): drop these first."
        ) from error


def status(connection: Connection[Any], deployed: RegisteredDeployment) -> list[ObjectStatus]:
    """How the objects of a deployment's feed stand; nothing where it has none."""
    feed = catalog.find_feed(connection, deployed.deployment_id)
    if feed is None:
        return []
    try:
        wanted = compile_feed(plan_for(connection, deployed, feed))
    except FsdbError:
        return [ObjectStatus(feed.source_name, "table", "outdated")]
    found = [
        ObjectStatus(placed.generated.name, placed.generated.kind, _state(connection, deployed, placed))
        for placed in wanted
    ]
    if not model_table.columns(connection, at(deployed, feed.source_schema, feed.source_table)):
        return [ObjectStatus(feed.source_name, "table", "missing"), *found]
    problem = unfit(connection, deployed, feed) if feed.active else None
    if problem is not None:
        found.insert(0, ObjectStatus(feed.source_name, "table", "unfit", (problem,)))
    if feed.view_name is not None:
        found.append(ObjectStatus(feed.view_name, "view", view_state(connection, deployed, feed)))
    return found


def add_links(
    connection: Connection[Any], deployed: RegisteredDeployment, feed: Feed, types: Mapping[str, str]
) -> None:
    """Adds the columns that tell which row of the source a prediction is of, with their index; the table is empty.

    types: of the source's columns.
    """
    found = model_table.columns(connection, deployed)
    collated = collations(connection, feed.source_schema, feed.source_table)
    for name, column in feed.links.items():
        if name not in found:
            collation = query(FILE, "collation", collation=collated[column]) if column in collated else SQL("")
            parts = {"table": deployed.table, "column": Identifier(name), "collation": collation}
            connection.execute(_typed("add_link", types[column], **parts))
            comment = Literal(f"Which row of {feed.source_name} the prediction is of.")
            connection.execute(
                query(FILE, "comment_link", table=deployed.table, column=Identifier(name), comment=comment)
            )
    connection.execute(query(FILE, "link_index", table=deployed.table, links=listed(feed.links)))


def _with_columns(connection: Connection[Any], plan: Plan) -> Plan:
    """Adds to the source the columns that show predictions, as far as they are not there."""
    feed = plan.feed
    present = model_table.columns(connection, at(plan.deployed, feed.source_schema, feed.source_table))
    types = model_table.columns(connection, plan.deployed)
    for name in plan.shown:
        if name in feed.result_columns and name in present:
            continue
        if name in present:
            raise ChangeRefused(
                f"Table {feed.source_name} has a column {name!r} of its own: attach without columns=True, or rename it."
            )
        connection.execute(_typed("add_result", types[name], source=feed.source, column=Identifier(name)))
        comment = Literal(f"Of the newest prediction in {plan.deployed.name}; written by fsdb.")
        connection.execute(query(FILE, "comment_result", source=feed.source, column=Identifier(name), comment=comment))
    catalog.set_result_columns(connection, plan.deployed.deployment_id, list(plan.shown))
    return replace(plan, feed=replace(feed, result_columns=tuple(plan.shown)))


def _install(connection: Connection[Any], placed: Placed) -> None:
    if placed.table is None:
        objects.install(connection, placed.generated)
        objects.revoke(connection, placed.generated.name)
    else:
        objects.install(connection, placed.generated, Identifier(*placed.table))


def _drop_objects(connection: Connection[Any], deployed: RegisteredDeployment, keep: Iterable[Placed]) -> None:
    """Drops the feed's triggers and functions but those to keep."""
    keep = list(keep)
    for trigger, (schema, table), _ in _superfluous(connection, deployed, keep):
        parts = {"trigger": Identifier(trigger), "table": Identifier(schema, table)}
        connection.execute(query(FILE, "drop_trigger", **parts))
    kept = {placed.generated.name for placed in keep if placed.table is None}
    for function in sorted({function for function, *_ in _installed(connection, deployed)} - kept):
        objects.drop_function(connection, function)


def _superfluous(
    connection: Connection[Any], deployed: RegisteredDeployment, keep: Iterable[Placed]
) -> list[tuple[str, Relation, str]]:
    """Triggers of the feed that are not to be kept, with their tables and functions."""
    kept = {(placed.table, placed.generated.name) for placed in keep}
    return [
        (trigger, (schema, table), function)
        for function, schema, table, trigger in _installed(connection, deployed)
        if trigger is not None and ((schema, table), trigger) not in kept
    ]


def _installed(connection: Connection[Any], deployed: RegisteredDeployment) -> list[tuple[str, str, str, str | None]]:
    of_feed = {"models": MODEL_SCHEMA, "pattern": function_pattern(deployed.deployment_id)}
    return connection.execute(query(FILE, "installed"), of_feed).fetchall()


def _state(connection: Connection[Any], deployed: RegisteredDeployment, placed: Placed) -> State:
    of = deployed if placed.table is None else at(deployed, *placed.table)
    (found,) = objects.states(connection, of, [placed.generated])
    return found.state


def _typed(text: str, kind: str, **parts: Composable) -> Composed:
    return query(FILE, text, type=type_sql(kind), **parts)
