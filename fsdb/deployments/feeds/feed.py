"""Feeds: what makes rows of a model table out of the rows of another table, kept in line with the deployment that they feed."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from psycopg import Connection, errors
from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from fsdb.catalog import feeds as catalog
from fsdb.catalog.deployments import RegisteredDeployment, get_deployment
from fsdb.catalog.feature_sets import list_sets
from fsdb.catalog.feeds import Feed
from fsdb.config import MODEL_SCHEMA
from fsdb.deployments import objects
from fsdb.deployments import table as model_table
from fsdb.deployments.binding import table_columns
from fsdb.deployments.feeds.objects import SHOWN, VIEWED, Placed, Plan, compile_feed, function_pattern, listed
from fsdb.deployments.feeds.sources import Source, checked_inputs, read_source
from fsdb.errors import ChangeRefused, FsdbError
from fsdb.history.live import Problem
from fsdb.history.status import ObjectStatus, State
from fsdb.locks import Mode, Relation
from fsdb.sql import joined, query
from fsdb.types import type_sql

FILE = "deployments/feeds"


def settle(connection: Connection[Any], deployed: RegisteredDeployment) -> None:
    """Makes the feed's objects as the releases that score now need them, and removes what they need no more.

    To be called wherever the scoring of a deployment was changed, under `locks`; a deployment without a feed is left as it is. Raises ChangeRefused where the source lacks an input that a release takes, or
    this table one that its shadow takes.
    """
    feed = catalog.find_feed(connection, deployed.deployment_id)
    _check_shadow(connection, deployed)
    if feed is None:
        return
    if feed.active:
        _check(connection, deployed, feed)
    plan = _plan(connection, deployed, feed)
    if feed.result_columns:
        plan = _with_columns(connection, plan)
    wanted = compile_feed(plan)
    _drop_objects(connection, deployed, keep=wanted)
    for placed in wanted:
        if _state(connection, deployed, placed) != "installed":
            _install(connection, placed)
    if feed.view_name is not None:
        _make_view(connection, deployed, feed)


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
    plan = _plan(connection, deployed, feed, columns)
    wanted = compile_feed(plan)
    needed: dict[Relation, Mode] = {}
    if any(_state(connection, deployed, placed) != "installed" for placed in wanted):
        needed = {placed.table: Mode.SHARE_ROW_EXCLUSIVE for placed in wanted if placed.table is not None}
    for _, table, _ in _superfluous(connection, deployed, wanted):
        needed[table] = Mode.ACCESS_EXCLUSIVE
    if feed.result_columns and not set(plan.shown) <= set(
        model_table.columns(connection, _at(deployed, feed.source_schema, feed.source_table))
    ):
        needed[feed.source_schema, feed.source_table] = Mode.ACCESS_EXCLUSIVE
    if feed.view_name is not None and _view_state(connection, deployed, feed, columns) == "outdated":
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
            if model_table.columns(connection, _at(deployed, feed.source_schema, feed.source_table)):
                for column in feed.result_columns:
                    connection.execute(query(FILE, "drop_result", source=feed.source, column=Identifier(column)))
    except errors.DependentObjectsStillExist as error:
        raise ChangeRefused(
            f"What shows the predictions of {deployed.name} is used by other objects ({error.diag.message_detail}): drop these first."
        ) from error


def status(connection: Connection[Any], deployed: RegisteredDeployment) -> list[ObjectStatus]:
    """How the objects of a deployment's feed stand; nothing where it has none."""
    feed = catalog.find_feed(connection, deployed.deployment_id)
    if feed is None:
        return []
    try:
        wanted = compile_feed(_plan(connection, deployed, feed))
    except FsdbError:
        return [ObjectStatus(feed.source_name, "table", "outdated")]
    found = [
        ObjectStatus(placed.generated.name, placed.generated.kind, _state(connection, deployed, placed))
        for placed in wanted
    ]
    if not model_table.columns(connection, _at(deployed, feed.source_schema, feed.source_table)):
        return [ObjectStatus(feed.source_name, "table", "missing"), *found]
    unfit = _unfit(connection, deployed, feed) if feed.active else None
    if unfit is not None:
        found.insert(0, ObjectStatus(feed.source_name, "table", "unfit", (unfit,)))
    if feed.view_name is not None:
        found.append(ObjectStatus(feed.view_name, "view", _view_state(connection, deployed, feed)))
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


def collations(connection: Connection[Any], schema: str, table: str) -> dict[str, Identifier]:
    """The columns of a table that have a collation of their own, with it."""
    rows = connection.execute(query(FILE, "collations"), {"schema": schema, "table": table}).fetchall()
    return {column: Identifier(*collation) for column, *collation in rows}


def shown_columns(
    connection: Connection[Any], deployed: RegisteredDeployment, found: Mapping[str, str] | None = None
) -> list[str]:
    """What rows of a source show of their predictions, where columns are added for that; found: the model table's columns."""
    found = model_table.columns(connection, deployed) if found is None else found
    return [name for name in SHOWN if name in found]


def plan_of(connection: Connection[Any], deployed: RegisteredDeployment) -> Plan:
    """What a deployment is fed by, with the values of its columns."""
    feed = catalog.find_feed(connection, deployed.deployment_id)
    assert feed is not None
    return _plan(connection, deployed, feed)


def wanted_inputs(connection: Connection[Any], deployed: RegisteredDeployment) -> dict[str, str]:
    """The keys and request inputs, with their types, of all releases that score now."""
    sets = list_sets(connection)
    return {name: kind for release in deployed.scoring for name, kind in table_columns(release, sets).items()}


def _plan(
    connection: Connection[Any], deployed: RegisteredDeployment, feed: Feed, found: Mapping[str, str] | None = None
) -> Plan:
    collated = collations(connection, feed.source_schema, feed.source_table)
    return Plan(deployed, feed, list_sets(connection), shown_columns(connection, deployed, found), collated)


def _check(connection: Connection[Any], deployed: RegisteredDeployment, feed: Feed) -> None:
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
    wanted = wanted_inputs(connection, deployed)
    named = {name: column for name, column in feed.inputs.items() if name in wanted}
    taker = f"Version {deployed.version} of model {deployed.model}"
    columns = checked_inputs(source, wanted, named, taker, advice)
    if feed.result_columns:
        check_columns_can_show(deployed, source, columns)


def _unfit(connection: Connection[Any], deployed: RegisteredDeployment, feed: Feed) -> Problem | None:
    """What the source lacks now of what the releases take; None where it has all of it."""
    try:
        _check(connection, deployed, feed)
    except FsdbError as error:
        said, _, advice = str(error).rstrip(".").partition(": ")
        return Problem("standing", said, advice, f"until then writes of {feed.source_name} fail; {advice}")
    return None


def _check_shadow(connection: Connection[Any], live: RegisteredDeployment) -> None:
    """That a deployment's shadow, if it has one, still finds what it takes."""
    shadow = catalog.find_shadow(connection, live.deployment_id)
    if shadow is not None and shadow.active:
        _check(
            connection, get_deployment(connection, catalog.deployment_name(connection, shadow.deployment_id)), shadow
        )


def _given(connection: Connection[Any], live: RegisteredDeployment) -> set[str]:
    """The columns of a model table that its rows come with: from the application, or from what feeds it."""
    if catalog.find_feed(connection, live.deployment_id) is not None:
        return set(wanted_inputs(connection, live))
    return set(model_table.columns(connection, live)) - set(model_table.recorded_columns(connection, live))


def check_columns_can_show(deployed: RegisteredDeployment, source: Source, columns: dict[str, str]) -> None:
    """Raises ChangeRefused where rows cannot have their predictions when they are inserted."""
    for column in columns.values():
        if column in source.generated:
            raise ChangeRefused(
                f"Column {column!r} of {source.shown} is generated, after the row is scored where columns=True: attach without it."
            )
    if any(release.runtime == "worker" for release in deployed.scoring):
        raise ChangeRefused(
            f"The runtime worker predicts after a row is inserted, so columns of {source.shown} cannot show it: attach without columns=True, "
            "and read the view."
        )


def _with_columns(connection: Connection[Any], plan: Plan) -> Plan:
    """Adds to the source the columns that show predictions, as far as they are not there."""
    feed = plan.feed
    present = model_table.columns(connection, _at(plan.deployed, feed.source_schema, feed.source_table))
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
    of = deployed if placed.table is None else _at(deployed, *placed.table)
    (found,) = objects.states(connection, of, [placed.generated])
    return found.state


def _at(deployed: RegisteredDeployment, schema: str, table: str) -> RegisteredDeployment:
    """The deployment as if that table were its own: where columns or triggers of another table are asked for."""
    return replace(deployed, schema_name=schema, table_name=table)


def _view(
    connection: Connection[Any], deployed: RegisteredDeployment, feed: Feed, found: Mapping[str, str] | None = None
) -> Composed:
    plan = _plan(connection, deployed, feed, found)
    columns = model_table.columns(connection, _at(deployed, feed.source_schema, feed.source_table))
    found = model_table.columns(connection, deployed) if found is None else found
    results = {name: _free(name, deployed, columns) for name in VIEWED if name in found}
    return query(
        FILE,
        "create_view",
        view=Identifier(deployed.schema_name, feed.view_name or ""),
        a_columns=listed(columns, "a"),
        results=joined([_aliased(name, shown) for name, shown in results.items()]),
        **plan.parts,
    )


def _aliased(name: str, shown: str) -> Composed:
    return query(FILE, "aliased", column=Identifier("p", name), name=Identifier(shown))


def _free(name: str, deployed: RegisteredDeployment, taken: Iterable[str]) -> str:
    """What a view calls a result: as it is, or, where the source has such a column, with the model table's name before it."""
    return name if name not in taken else f"{deployed.table_name}_{name}"


def _make_view(connection: Connection[Any], deployed: RegisteredDeployment, feed: Feed) -> None:
    state = _view_state(connection, deployed, feed)
    view = Identifier(deployed.schema_name, feed.view_name or "")
    if state == "installed":
        return
    if state == "foreign":
        raise ChangeRefused(
            f"There is already a relation {feed.view_name} that is not fsdb's, where the view of {feed.source_name} with its predictions "
            "would be: rename it, or attach with other predictions=."
        )
    statement = _view(connection, deployed, feed)
    try:
        with connection.transaction():
            connection.execute(statement)
    except (
        errors.InvalidTableDefinition
    ):  # columns of the source came, went or changed: a view takes further ones at its end alone
        _replace_view(connection, view, statement, feed)
    comment = Literal(f"fsdb {_fingerprint(statement)}: {feed.source_name} with its newest predictions.")
    connection.execute(query(FILE, "comment_view", view=view, comment=comment))


def _replace_view(connection: Connection[Any], view: Identifier, statement: Composed, feed: Feed) -> None:
    try:
        with connection.transaction():
            connection.execute(query(FILE, "drop_view", view=view))
            connection.execute(statement)
    except errors.DependentObjectsStillExist as error:
        raise ChangeRefused(
            f"View {feed.view_name} must be made anew, but other objects use it ({error.diag.message_detail}): drop these first."
        ) from error


def _view_state(
    connection: Connection[Any], deployed: RegisteredDeployment, feed: Feed, found: Mapping[str, str] | None = None
) -> State:
    named = {"schema": deployed.schema_name, "name": feed.view_name}
    row = connection.execute(query(FILE, "relation_comment"), named).fetchone()
    if row is None:
        return "missing"
    is_view, comment = row
    mark = (comment or "").partition(":")[0]
    if not is_view or not mark.startswith("fsdb "):
        return "foreign"
    return "installed" if mark == f"fsdb {_fingerprint(_view(connection, deployed, feed, found))}" else "outdated"


def _fingerprint(statement: Composed) -> str:
    return hashlib.sha256(statement.as_string().encode()).hexdigest()[:12]


def _typed(text: str, kind: str, **parts: Composable) -> Composed:
    return query(FILE, text, type=type_sql(kind), **parts)
