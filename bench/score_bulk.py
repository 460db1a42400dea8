"""`score`: many rows in one call, with two lookups, 100 trees × depth 6 and lineage.

Beside it, what no way around can save: the same requests copied into a table, and the same result's rows read out of one, by fsdb's own means.
"""

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import psycopg
import pyarrow as pa
from psycopg.sql import SQL, Identifier

from bench.report import Case, faster_than
from bench.serving_world import TABLE
from fsdb.asof import Column
from fsdb.deployments.bulk import score
from fsdb.exchange import copy_out, frames

ROUNDS = 5
TARGET = 100_000  # rows a second


def score_api(connection: psycopg.Connection[Any], rows: int, entities: int) -> Case:
    """The case score_api: rows a second, median of some rounds, in a world of so many entities whose model is deployed."""
    requests = _requests(rows, entities)
    result = score(connection, TABLE, requests)
    if result.num_rows != rows or result.column("plane_version").null_count:
        raise AssertionError("not every row was scored with its features")
    columns = _keep(connection, result)
    taken: dict[Callable[[], object], list[float]] = {}
    ways: list[Callable[[], object]] = [
        lambda: score(connection, TABLE, requests),
        lambda: _in_and_out(connection, requests, columns),
    ]
    for _ in range(ROUNDS):
        for way in ways:
            begin = time.perf_counter()
            way()
            taken.setdefault(way, []).append(time.perf_counter() - begin)
    value, baseline = (rows / statistics.median(taken[way]) for way in ways)
    return faster_than("score", "score_api", value, unit="rows/s", baseline=baseline, target=TARGET)


def _requests(count: int, entities: int) -> pa.Table:
    generator = np.random.default_rng(1)
    keys = [pa.array([f"k{n}" for n in generator.integers(1, entities + 1, count)]) for _ in range(2)]
    return pa.table(
        {
            "tailnum": keys[0],
            "origin": keys[1],
            "distance": generator.normal(size=count),
            "hour": generator.integers(0, 24, count),
        }
    )


def _keep(connection: psycopg.Connection[Any], result: pa.Table) -> list[Column]:
    """Puts a result into the table `kept`."""
    columns = frames.columns_of(result.schema, "result")
    with connection.transaction(), frames.staged(connection, result.schema, result.to_batches(), columns) as rows:
        connection.execute(SQL("CREATE TABLE kept AS {}").format(rows))
    return columns


def _in_and_out(connection: psycopg.Connection[Any], requests: pa.Table, columns: list[Column]) -> pa.Table:
    """Copies the requests in and reads the kept result out."""
    given = frames.columns_of(requests.schema, "data")
    with connection.transaction(), frames.staged(connection, requests.schema, requests.to_batches(), given):
        values = [Identifier("kept", column.name) for column in columns]
        return copy_out.read(connection, columns, values, SQL("FROM kept"))
