"""What deployments cost, and how their versions compare once labels are there: the SQL functions, as tables."""

from datetime import datetime
from typing import Any

import psycopg
from psycopg import Connection

from fsdb.catalog.deployments import get_deployment
from fsdb.catalog.models import get_version
from fsdb.errors import InvalidDefinition
from fsdb.exchange.queries import first_line
from fsdb.search_path import of_user
from fsdb.sql import query
from fsdb.table import Table

FILE = "deployments/measures"


def costs(connection: Connection[Any], name: str | None = None, since: datetime | None = None) -> Table:
    """Rows, errors, rejected and pending rows, and microseconds in scoring, by deployment and model version.

    name: None is every deployment. since: only rows scored since then. rejected counts rows whose insert failed, ever.
    Raises UnknownName.
    """
    shown = None if name is None else get_deployment(connection, name).name
    cursor = connection.execute(query(FILE, "costs"), {"name": shown, "since": since})
    columns = tuple(column.name for column in cursor.description or ())
    return Table.of(columns, cursor.fetchall(), "What scoring costs")


def compare(connection: Connection[Any], name: str, labels: str, label: str, id_column: str = "prediction_id") -> Table:
    """How each version of a deployment did on the rows whose label is known, the live one, the canary and the shadow.

    labels: a table or view, as SQL writes its name, with a column `id_column` of the live table's prediction_ids and a
    column `label`. Of classes: accuracy, and with two of them log_loss, brier (mean square error of the probability) and
    auc (chance that a positive row has the higher probability, ties half). Of numbers: mae, rmse and bias.
    Raises UnknownName, and InvalidDefinition for labels that cannot be read and for a model of several targets.
    """
    deployed = get_deployment(connection, name)
    if get_version(connection, deployed.model, deployed.version).prediction_type.endswith("[]"):
        raise InvalidDefinition(
            f"Model {deployed.model} predicts several targets, and one label cannot judge them: compare prediction[1], prediction[2] and so on in SQL."
        )
    values = {"name": deployed.name, "labels": labels, "label": label, "id_column": id_column}
    try:
        with connection.transaction(), of_user(connection):  # whose path tells which table is meant
            cursor = connection.execute(query(FILE, "compare"), values)
    except psycopg.errors.InsufficientPrivilege:
        raise  # named by who holds the connection
    except (psycopg.ProgrammingError, psycopg.DataError, psycopg.NotSupportedError) as error:
        raise InvalidDefinition(
            f"The labels cannot be read from columns {id_column} and {label} of {labels}: {first_line(error)}."
        ) from error
    columns = tuple(column.name for column in cursor.description or ())
    return Table.of(columns, cursor.fetchall(), f"Versions of {name} on {labels}.{label}")
