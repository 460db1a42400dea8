"""`score`: many rows in one call, with two lookups and lineage; recorded, too.

Beside it, what no way around can save: the same requests copied into a table, and the same result's rows read out of one, by fsdb's own
means; for recorded rows also the same records written to a table without a model.
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
    columns = _keep(connection, _complete(score(connection, TABLE, requests), rows))
    value, baseline = _speeds(
        rows, lambda: score(connection, TABLE, requests), lambda: _in_and_out(connection, requests, columns)
    )
    return faster_than("score", "score_api", value, unit="rows/s", baseline=baseline, target=TARGET)


def score_record(connection: psycopg.Connection[Any], case: str, rows: int, entities: int) -> Case:
    """Rows a second that are scored and recorded in one call, in a world of so many entities whose model is deployed."""
    requests = _requests(rows, entities)
    _complete(score(connection, TABLE, requests, record=True), rows)
    connection.execute("CREATE TABLE records (LIKE delay INCLUDING IDENTITY INCLUDING INDEXES)")
    value, baseline = _speeds(
        rows,
        lambda: score(connection, TABLE, requests, record=True),
        lambda: _records(connection, requests),
    )
    return Case("score", case, value, "rows/s", baseline, value / baseline, "", True)


def _complete(result: pa.Table, rows: int) -> pa.Table:
    if result.num_rows != rows or result.column("plane_version").null_count:
        raise AssertionError("not every row was scored with its features")
    return result


def _speeds(rows: int, *ways: Callable[[], object]) -> list[float]:
    """Rows a second of each way, taken in turns."""
    taken: list[list[float]] = [[] for _ in ways]
    for _ in range(ROUNDS):
        for way, seconds in zip(ways, taken, strict=True):
            begin = time.perf_counter()
            way()
            seconds.append(time.perf_counter() - begin)
    return [rows / statistics.median(seconds) for seconds in taken]


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


def _records(connection: psycopg.Connection[Any], requests: pa.Table) -> None:
    """Copies the requests in and writes a record of each, as wide as a prediction's."""
    given = frames.columns_of(requests.schema, "data")
    with connection.transaction(), frames.staged(connection, requests.schema, requests.to_batches(), given) as rows:
        connection.execute(
            SQL(
                "INSERT INTO records (tailnum, origin, distance, hour, prediction, probability, model_version, scored_at, model_release,"
                " scoring_us, plane_version, weather_version, scored_by)"
                " SELECT r.*, true, 0.5, 1, clock_timestamp(), 1, 1, 1, 1, 'onnxruntime' FROM ({}) AS r"
            ).format(rows)
        )
