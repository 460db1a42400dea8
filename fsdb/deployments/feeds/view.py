"""The view of a source's rows with their newest predictions."""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from psycopg import Connection, errors
from psycopg.sql import Composed, Identifier, Literal

from fsdb.catalog.deployments import RegisteredDeployment
from fsdb.catalog.feeds import Feed
from fsdb.deployments import table as model_table
from fsdb.deployments.feeds.objects import VIEWED, listed
from fsdb.deployments.feeds.plans import at, plan_for
from fsdb.errors import ChangeRefused
from fsdb.history.status import State
from fsdb.sql import joined, query

FILE = "deployments/feeds"


def make_view(connection: Connection[Any], deployed: RegisteredDeployment, feed: Feed) -> None:
    state = view_state(connection, deployed, feed)
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


def view_state(
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


def _replace_view(connection: Connection[Any], view: Identifier, statement: Composed, feed: Feed) -> None:
    try:
        with connection.transaction():
            connection.execute(query(FILE, "drop_view", view=view))
            connection.execute(statement)
    except errors.DependentObjectsStillExist as error:
        raise ChangeRefused(
            f"View {feed.view_name} must be made again, but other objects use it ({error.diag.message_detail}): drop these first."
        ) from error


def _view(
    connection: Connection[Any], deployed: RegisteredDeployment, feed: Feed, found: Mapping[str, str] | None = None
) -> Composed:
    plan = plan_for(connection, deployed, feed, found)
    columns = model_table.columns(connection, at(deployed, feed.source_schema, feed.source_table))
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


def _fingerprint(statement: Composed) -> str:
    return hashlib.sha256(statement.as_string().encode()).hexdigest()[:12]
