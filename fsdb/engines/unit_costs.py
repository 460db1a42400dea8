"""What one of each unit costs on this machine, as the catalog keeps it."""

from collections.abc import Mapping
from typing import Any

from psycopg import Connection

from fsdb.sql import query

FILE = "engines/router"


def measured(connection: Connection[Any]) -> dict[tuple[str, str], float]:
    """Seconds by (engine, unit), of those that were measured."""
    rows = connection.execute(query(FILE, "unit_costs")).fetchall()
    return {(engine, unit): seconds for engine, unit, seconds in rows}


def keep(connection: Connection[Any], engine: str, costs: Mapping[str, float], version: str) -> None:
    """Keeps what an engine's units cost, in place of what was known of them. version: of the engine."""
    with connection.cursor() as cursor:
        cursor.executemany(
            query(FILE, "put_unit_cost"),
            [{"engine": engine, "unit": unit, "seconds": cost, "version": version} for unit, cost in costs.items()],
        )
