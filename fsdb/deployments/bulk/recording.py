"""Many rows inserted into the model table, whose trigger scores and records them."""

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
import pyarrow as pa
from psycopg import Connection
from psycopg.rows import tuple_row
from psycopg.sql import Identifier

from fsdb.asof import Column
from fsdb.catalog.deployments import RegisteredDeployment
from fsdb.deployments import table as model_table
from fsdb.deployments.bulk.given import FILE, check_free, fitted, further_columns
from fsdb.deployments.bulk.outcome import SCORED_BY, recorded_types, result_type
from fsdb.errors import InvalidData
from fsdb.exchange import frames
from fsdb.exchange.queries import first_line
from fsdb.sql import joined, query


def recorded(
    connection: Connection[Any], deployed: RegisteredDeployment, table: pa.Table, types: Mapping[str, str]
) -> pa.Table:
    """The data's columns, then prediction_id and what the trigger recorded; `types` of the columns that the table takes.

    Further columns of the data that the model table has as well are written too. Raises InvalidData for what the table refuses.
    """
    there = model_table.columns(connection, deployed)
    kept = model_table.recorded_columns(connection, deployed)
    outputs = recorded_types(there, kept)
    check_free(table, outputs, deployed.name)
    columns = fitted(table, types, f"table {deployed.name}")
    further = further_columns(table, there, columns, kept)
    inserted = pa.table([*columns.values(), *(table.column(name) for name in further)], names=[*columns, *further])
    kinds = [Column(name, kind) for name, kind in types.items()]
    kinds += frames.columns_of(table.select(further).schema, "data")
    rows = _inserted(connection, deployed, inserted, kinds, list(outputs))
    if len(rows) != table.num_rows:
        raise InvalidData(
            f"{table.num_rows:,} rows were given and table {deployed.name} took {len(rows):,}, so they cannot be told apart: a trigger "
            "on the table leaves rows out. Insert them with SQL."
        )
    values = list(zip(*rows, strict=True)) if rows else [()] * len(outputs)
    arrays = [pa.array(found, result_type(kind)) for found, kind in zip(values, outputs.values(), strict=True)]
    fields = [pa.field(name, result_type(kind)) for name, kind in outputs.items()]
    runtimes = ", ".join(dict.fromkeys(release.runtime for release in deployed.scoring))
    schema = pa.schema([*table.schema, *fields], {**(table.schema.metadata or {}), SCORED_BY: runtimes})
    return pa.Table.from_arrays([*table.columns, *arrays], schema=schema)


def _inserted(
    connection: Connection[Any],
    deployed: RegisteredDeployment,
    rows: pa.Table,
    kinds: Sequence[Column],
    returned: Sequence[str],
) -> list[tuple[Any, ...]]:
    """What the table recorded, in the order of the rows: PostgreSQL inserts and returns them in the order of the query."""
    try:
        with (
            frames.staged(connection, rows.schema, rows.to_batches(), kinds) as staged,
            connection.cursor(binary=True, row_factory=tuple_row) as cursor,
        ):
            text = query(
                FILE,
                "insert",
                table=deployed.table,
                columns=joined([Identifier(name) for name in rows.column_names]),
                rows=staged,
                returned=joined([Identifier(name) for name in returned]),
            )
            return cursor.execute(text).fetchall()
    except (psycopg.DataError, psycopg.errors.ExternalRoutineException, psycopg.IntegrityError) as error:
        raise InvalidData(f"Table {deployed.name} does not take the rows: {first_line(error)}.") from error
