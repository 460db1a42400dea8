"""Attaching a model to an application's table: its rows are scored as they come and, by choice, as they or their features change."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from psycopg import Connection, errors
from psycopg.sql import Composable, Composed, Identifier, Literal

from fsdb import locks
from fsdb.access import foreign_code
from fsdb.access.giving import give
from fsdb.catalog import deployments as deployments_catalog
from fsdb.catalog import feeds as catalog
from fsdb.catalog.deployments import RegisteredDeployment
from fsdb.catalog.feeds import Feed
from fsdb.definitions import NAME
from fsdb.deployments import table as model_table
from fsdb.deployments.binding import RECORDED, widest
from fsdb.deployments.bulk import record_together
from fsdb.deployments.deployments import deploy
from fsdb.deployments.feeds import feed as feeds
from fsdb.deployments.feeds import sources
from fsdb.deployments.feeds.fitting import check_columns_can_show, wanted_inputs
from fsdb.deployments.feeds.objects import Plan
from fsdb.deployments.feeds.plans import plan_of, shown_columns
from fsdb.deployments.feeds.sources import Source
from fsdb.errors import ChangeRefused, InvalidData, InvalidDefinition
from fsdb.sql import joined, query, with_values
from fsdb.types import type_sql

FILE = feeds.FILE
ON_UPDATE = ("inputs", "features")
PAGES = 200  # of the source, a batch of a backfill

Progress = Callable[[int, int], None]


def attach(
    connection: Connection[Any],
    model: str,
    table: str,
    version: int | str | None = None,
    predictions: str | None = None,
    inputs: Mapping[str, str] | None = None,
    columns: bool = False,
    backfill: bool = False,
    on_update: Sequence[str] = ON_UPDATE,
    runtime: str = "auto",
    on_error: str = "reject",
    progress: Progress | None = None,
) -> RegisteredDeployment:
    """Scores the rows of an application's table ("table" or "schema.table"), which has a primary key.

    Each prediction is a row of the model table `predictions`, `<table>_predictions` where left out, with the primary key of the row
    that it is of; keys and request inputs are the columns of the same names, or those that `inputs` maps them to. An inserted
    row is scored in its statement. on_update: with "inputs", a row whose keys or inputs change is scored again, with "features"
    also one that is looked up by a key whose features change; each time a further record is made. columns: the application's table gets
    columns with the newest prediction, which RETURNING shows; else a view `<table>_scored` has it. backfill: rows that are there
    are scored, in this transaction; `progress` is called with the pages done and all. runtime, on_error: as `deploy`; with "reject" a row
    that cannot be scored fails the application's statement.

    Raises UnknownName, InvalidDefinition for unknown options, ChangeRefused where the table lacks a column that the model takes
    or has it in a type that does not fit, and as `deploy`.
    """
    for wish in on_update:
        if wish not in ON_UPDATE:
            raise InvalidDefinition(f"on_update cannot have {wish!r}: use some of {', '.join(map(repr, ON_UPDATE))}.")
    with connection.transaction():
        deployments_catalog.lock(connection)
        source = sources.read_source(connection, table)
        _check_rights(source, columns, "features" in on_update)
        doing = f"Attaching a model to {source.shown}"
        foreign_code.refuse(connection, source.schema, source.name, doing, writes=columns)
        records = predictions or _records_name(source)
        if deployments_catalog.find_deployment(connection, records) is not None:
            raise ChangeRefused(
                f"{records} is a deployment already: name another table for the predictions with predictions=, or undeploy it first."
            )
        if backfill and connection.execute(query(FILE, "isolation")).fetchone() != ("read committed",):
            raise ChangeRefused(
                f"Scoring the rows of {source.shown} needs isolation level read committed: this transaction's snapshot may lack rows."
            )
        deployed = deploy(connection, model, records, version, runtime, on_error)
        named = {_column(deployed, name): column for name, column in (inputs or {}).items()}
        feed = _feed(connection, deployed, source, named, columns, on_update)
        catalog.insert_feed(connection, feed)
        try:
            locks.take(connection, feeds.locks(connection, deployed, model_table.columns(connection, deployed)))
            feeds.add_links(connection, deployed, feed, source.columns)
            feeds.settle(connection, deployed)
            give(connection)
        except errors.InsufficientPrivilege as error:
            raise ChangeRefused(
                f"Attaching a model to {source.shown} needs more rights than this role has ({error.diag.message_primary}): "
                "attach as the owner of the table."
            ) from error
        deployments_catalog.insert_event(connection, deployed.name, "attach", model, deployed.version)
        if backfill:
            _backfill(connection, deployed, source, progress)
        return deployed


def _check_rights(source: Source, columns: bool, on_features: bool) -> None:
    needed = ["TRIGGER", "SELECT", *(["UPDATE"] if on_features else [])]
    lacking = [right for right in needed if right in source.lacking]
    if lacking or (columns and not source.owned):
        what = f"the right to {' and '.join(lacking)}" if lacking else "to be its owner, to add columns"
        raise ChangeRefused(
            f"Attaching a model to {source.shown} needs {what}: attach as the owner of the table, or have it granted."
        )


def _records_name(source: Source) -> str:
    name = f"{source.name}_predictions"
    for part in (source.schema, name):
        if not NAME.fullmatch(part):
            raise InvalidDefinition(
                f"{source.schema}.{source.name} does not lead to a valid name for the table of its predictions: choose one, such as "
                "predictions='order_predictions'."
            )
    return name if source.schema == "public" else f"{source.schema}.{name}"


def _column(deployed: RegisteredDeployment, name: str) -> str:
    """The model table's column for an input: of another name where no column can have its own."""
    columns = {given.name: given.column for of in deployed.scoring for given in of.inputs if given.feature_id is None}
    return columns.get(name, name)


def _feed(
    connection: Connection[Any],
    deployed: RegisteredDeployment,
    source: Source,
    inputs: Mapping[str, str],
    shown: bool,
    on_update: Sequence[str],
) -> Feed:
    taker = f"Version {deployed.version} of model {deployed.model}"
    wanted = wanted_inputs(connection, deployed)
    given = sources.checked_inputs(source, wanted, inputs, taker)
    view = None
    if shown:
        check_columns_can_show(deployed, source, given)
        for name in shown_columns(connection, deployed):
            if name in source.columns:
                raise ChangeRefused(
                    f"Table {source.shown} has a column {name!r} of its own, where its prediction would be: attach without columns=True, "
                    "or rename it."
                )
    else:
        view = f"{deployed.table_name.removesuffix('_predictions')}_scored"
    taken = {*RECORDED, *wanted, *model_table.columns(connection, deployed)}
    links: dict[str, str] = {}
    for column in source.key:
        shared = given.get(column) == column and widest(source.columns[column]) == wanted[column]
        links[column if shared else _link_name(column, source, {*taken, *links})] = column
    return Feed(
        deployed.deployment_id,
        "attached",
        source.schema,
        source.name,
        links,
        dict(inputs),
        "inputs" in on_update,
        "features" in on_update,
        tuple(shown_columns(connection, deployed)) if shown else (),
        view,
    )


def _link_name(column: str, source: Source, taken: set[str]) -> str:
    """What the model table calls a column of the source's primary key: as it is, or with the source's name before it."""
    name, attempt = column, 1
    while name in taken:
        name = f"{source.name}_{column}"[:55] + (f"_{attempt}" if attempt > 1 else "")
        attempt += 1
    return name


def _backfill(
    connection: Connection[Any], deployed: RegisteredDeployment, source: Source, progress: Progress | None
) -> None:
    """A record of each row that the source has, page by page in batches; the source is locked, so none comes meanwhile."""
    plan = plan_of(connection, deployed)
    text = "backfill_shown" if plan.feed.result_columns else "backfill"
    row = connection.execute(query(FILE, "pages", name=Literal(source.table.as_string()))).fetchone()
    assert row is not None
    pages = int(row[0])
    for first in range(0, pages, PAGES):
        bounds: dict[str, Composable] = {"first": Literal(f"({first},0)"), "beyond": Literal(f"({first + PAGES},0)")}
        on_pages = query(FILE, "on_pages", **bounds)
        if not _recorded_together(connection, deployed, plan, on_pages):
            connection.execute(query(FILE, text, on_pages=on_pages, **plan.parts))
        if progress is not None:
            progress(min(first + PAGES, pages), pages)


def _recorded_together(
    connection: Connection[Any], deployed: RegisteredDeployment, plan: Plan, on_pages: Composed
) -> bool:
    """Whether the rows on some pages could be scored all at once, outside of the server.

    The trigger takes them otherwise: it says what is wrong with a row that cannot be scored, as it does with one that is inserted.
    """
    shown = bool(plan.feed.result_columns)
    types = model_table.columns(connection, deployed)
    typed = [
        query(FILE, "typed", value=Identifier("a", column), type=type_sql(types[name]), name=Identifier(name))
        for name, column in plan.values.items()
    ]
    text = "backfill_rows_shown" if shown else "backfill_rows"
    rows = query(FILE, text, on_pages=on_pages, a_typed=joined(typed), **plan.parts)
    try:
        with connection.transaction():
            made = record_together(connection, deployed, rows.as_string(connection))
    except InvalidData:
        return False
    if made is None:
        return False
    if shown:
        numbers = made.column("prediction_id").to_pylist()
        connection.execute(with_values(query(FILE, "show_made", **plan.parts)), {"made": numbers})
    return True
