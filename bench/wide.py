"""20,000 features: how long one training set of 2,000 rows takes, and one vector.

The features are numbers in as many sets as they take, each entity with one version. The training set is
complete in memory; vectors are read by `store.feature_vector`, after the first readings have planned the statement.
"""

import statistics
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import numpy as np
import psycopg
import pyarrow as pa

from bench.report import Case, at_least, within
from fsdb.db import Database
from fsdb.definitions import Feature, FeatureSet
from fsdb.store import Store

FEATURES = 20_000
ENTITIES = 500
ROWS = 2_000
ROUNDS = 3
WARM, CALLS = 8, 200
START = datetime(2024, 1, 1, tzinfo=UTC)
MOST_SECONDS, MOST_MILLISECONDS = 30.0, 20.0


def run(url: str) -> Iterator[Case]:
    """The cases features, training_set_s (median of some) and vector_p50_ms."""
    database = Database(url)
    database.open()
    store = Store(database)
    sets = FeatureSet.split(
        "wide", {"id": "bigint"}, [Feature(f"f{number}", "double precision") for number in range(FEATURES)]
    )
    store.apply(sets)
    references = [reference for one in sets for reference in one.references]
    values = np.random.default_rng(0).random((FEATURES, ENTITIES))
    _fill(store, sets, values)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
    spine = _spine()
    seconds = []
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        table = store.training_set(spine=spine, features=references, timestamp="at").to_arrow()
        seconds.append(time.perf_counter() - begin)
    _check(table, values)
    yield at_least("wide", "features", table.num_columns - 2, unit="features", baseline=FEATURES, target=1)
    yield within("wide", "training_set_s", statistics.median(seconds), unit="s", target=MOST_SECONDS)
    yield within("wide", "vector_p50_ms", _vectors(store, references, values), unit="ms", target=MOST_MILLISECONDS)
    store.close()


def _fill(store: Store, sets: list[FeatureSet], values: np.ndarray) -> None:
    """One version of each entity, from one frame of all features."""
    moments = pa.array([START] * ENTITIES, pa.timestamp("us", "UTC"))
    columns = {f"f{number}": values[number] for number in range(FEATURES)}
    store.ingest(sets, pa.table({"id": np.arange(ENTITIES), "event_time": moments, **columns}))


def _spine() -> pa.Table:
    """Rows of entities in another order."""
    moments = pa.array([START + timedelta(days=1)] * ROWS, pa.timestamp("us", "UTC"))
    return pa.table({"id": _entities(), "at": moments})


def _entities() -> np.ndarray:
    return np.random.default_rng(1).integers(0, ENTITIES, ROWS)


def _vectors(store: Store, references: list[str], values: np.ndarray) -> float:
    """Median milliseconds of one vector."""
    taken = []
    for call, entity in enumerate(np.random.default_rng(2).integers(0, ENTITIES, WARM + CALLS).tolist()):
        begin = time.perf_counter()
        vector = store.feature_vector(references, {"id": entity})
        taken.append(1000 * (time.perf_counter() - begin))
        if call == WARM and list(vector.values())[:-1] != values[:, entity].tolist():
            raise AssertionError(f"the vector of entity {entity} does not hold what was taken in")
    return statistics.median(taken[WARM:])


def _check(table: pa.Table, values: np.ndarray) -> None:
    """The training set holds what was taken in: else its time says nothing."""
    entities = _entities()
    for number, column in enumerate(table.columns[2:]):
        if not np.array_equal(column.to_numpy(), values[number, entities]):
            raise AssertionError(f"column {number} of the training set does not hold what was taken in")
