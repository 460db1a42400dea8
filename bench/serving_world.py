"""What the benchmarks of serving share: two feature sets of five features with history, and a gradient-boosted model of them and a request."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import psycopg
from psycopg.sql import SQL, Identifier

from fsdb import db, history
from fsdb.definitions import Feature, FeatureSet
from fsdb.deployments import register_model

SETS = {"plane": "tailnum", "weather": "origin"}  # with their keys
FEATURES = 5  # of each set
REQUEST = {"distance": "float8", "hour": "integer"}
MODEL = TABLE = "delay"


@dataclass(frozen=True)
class World:
    """The fitted estimator, its inputs as they are bound, and how many entities each set has: their keys are k1, k2…"""

    estimator: Any
    inputs: Mapping[str, str]
    entities: int


def connected(url: str) -> psycopg.Connection[Any]:
    """A connection whose commits do not wait for the disk: that would take each contender the same time and hide the rest."""
    connection = psycopg.connect(url, autocommit=True)
    db.configure(connection)
    connection.execute("SET synchronous_commit = off")
    return connection


def features(name: str) -> list[str]:
    """The features of a set."""
    return [f"{name}_{number}" for number in range(FEATURES)]


def make_world(
    connection: psycopg.Connection[Any],
    *,
    entities: int,
    versions: int,
    trees: int = 100,
    depth: int = 6,
    estimator: Any = None,
) -> World:
    """The sets with `versions` versions of each entity, and the model registered as `delay`; nothing is deployed.

    The model is gradient-boosted `trees` of a `depth`, or an `estimator` that is given not fitted yet.
    """
    from sklearn.ensemble import GradientBoostingClassifier

    for name, key in SETS.items():
        declared = tuple(Feature(feature, "float8") for feature in features(name))
        with connection.transaction():
            history.create(connection, FeatureSet(name, {key: "text"}, declared, "30 days"))
        _fill(connection, name, key, entities, versions)
    inputs = {feature: f"{name}.{feature}" for name in SETS for feature in features(name)} | REQUEST
    generator = np.random.default_rng(0)
    data = pd.DataFrame(generator.normal(size=(3000, len(inputs))), columns=list(inputs))
    target = (data.sum(axis=1) + data.iloc[:, 0] * data.iloc[:, 5] + generator.normal(size=len(data))) > 0
    if estimator is None:
        estimator = GradientBoostingClassifier(n_estimators=trees, max_depth=depth)
    estimator.fit(data, target)
    data["hour"] = data["hour"].round()
    rows = [dict(zip(inputs, row, strict=True)) for row in data.head(1000).to_numpy().tolist()]
    register_model(connection, MODEL, estimator, inputs=inputs, rows=rows)
    connection.execute("VACUUM ANALYZE")
    return World(estimator, inputs, entities)


def _fill(connection: psycopg.Connection[Any], name: str, key: str, entities: int, versions: int) -> None:
    columns = [Identifier(feature) for feature in features(name)]
    parts = {
        "table": Identifier(name),
        "key": Identifier(key),
        "columns": SQL(", ").join(columns),
        "values": SQL(", ").join([SQL("random()")] * len(columns)),
        "assignments": SQL(", ").join(SQL("{} = random()").format(column) for column in columns),
    }
    connection.execute(
        SQL(
            "INSERT INTO {table} ({key}, {columns}, event_time)"
            " SELECT 'k' || n, {values}, clock_timestamp() - interval '1 day' FROM generate_series(1, %s) n"
        ).format(**parts),
        [entities],
    )
    for _ in range(versions - 1):
        connection.execute(SQL("UPDATE {table} SET {assignments}").format(**parts))
