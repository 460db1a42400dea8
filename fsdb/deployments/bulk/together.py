"""Many rows recorded with the results that were computed for all of them together, outside of the server: what the model table's
trigger would find row by row, a hundred thousand rows a second whatever the size of the model."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import psycopg
import pyarrow as pa
from psycopg import Connection
from psycopg.sql import Identifier, Literal

from fsdb.asof import Column
from fsdb.catalog.deployments import RegisteredDeployment
from fsdb.config import MODEL_SCHEMA
from fsdb.deployments import table as model_table
from fsdb.deployments.bulk.given import FILE, check_free, further_columns
from fsdb.deployments.bulk.outcome import SCORED_BY, Outcome, check_none_refused, recorded_types, result_type
from fsdb.deployments.objects import SCORE_TRIGGER, rejections_name
from fsdb.deployments.runtimes import IN_SERVER
from fsdb.errors import InvalidData
from fsdb.exchange import frames
from fsdb.exchange.queries import first_line
from fsdb.sql import joined, query

_ENGINE = "onnxruntime"
_LISTS = ("real[]", "double precision[]")  # of the arrays, those that travel


def takes(connection: Connection[Any], deployed: RegisteredDeployment) -> bool:
    """Whether the caller may record rows that were scored elsewhere, and nothing but fsdb's trigger has a say in what is recorded."""
    if any(release.runtime not in IN_SERVER for release in deployed.scoring):
        return False
    kinds = model_table.columns(connection, deployed)
    if kinds["prediction"].endswith("[]") and kinds["prediction"] not in _LISTS:
        return False
    names = {"schema": deployed.schema_name, "table": deployed.table_name, "trigger": SCORE_TRIGGER}
    row = connection.execute(query(FILE, "takes_scored"), names).fetchone()
    return bool(row and row[0])


def keep_releases(connection: Connection[Any], deployed: RegisteredDeployment) -> None:
    """Keeps the releases that score from being replaced until the transaction ends, as an insert does."""
    connection.execute(query(FILE, "keep_releases", table=deployed.table))


def recorded(
    connection: Connection[Any],
    deployed: RegisteredDeployment,
    table: pa.Table,
    columns: Mapping[str, pa.Array],
    types: Mapping[str, str],
    outcome: Outcome,
) -> pa.Table:
    """The data's columns, then prediction_id and what was recorded.

    columns: those that the model table takes, with `types` of PostgreSQL; further columns of the data that it has as well are
    written too. outcome: with the columns that the trigger would fill in. Raises InvalidData for what the table refuses, and
    for a row that cannot be scored where the deployment rejects such.
    """
    there = model_table.columns(connection, deployed)
    kept = model_table.recorded_columns(connection, deployed)
    check_free(table, recorded_types(there, kept), deployed.name)
    if deployed.on_error == "reject":
        _count_rejection(connection, deployed, outcome)
        check_none_refused(outcome.errors, f"The model of deployment {deployed.name}")
    further = further_columns(table, there, columns, kept)
    filled = {**outcome.columns, "error": outcome.errors, "scored_by": pa.array([_ENGINE] * table.num_rows)}
    written = {**columns, **{name: table.column(name) for name in further}, **filled}
    kinds = [Column(name, types.get(name) or there[name]) for name in columns]
    kinds += frames.columns_of(table.select(further).schema, "data")
    kinds += [Column(name, there[name]) for name in filled]
    numbers = _inserted(connection, deployed, pa.table(written), kinds)
    if len(numbers) != table.num_rows:
        raise InvalidData(f"{table.num_rows:,} rows were given and table {deployed.name} took {len(numbers):,}.")
    found = {"prediction_id": pa.array(numbers, pa.int64()), **filled}
    outputs = {name: result_type(kind) for name, kind in recorded_types(there, kept).items()}
    arrays = [found[name] if name in found else pa.nulls(table.num_rows, kind) for name, kind in outputs.items()]
    fields = [pa.field(name, kind) for name, kind in outputs.items()]
    schema = pa.schema([*table.schema, *fields], {**(table.schema.metadata or {}), SCORED_BY: outcome.scored_by})
    return pa.Table.from_arrays([*table.columns, *arrays], schema=schema)


def _inserted(
    connection: Connection[Any], deployed: RegisteredDeployment, rows: pa.Table, kinds: Sequence[Column]
) -> list[int]:
    """The numbers of the predictions, in the order of the rows."""
    try:
        with (
            frames.staged(connection, rows.schema, rows.to_batches(), kinds) as staged,
            connection.cursor(binary=True) as cursor,
        ):
            text = query(
                FILE,
                "insert",
                table=deployed.table,
                columns=joined([Identifier(name) for name in rows.column_names]),
                rows=staged,
                returned=Identifier("prediction_id"),
            )
            return [row[0] for row in cursor.execute(text).fetchall()]
    except (psycopg.DataError, psycopg.IntegrityError) as error:
        raise InvalidData(f"Table {deployed.name} does not take the rows: {first_line(error)}.") from error


def _count_rejection(connection: Connection[Any], deployed: RegisteredDeployment, outcome: Outcome) -> None:
    """As the trigger counts the row that fails its statement."""
    refused = np.flatnonzero(outcome.errors.is_valid())
    if len(refused):
        version = outcome.columns["model_version"][int(refused[0])].as_py()
        sequence = Literal(Identifier(MODEL_SCHEMA, rejections_name(deployed, version)).as_string(connection))
        connection.execute(query(FILE, "count_rejection", sequence=sequence))
