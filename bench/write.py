"""What history costs: COPY, bulk UPDATE and single-row UPDATE of a live table, against a bare table with the same columns and primary key.

200,000 rows of 20 features. The runs of the two tables take turns, each on tables made anew; medians are compared.
"""

import random
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
from psycopg import Connection
from psycopg.sql import SQL, Composed, Identifier

from bench.report import Case, at_least, at_most
from fsdb import history
from fsdb.catalog.feature_sets import get_set
from fsdb.definitions import Feature, FeatureSet

ROWS = 200_000
FEATURES = 20
ROUNDS = 5
UPDATES = 2_000  # a round and table
COPY_TARGET, BULK_TARGET, SINGLE_TARGET = 0.45, 0.45, 1.4
NAMES = [f"f{number}" for number in range(FEATURES)]
TRACKED = FeatureSet(
    "with_history", keys={"id": "bigint"}, features=[Feature(name, "double precision") for name in NAMES]
)
BARE = Identifier("bare")
LIVE = Identifier("with_history")


def run(url: str) -> Iterator[Case]:
    """The cases copy and bulk_update in rows/s, single_update as p50 in µs, commit included."""
    data = _rows()
    with psycopg.connect(url, autocommit=True) as connection:
        seconds: dict[str, list[float]] = {}
        for _ in range(ROUNDS):
            for table, make in ((BARE, _make_bare), (LIVE, _make_live)):
                _one_round(connection, table, make, data, seconds)
    median = {name: statistics.median(values) for name, values in seconds.items()}
    for case, target in (("copy", COPY_TARGET), ("bulk_update", BULK_TARGET)):
        speed, bare = ROWS / median[f"{case} {LIVE}"], ROWS / median[f"{case} {BARE}"]
        yield at_least("write", case, speed, unit="rows/s", baseline=bare, target=target)
    single, bare = median[f"single {LIVE}"] * 1e6, median[f"single {BARE}"] * 1e6
    yield at_most("write", "single_update", single, unit="µs", baseline=bare, target=SINGLE_TARGET)


def _one_round(
    connection: Connection[Any],
    table: Identifier,
    make: Callable[[Connection[Any]], None],
    data: bytes,
    seconds: dict[str, list[float]],
) -> None:
    def timed(case: str, work: Callable[[], Any]) -> None:
        connection.execute("CHECKPOINT")
        before = time.perf_counter()
        work()
        seconds.setdefault(f"{case} {table}", []).append(time.perf_counter() - before)

    make(connection)
    timed("copy", lambda: _copy(connection, table, data))
    connection.execute(SQL("VACUUM ANALYZE {}").format(table))
    changed = SQL(", ").join([SQL("{0} = {0} + 1").format(Identifier(name)) for name in NAMES])
    every = SQL("UPDATE {} SET event_time = event_time + interval '1 hour', {}").format(table, changed)
    timed("bulk_update", lambda: connection.execute(every))
    connection.execute(SQL("VACUUM ANALYZE {}").format(table))
    connection.execute("CHECKPOINT")
    one = SQL("UPDATE {} SET event_time = clock_timestamp(), {} WHERE id = %s").format(table, changed)
    seconds.setdefault(f"single {table}", []).append(_single(connection, one))


def _single(connection: Connection[Any], statement: Composed) -> float:
    """The median duration of single-row updates, without the first ones, which plan."""
    chosen = random.Random(11).choices(range(ROWS), k=UPDATES)
    took = []
    for key in chosen:
        before = time.perf_counter()
        connection.execute(statement, (key,), prepare=True)
        took.append(time.perf_counter() - before)
    return statistics.median(took[UPDATES // 10 :])


def _make_bare(connection: Connection[Any]) -> None:
    columns = SQL(", ").join([SQL("{} double precision").format(Identifier(name)) for name in NAMES])
    connection.execute(SQL("DROP TABLE IF EXISTS {}").format(BARE))
    connection.execute(
        SQL("CREATE TABLE {} (id bigint PRIMARY KEY, {}, event_time timestamptz NOT NULL)").format(BARE, columns)
    )


def _make_live(connection: Connection[Any]) -> None:
    with connection.transaction():
        if connection.execute("SELECT to_regclass('with_history')").fetchone() != (None,):
            history.drop(connection, get_set(connection, TRACKED.name))
        history.create(connection, TRACKED)


def _copy(connection: Connection[Any], table: Identifier, data: bytes) -> None:
    names = SQL(", ").join([Identifier(name) for name in ("id", *NAMES, "event_time")])
    with connection.cursor().copy(SQL("COPY {} ({}) FROM STDIN").format(table, names)) as copy:
        for start in range(0, len(data), 1 << 20):
            copy.write(data[start : start + (1 << 20)])


def _rows() -> bytes:
    numbers = random.Random(7)
    lines = (
        "\t".join([str(key), *(repr(numbers.random()) for _ in NAMES), "2024-01-01 00:00:00+00"]) for key in range(ROWS)
    )
    return ("\n".join(lines) + "\n").encode()
