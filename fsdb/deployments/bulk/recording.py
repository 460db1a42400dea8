"""Many rows inserted into the model table, whose trigger scores and records them."""

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
from psycopg import Connection

from fsdb.asof import Column
from fsdb.catalog.deployments import RegisteredDeployment
from fsdb.deployments import table as model_table
from fsdb.deployments.bulk.given import check_free, fitted, further_columns
from fsdb.deployments.bulk.inserting import inserted
from fsdb.deployments.bulk.outcome import recorded_types, result_type, with_results
from fsdb.exchange import frames


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
    rows = pa.table([*columns.values(), *(table.column(name) for name in further)], names=[*columns, *further])
    kinds = [Column(name, kind) for name, kind in types.items()]
    kinds += frames.columns_of(table.select(further).schema, "data")
    found = inserted(connection, deployed, rows, kinds, list(outputs))
    values = list(zip(*found, strict=True)) if found else [()] * len(outputs)
    results = {name: pa.array(of, result_type(kind)) for of, (name, kind) in zip(values, outputs.items(), strict=True)}
    runtimes = ", ".join(dict.fromkeys(release.runtime for release in deployed.scoring))
    return with_results(table, results, runtimes)
