"""INSERT … RETURNING into a deployment: two lookups, a model, lineage; against the same row inserted bare. With --bulk INSERT … SELECT and `score`."""

import random
import statistics
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import psycopg

from bench.report import Case, at_most, faster_than, within
from bench.score_bulk import score_api, score_record
from bench.scoring_models import estimator
from bench.serving_world import TABLE, connected, make_world
from fsdb.deployments import deploy

ENTITIES = 1000
VERSIONS = 20  # of each entity
ROUNDS = 8
INSERTS = 500  # of each kind in a round
NEW_CONNECTIONS = 7
BULK_ENTITIES, BULK_VERSIONS = 10_000, 5
BULK_ROUNDS = 3
BULK_TARGET = 25_000  # rows a second
MOST_TIMES_BARE = {("sql", "gbdt100x6"): 7, ("sql", ""): 10, ("onnx", ""): 5}
MOST_MILLISECONDS = {"gbdt500x8": 1.2}  # where the size of the model sets the time

_SCORED = (
    "INSERT INTO delay (tailnum, origin, distance, hour) VALUES (%s, %s, %s, %s) RETURNING prediction, probability"
)
_BARE = """
INSERT INTO bare (tailnum, origin, distance, hour, prediction, probability, model_version, scored_at, model_release,
                  plane_version, weather_version)
VALUES (%s, %s, %s, %s, true, 0.5, 1, clock_timestamp(), 1, 1, 1) RETURNING prediction, probability
"""
_SCORED_ROWS = """
INSERT INTO delay (tailnum, origin, distance, hour)
SELECT 'k' || 1 + n %% %(entities)s, 'k' || 1 + n * 7 %% %(entities)s, random(), n %% 24
FROM generate_series(1, %(rows)s::int) AS n
"""
_BARE_ROWS = """
INSERT INTO bare (tailnum, origin, distance, hour, prediction, probability, model_version, scored_at, model_release,
                  plane_version, weather_version)
SELECT 'k' || 1 + n %% %(entities)s, 'k' || 1 + n * 7 %% %(entities)s, random(), n %% 24, true, 0.5, 1, clock_timestamp(), 1, 1, 1
FROM generate_series(1, %(rows)s::int) AS n
"""


def run(
    url: str, model: str = "gbdt100x6", runtime: str = "sql", bulk: bool = False, rows: float = 50_000
) -> Iterator[Case]:
    """p50 against bare, p99, and the first insert of a new connection; with `bulk` rows a second of one statement, and of one call of `score`.

    Each insert is a transaction. None waits for the disk (synchronous_commit is off), which would take the same time for
    both and hide what scoring adds.
    """
    case = model if runtime == "sql" else f"{model}_{runtime}"
    with connected(url) as connection:
        entities, versions = (BULK_ENTITIES, BULK_VERSIONS) if bulk else (ENTITIES, VERSIONS)
        make_world(connection, entities=entities, versions=versions, estimator=estimator(model))
        deploy(connection, "delay", TABLE, runtime=runtime)
        connection.execute("CREATE TABLE bare (LIKE delay INCLUDING IDENTITY INCLUDING INDEXES)")
        if bulk:
            yield _bulk(connection, "insert_select" if case == "gbdt100x6" else f"{case}_insert_select", int(rows))
            if case == "gbdt100x6":
                yield score_api(connection, 2 * int(rows), entities)
            yield score_record(
                connection, "score_record" if case == "gbdt100x6" else f"{case}_score_record", 2 * int(rows), entities
            )
            return
        scored, bare = _measure(connection)
    first = []
    for _ in range(NEW_CONNECTIONS):
        with connected(url) as connection:
            connection.execute("SELECT 1")
            first.append(_timed(connection, _SCORED))
    value, baseline = statistics.median(scored), statistics.median(bare)
    if runtime == "sql" and model in MOST_MILLISECONDS:
        yield within("score", case, value, unit="ms", target=MOST_MILLISECONDS[model])
    else:
        times = MOST_TIMES_BARE.get((runtime, model), MOST_TIMES_BARE[runtime, ""])
        yield at_most("score", case, value, unit="ms", baseline=baseline, target=times)
    p99 = float(np.quantile(scored, 0.99))
    if case == "gbdt100x6":
        yield within("score", f"{case}_p99", p99, unit="ms", target=1)
        yield within("score", f"{case}_first", max(first), unit="ms", target=150)
        return
    for name, measured in (("p99", p99), ("first", max(first))):
        yield Case("score", f"{case}_{name}", measured, "ms", None, None, "", True)


def _measure(connection: psycopg.Connection[Any]) -> tuple[list[float], list[float]]:
    """Milliseconds of scored and of bare inserts, taken in turns."""
    for statement in (_SCORED, _BARE):
        for _ in range(INSERTS):
            _timed(connection, statement)
    scored: list[float] = []
    bare: list[float] = []
    for _ in range(ROUNDS):
        bare += [_timed(connection, _BARE) for _ in range(INSERTS)]
        scored += [_timed(connection, _SCORED) for _ in range(INSERTS)]
    return scored, bare


def _timed(connection: psycopg.Connection[Any], statement: str) -> float:
    """Milliseconds of one insert of a random request."""
    values = [f"k{random.randint(1, ENTITIES)}", f"k{random.randint(1, ENTITIES)}", random.random(), 7]
    start = time.perf_counter()
    connection.execute(statement, values, prepare=True).fetchone()
    return (time.perf_counter() - start) * 1000


def _bulk(connection: psycopg.Connection[Any], case: str, rows: int) -> Case:
    """Rows a second of one INSERT … SELECT into either table, medians of rounds taken in turns."""
    speeds: dict[str, list[float]] = {_SCORED_ROWS: [], _BARE_ROWS: []}
    for _ in range(BULK_ROUNDS):
        for statement, found in speeds.items():
            start = time.perf_counter()
            connection.execute(statement, {"entities": BULK_ENTITIES, "rows": rows})
            found.append(rows / (time.perf_counter() - start))
    value, baseline = (statistics.median(found) for found in speeds.values())
    if case != "insert_select":
        return Case("score", case, value, "rows/s", baseline, value / baseline, "", True)
    return faster_than("score", case, value, unit="rows/s", baseline=baseline, target=BULK_TARGET)
