"""How long `store.feature_vector` takes, against a hand-written prepared query that reads the same values from the live tables.

The query knows nothing of history, rows dated ahead, max_age, defaults or tombstones; fsdb's call does. Client and server
share a core: whether waking the other one takes 20 or 70 µs is luck otherwise, for minutes at a time.
"""

import os
import random
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from psycopg.sql import SQL, Identifier

from bench.report import Case, at_most
from fsdb import history
from fsdb.db import Database
from fsdb.definitions import Feature, FeatureSet
from fsdb.store import Store

SETS = 5
FEATURES = 10
ENTITIES = 10_000
VERSIONS = 5
ROUNDS = 40
CALLS = 100  # a round and contender
TARGETS = {1: 1.5, SETS: 1.4}


def run(url: str) -> Iterator[Case]:
    """The cases sets_1 and sets_5: p50 in ms."""
    names = [f"set_{number}" for number in range(1, SETS + 1)]
    database = Database(url)
    database.open()
    store = Store(database)
    with psycopg.connect(url, autocommit=True) as connection:
        for name in names:
            _fill(connection, name)
        for count in (1, SETS):
            chosen = names[:count]
            references = [f"{name}.{column}" for name in chosen for column in _columns(name)]
            query = _by_hand(chosen).as_string()

            def by_hand(entity: int, query: str = query) -> Any:
                return connection.execute(query, (entity,), prepare=True).fetchone()

            def by_fsdb(entity: int, references: list[str] = references) -> Any:
                return store.feature_vector(references, {"id": entity})

            for entity in (1, ENTITIES):
                if tuple(by_hand(entity)) != tuple(by_fsdb(entity).values())[:-1]:
                    raise AssertionError(f"the two ways do not read the same values of entity {entity}")
            with _one_core(connection):
                value, baseline = _interleaved(by_fsdb, by_hand)
            yield at_most("vector", f"sets_{count}", value, unit="ms", baseline=baseline, target=TARGETS[count])
    store.close()


def _columns(name: str) -> list[str]:
    return [f"{name}_f{number}" for number in range(1, FEATURES + 1)]


def _fill(connection: psycopg.Connection, name: str) -> None:
    """A set whose entities have several versions each."""
    features = tuple(Feature(column, "double precision") for column in _columns(name))
    with connection.transaction():
        history.create(connection, FeatureSet(name, {"id": "bigint"}, features, max_age="100 days"))
    start = datetime.now(UTC) - timedelta(days=VERSIONS + 1)
    values = SQL(", ").join([SQL("random()")] * FEATURES)
    columns = SQL(", ").join(map(Identifier, _columns(name)))
    insert = SQL(
        "INSERT INTO {} (id, {}, event_time) SELECT id, {}, %s FROM generate_series(1, %s) AS id"
        " ON CONFLICT (id) DO UPDATE SET event_time = excluded.event_time, {}"
    ).format(
        Identifier(name),
        columns,
        values,
        SQL(", ").join([SQL("{0} = excluded.{0}").format(Identifier(column)) for column in _columns(name)]),
    )
    for version in range(VERSIONS):
        connection.execute(insert, (start + timedelta(days=version), ENTITIES))
    connection.execute(SQL("VACUUM ANALYZE {}").format(Identifier(name)))
    connection.execute(SQL("VACUUM ANALYZE {}").format(Identifier("fsdb_history", name)))


def _by_hand(names: list[str]) -> Any:
    """What one would write for the live tables alone."""
    columns = [Identifier(name, column) for name in names for column in _columns(name)]
    joins = [SQL("LEFT JOIN {0} ON {0}.id = {1}.id").format(Identifier(n), Identifier(names[0])) for n in names[1:]]
    return SQL("SELECT {} FROM {} {} WHERE {}.id = %s").format(
        SQL(", ").join(columns), Identifier(names[0]), SQL(" ").join(joins), Identifier(names[0])
    )


@contextmanager
def _one_core(connection: psycopg.Connection) -> Iterator[None]:
    """Keeps this process and the sessions of its database on one core, where the system can and the server is on this machine."""
    if not hasattr(os, "sched_setaffinity") or not connection.info.host.startswith("/"):
        yield
        return
    cores = os.sched_getaffinity(0)
    sessions = connection.execute(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend'"
    ).fetchall()
    for process in (0, *(pid for (pid,) in sessions)):
        os.sched_setaffinity(process, {min(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def _interleaved(by_fsdb: Callable[[int], Any], by_hand: Callable[[int], Any]) -> tuple[float, float]:
    """Median milliseconds of each, called in turns on the same entities."""
    times: dict[Callable[[int], Any], list[float]] = {by_fsdb: [], by_hand: []}
    chance = random.Random(0)
    for _ in range(ROUNDS):
        entities = [chance.randint(1, ENTITIES) for _ in range(CALLS)]
        for call, taken in times.items():
            for entity in entities:
                begin = time.perf_counter()
                call(entity)
                taken.append(time.perf_counter() - begin)
    return statistics.median(times[by_fsdb]) * 1000, statistics.median(times[by_hand]) * 1000
