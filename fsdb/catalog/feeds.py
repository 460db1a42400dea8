"""Registered feeds: the deployments whose rows come from another table. Reading them from the catalog and writing them to it."""

from dataclasses import dataclass
from typing import Any, Literal

from psycopg import Connection, sql
from psycopg.rows import dict_row

from fsdb.sql import query

FILE = "catalog/feeds"


@dataclass(frozen=True)
class Feed:
    """Makes rows of a deployment's model table out of the rows of another table, the source.

    links: column of the model table to column of the source, of what tells which source row a prediction is of. inputs: key or
    input to column of the source, where that has another name. result_columns: those added to the source.
    """

    deployment_id: int
    role: Literal["attached", "shadow"]
    source_schema: str
    source_table: str
    links: dict[str, str]
    inputs: dict[str, str]
    on_inputs: bool
    on_features: bool
    result_columns: tuple[str, ...]
    view_name: str | None
    shadow_of: int | None = None
    active: bool = True

    @property
    def source(self) -> sql.Identifier:
        """The source, quoted."""
        return sql.Identifier(self.source_schema, self.source_table)

    @property
    def source_name(self) -> str:
        """The source, for messages."""
        return self.source_table if self.source_schema == "public" else f"{self.source_schema}.{self.source_table}"


def find_feed(connection: Connection[Any], deployment_id: int) -> Feed | None:
    """The feed of a deployment, None where applications insert into its table themselves."""
    return _read(connection, deployment_id=deployment_id, shadow_of=None)


def find_shadow(connection: Connection[Any], deployment_id: int) -> Feed | None:
    """The feed of a deployment's shadow, also of a stopped one."""
    return _read(connection, deployment_id=None, shadow_of=deployment_id)


def insert_feed(connection: Connection[Any], feed: Feed) -> None:
    """Registers a feed."""
    values = {
        **vars(feed),
        "links": list(feed.links),
        "link_columns": list(feed.links.values()),
        "inputs": list(feed.inputs),
        "input_columns": list(feed.inputs.values()),
        "result_columns": list(feed.result_columns),
    }
    connection.execute(query(FILE, "insert_feed"), values)


def set_active(connection: Connection[Any], deployment_id: int, active: bool) -> None:
    """Lets rows come, or no more."""
    connection.execute(query(FILE, "set_active"), {"deployment_id": deployment_id, "active": active})


def set_result_columns(connection: Connection[Any], deployment_id: int, columns: list[str]) -> None:
    """Notes which columns were added to the source."""
    connection.execute(query(FILE, "set_result_columns"), {"deployment_id": deployment_id, "result_columns": columns})


def deployment_name(connection: Connection[Any], deployment_id: int) -> str:
    """What a deployment is called."""
    row = connection.execute(query(FILE, "deployment_name"), {"deployment_id": deployment_id}).fetchone()
    assert row is not None
    return str(row[0])


def attached_to(connection: Connection[Any], schema: str, table: str) -> list[str]:
    """Names of the deployments that are attached to a table."""
    rows = connection.execute(query(FILE, "attached_to"), {"schema": schema, "table": table}).fetchall()
    return [row[0] for row in rows]


def _read(connection: Connection[Any], **values: int | None) -> Feed | None:
    with connection.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(query(FILE, "list_feeds"), values).fetchone()
    if row is None:
        return None
    links = dict(zip(row.pop("links"), row.pop("link_columns"), strict=True))
    inputs = dict(zip(row.pop("inputs"), row.pop("input_columns"), strict=True))
    results = tuple(row.pop("result_columns"))
    return Feed(**row, links=links, inputs=inputs, result_columns=results)
