"""What a deployment is fed by, as it is compiled."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from psycopg import Connection
from psycopg.sql import Identifier

from fsdb.catalog import feeds as catalog
from fsdb.catalog.deployments import RegisteredDeployment
from fsdb.catalog.feeds import Feed
from fsdb.catalog.readable import readable_sets
from fsdb.deployments import table as model_table
from fsdb.deployments.feeds.objects import SHOWN, Plan
from fsdb.sql import query

FILE = "deployments/feeds"


def plan_of(connection: Connection[Any], deployed: RegisteredDeployment) -> Plan:
    """What a deployment is fed by, with the values of its columns."""
    feed = catalog.find_feed(connection, deployed.deployment_id)
    assert feed is not None
    return plan_for(connection, deployed, feed)


def plan_for(
    connection: Connection[Any], deployed: RegisteredDeployment, feed: Feed, found: Mapping[str, str] | None = None
) -> Plan:
    collated = collations(connection, feed.source_schema, feed.source_table)
    return Plan(deployed, feed, readable_sets(connection), shown_columns(connection, deployed, found), collated)


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


def at(deployed: RegisteredDeployment, schema: str, table: str) -> RegisteredDeployment:
    """The deployment as if that table were its own: where columns or triggers of another table are asked for."""
    return replace(deployed, schema_name=schema, table_name=table)
