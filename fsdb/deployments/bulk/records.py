"""Many rows recorded with the results that were computed for all of them together, outside of the server: what the model table's
trigger would find row by row, a hundred thousand rows a second whatever the size of the model."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from psycopg import Connection, errors
from psycopg.sql import Identifier, Literal

from fsdb.access.rows import hiding
from fsdb.asof import Column
from fsdb.catalog.deployments import RegisteredDeployment, get_deployment
from fsdb.config import MODEL_SCHEMA
from fsdb.deployments import table as model_table
from fsdb.deployments.bulk.given import FILE, check_free, further_columns
from fsdb.deployments.bulk.inserting import inserted
from fsdb.deployments.bulk.outcome import Outcome, check_none_refused, recorded_types, result_type, with_results
from fsdb.deployments.objects import SCORE_TRIGGER, rejections_name
from fsdb.deployments.refusals import told
from fsdb.deployments.runtimes import IN_SERVER
from fsdb.exchange import frames
from fsdb.sql import query

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
    # Where row security hides features from the caller, the trigger looks them up, with its owner's rights.
    looked_up = [one.feature_set for release in deployed.scoring for one in release.sets]
    return bool(row and row[0]) and hiding(connection, looked_up) is None


def keep_releases(connection: Connection[Any], deployed: RegisteredDeployment) -> None:
    """Keeps the releases that score from being replaced until the transaction ends, as an insert does."""
    connection.execute(query(FILE, "keep_releases", table=deployed.table))


def held(connection: Connection[Any], deployed: RegisteredDeployment) -> RegisteredDeployment:
    """The deployment as it stays until the transaction ends: nobody replaces or undeploys it meanwhile. Raises UnknownName where it is gone."""
    try:
        with connection.transaction():
            keep_releases(connection, deployed)
    except (errors.UndefinedTable, errors.InsufficientPrivilege):
        pass  # what comes next says so, in its own words
    return get_deployment(connection, deployed.name)


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
    outputs = recorded_types(there, kept)
    check_free(table, outputs, deployed.name)
    if deployed.on_error == "reject":
        _count_rejection(connection, deployed, outcome)
        check_none_refused(outcome.errors, f"The model of deployment {deployed.name}")
    further = further_columns(table, there, columns, kept)
    reasons = [reason and told(reason, deployed.scoring) for reason in outcome.errors.to_pylist()]
    filled = {
        **outcome.columns,
        "error": pa.array(reasons, pa.string()),
        "scored_by": pa.array([_ENGINE] * table.num_rows),
    }
    written = {**columns, **{name: table.column(name) for name in further}, **filled}
    kinds = [Column(name, types.get(name) or there[name]) for name in columns]
    kinds += [_kind(column, there[column.name]) for column in frames.columns_of(table.select(further).schema, "data")]
    kinds += [Column(name, there[name]) for name in filled]
    sequence = model_table.numbers(connection, deployed)
    made = inserted(connection, deployed, pa.table(written), kinds, ["prediction_id"], sequence)
    numbers = [row[0] for row in made]
    found = {"prediction_id": pa.array(numbers, pa.int64()), **filled}
    results = {
        name: found[name] if name in found else pa.nulls(table.num_rows, result_type(kind))
        for name, kind in outputs.items()
    }
    return with_results(table, results, outcome.scored_by)


def _kind(column: Column, kept_as: str) -> Column:
    """A further column: a text is read as the table's own type, such as uuid."""
    return Column(column.name, kept_as) if column.type == "text" else column


def _count_rejection(connection: Connection[Any], deployed: RegisteredDeployment, outcome: Outcome) -> None:
    """As the trigger counts the row that fails its statement."""
    refused = np.flatnonzero(outcome.errors.is_valid())
    if len(refused):
        version = outcome.columns["model_version"][int(refused[0])].as_py()
        sequence = Literal(Identifier(MODEL_SCHEMA, rejections_name(deployed, version)).as_string(connection))
        connection.execute(query(FILE, "count_rejection", sequence=sequence))
