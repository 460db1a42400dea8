"""Filling in what a model gave for rows of its table."""

from collections.abc import Mapping, Sequence
from typing import Any

from psycopg import Connection
from psycopg.sql import Identifier, Placeholder

from fsdb.access import foreign_code
from fsdb.catalog.deployments import RegisteredDeployment
from fsdb.deployments.parity import as_text
from fsdb.deployments.scoring import result_types
from fsdb.models import Program
from fsdb.search_path import of_user
from fsdb.sql import joined, query
from fsdb.types import type_sql

FILE = "worker/fill"


def fill(
    connection: Connection[Any],
    deployed: RegisteredDeployment,
    program: Program,
    predictions: Sequence[int],
    outputs: Sequence[Mapping[str, Any]],
) -> list[int]:
    """Fills in outputs as native_outputs has them, `error` of a refused row too; which rows were reached."""
    foreign_code.refuse(
        connection, deployed.schema_name, deployed.table_name, f"Filling in predictions of {deployed.name}"
    )
    types = result_types(program)
    values: dict[str, Any] = {
        "predictions": list(predictions),
        "errors": [row.get("error") for row in outputs],
        **{f"r{place}": [_text(row.get(name)) for row in outputs] for place, name in enumerate(types)},
    }
    columns = [Identifier(name) for name in types]
    text = query(
        FILE,
        "fill",
        table=deployed.table,
        assignments=joined(
            [
                query(FILE, "assignment", column=column, type=type_sql(kind))
                for column, kind in zip(columns, types.values(), strict=True)
            ]
        ),
        arrays=joined([query(FILE, "array", values=Placeholder(f"r{place}")) for place in range(len(types))], ""),
        names=joined([query(FILE, "name", column=column) for column in columns], ""),
    )
    with of_user(connection):  # under which the table's other triggers were written
        return [row[0] for row in connection.execute(text, values).fetchall()]


def tell_reason(
    connection: Connection[Any], deployed: RegisteredDeployment, predictions: Sequence[int], reason: str
) -> None:
    """Records in the rows why they have no prediction; they may be scored still."""
    values = {"predictions": list(predictions), "reason": reason}
    with of_user(connection):
        connection.execute(query(FILE, "reason", table=deployed.table), values)


def _text(value: Any) -> str | None:
    """A result as PostgreSQL reads it from text."""
    if isinstance(value, list):
        return "{" + ",".join(_element(item) for item in value) + "}"
    return as_text(value)


def _element(value: Any) -> str:
    text = as_text(value)
    if text is None:
        return "NULL"
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
