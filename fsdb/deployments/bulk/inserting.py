"""Rows into a model table in one statement, in their order."""

from collections.abc import Sequence
from typing import Any

import psycopg
import pyarrow as pa
from psycopg import Connection
from psycopg.rows import tuple_row
from psycopg.sql import Identifier, Literal

from fsdb.access import foreign_code
from fsdb.asof import Column
from fsdb.catalog.deployments import RegisteredDeployment
from fsdb.deployments.bulk.given import FILE
from fsdb.errors import InvalidData
from fsdb.exchange import frames
from fsdb.exchange.queries import first_line
from fsdb.search_path import of_user
from fsdb.sql import joined, query


def inserted(
    connection: Connection[Any],
    deployed: RegisteredDeployment,
    rows: pa.Table,
    kinds: Sequence[Column],
    returned: Sequence[str],
    numbered_by: str | None = None,
) -> list[tuple[Any, ...]]:
    """The columns `returned` of what the table recorded, in the order of the rows: PostgreSQL inserts and returns them in the order of the query.

    numbered_by: the sequence of their prediction_ids, where the table's trigger does not draw them. Raises InvalidData for what the table refuses, and where it took fewer rows than were given.
    """
    foreign_code.refuse(connection, deployed.schema_name, deployed.table_name, f"Recording scores in {deployed.name}")
    try:
        with (
            frames.staged(connection, rows.schema, rows.to_batches(), kinds) as staged,
            connection.cursor(binary=True, row_factory=tuple_row) as cursor,
        ):
            parts = {
                "table": deployed.table,
                "columns": joined([Identifier(name) for name in rows.column_names]),
                "rows": staged,
                "returned": joined([Identifier(name) for name in returned]),
            }
            text = (
                query(FILE, "insert", **parts)
                if numbered_by is None
                else query(FILE, "insert_numbered", numbers=Literal(numbered_by), **parts)
            )
            with of_user(connection):  # under which the table's other triggers were written
                found = cursor.execute(text).fetchall()
    except (psycopg.DataError, psycopg.errors.ExternalRoutineException, psycopg.IntegrityError) as error:
        raise InvalidData(f"Table {deployed.name} does not take the rows: {first_line(error)}.") from error
    if len(found) != rows.num_rows:
        raise InvalidData(
            f"{rows.num_rows:,} rows were given, but table {deployed.name} took {len(found):,}, so fsdb cannot tell which: a trigger "
            "on the table leaves rows out. Insert them with SQL."
        )
    return found
