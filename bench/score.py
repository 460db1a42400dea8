"""INSERT … RETURNING into a deployment: two lookups, 100 trees × depth 6, lineage; against the same row inserted bare."""

import random
import statistics
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import psycopg
from psycopg.sql import SQL, Identifier

from bench.report import Case, at_most, within
from fsdb import db, history
from fsdb.definitions import Feature, FeatureSet
from fsdb.deployments import deploy, register_model

ENTITIES = 1000
VERSIONS = 20  # of each entity
FEATURES = 5  # of each set
ROUNDS = 8
INSERTS = 500  # of each kind in a round
NEW_CONNECTIONS = 7
TREES, DEPTH = 100, 6

_SCORED = (
    "INSERT INTO delay (tailnum, origin, distance, hour) VALUES (%s, %s, %s, %s) RETURNING prediction, probability"
)
_BARE = """
INSERT INTO bare (tailnum, origin, distance, hour, prediction, probability, model_version, scored_at, model_release,
                  plane_version, weather_version)
VALUES (%s, %s, %s, %s, true, 0.5, 1, clock_timestamp(), 1, 1, 1) RETURNING prediction, probability
"""


def run(url: str) -> Iterator[Case]:
    """p50 against bare, p99, and the first insert of a new connection.

    Each insert is a transaction. None waits for the disk (synchronous_commit is off), which would take the same time for
    both and hide what scoring adds.
    """
    with _connected(url) as connection:
        _prepare(connection)
        scored, bare = _measure(connection)
    first = []
    for _ in range(NEW_CONNECTIONS):
        with _connected(url) as connection:
            connection.execute("SELECT 1")
            first.append(_timed(connection, _SCORED))
    baseline = statistics.median(bare)
    yield at_most("score", "gbdt100x6", statistics.median(scored), unit="ms", baseline=baseline, target=7)
    yield within("score", "gbdt100x6_p99", float(np.quantile(scored, 0.99)), unit="ms", target=1)
    yield within("score", "gbdt100x6_first", max(first), unit="ms", target=150)


def _connected(url: str) -> psycopg.Connection[Any]:
    connection = psycopg.connect(url, autocommit=True)
    db.configure(connection)
    connection.execute("SET synchronous_commit = off")
    return connection


def _prepare(connection: psycopg.Connection[Any]) -> None:
    """Two sets with history, the deployed model, and a bare table of the same shape."""
    from sklearn.ensemble import GradientBoostingClassifier

    inputs: dict[str, str] = {}
    for name, key in (("plane", "tailnum"), ("weather", "origin")):
        features = [f"{name}_{number}" for number in range(FEATURES)]
        inputs |= {feature: f"{name}.{feature}" for feature in features}
        with connection.transaction():
            history.create(
                connection, FeatureSet(name, {key: "text"}, tuple(Feature(f, "float8") for f in features), "30 days")
            )
        _fill(connection, name, key, features)
    inputs |= {"distance": "float8", "hour": "integer"}
    generator = np.random.default_rng(0)
    data = pd.DataFrame(generator.normal(size=(3000, len(inputs))), columns=list(inputs))
    target = (data.sum(axis=1) + data.iloc[:, 0] * data.iloc[:, 5] + generator.normal(size=len(data))) > 0
    estimator = GradientBoostingClassifier(n_estimators=TREES, max_depth=DEPTH).fit(data, target)
    data["hour"] = data["hour"].round()
    rows = [dict(zip(inputs, row, strict=True)) for row in data.head(200).to_numpy().tolist()]
    register_model(connection, "delay", estimator, inputs=inputs, rows=rows)
    deploy(connection, "delay", "delay")
    connection.execute("CREATE TABLE bare (LIKE delay INCLUDING IDENTITY INCLUDING INDEXES)")
    connection.execute("VACUUM ANALYZE")


def _fill(connection: psycopg.Connection[Any], name: str, key: str, features: list[str]) -> None:
    parts = {
        "table": Identifier(name),
        "key": Identifier(key),
        "columns": SQL(", ").join(map(Identifier, features)),
        "values": SQL(", ").join([SQL("random()")] * len(features)),
        "assignments": SQL(", ").join(SQL("{} = random()").format(Identifier(f)) for f in features),
    }
    connection.execute(
        SQL(
            "INSERT INTO {table} ({key}, {columns}, event_time)"
            " SELECT 'k' || n, {values}, clock_timestamp() - interval '1 day' FROM generate_series(1, %s) n"
        ).format(**parts),
        [ENTITIES],
    )
    for _ in range(VERSIONS - 1):
        connection.execute(SQL("UPDATE {table} SET {assignments}").format(**parts))


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
