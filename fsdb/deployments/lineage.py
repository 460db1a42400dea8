"""What a prediction was made from."""

from typing import Any

import psycopg
from psycopg import Connection

from fsdb.access import erasures
from fsdb.catalog.deployments import get_deployment
from fsdb.deployments.table import check_there
from fsdb.errors import Erased, UnknownName
from fsdb.sql import query
from fsdb.table import Table

COLUMNS = ("input", "value", "feature_set", "version_id", "event_time", "recorded_at")


def lineage(connection: Connection[Any], name: str, prediction_id: int) -> Table:
    """Each input of a prediction with its value as text, and for a feature the set and version that was read.

    In the order of the signature of the model version that scored it. Raises UnknownName where there is no such
    deployment or prediction, Erased where an erasure took it out.
    """
    deployed = get_deployment(connection, name)
    check_there(connection, deployed)
    found = query("deployments/lineage", "prediction", table=deployed.table)
    try:
        with connection.transaction():
            row = connection.execute(found, {"prediction_id": prediction_id}).fetchone()
    except psycopg.errors.InsufficientPrivilege:
        raise  # named by who holds the connection
    except (psycopg.DataError, psycopg.ProgrammingError):
        row = None  # what is no bigint names no row
    erased = erasures.of_prediction(connection, deployed.name, prediction_id) if isinstance(prediction_id, int) else []
    if row is None and erased:
        raise Erased(f"Prediction {prediction_id} of {name} is gone: {erased[-1]}.")
    if row is None:
        raise UnknownName(f"Table {name} has no prediction {prediction_id}: give a prediction_id of one of its rows.")
    values = {"name": name, "prediction_id": prediction_id}
    rows = connection.execute(query("deployments/lineage", "lineage"), values).fetchall()
    title = f"Prediction {prediction_id} of {name}: {row[0]}, by model {deployed.model} version {row[1]} at {row[2]}"
    if erased:
        title += f"; some of its versions are gone: {erased[-1]}"
    return Table.of(COLUMNS, rows, title)
