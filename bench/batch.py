"""How fast a run of a batch set takes the rows of its query, beside a bare INSERT … SELECT of the same rows into a set of the same shape.

Both write history. A run looks at the query first, stages its rows, refuses two of one key and time, passes over what is known, and leaves its record.
"""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from statistics import median

import psycopg
from psycopg.sql import SQL, Composed, Identifier

import fsdb
from bench.report import Case, at_least, within

FEATURES = [f"f{number}" for number in range(10)]
FIRST = datetime(2026, 1, 1, tzinfo=UTC)
SPEED, EMPTY = 0.4, 0.5  # of the bare statement's; seconds of a run without rows
TIMES = 3


def run(url: str, rows: float = 1e5) -> Iterator[Case]:
    """The cases first_run (new keys), next_run (each key again), in_sql (new keys, by fsdb.run_due's function), in rows/s, and empty_run, in seconds."""
    count = int(rows)
    with fsdb.connect(url) as store, psycopg.connect(url, autocommit=True) as connection:
        numbers = ", ".join(f"random() AS {name}" for name in FEATURES)
        connection.execute(
            SQL("CREATE TABLE source AS SELECT k, {} FROM generate_series(1, {}) k").format(SQL(numbers), count)
        )
        connection.execute("VACUUM ANALYZE source")
        first: dict[str, list[float]] = {}
        again: dict[str, list[float]] = {}
        for turn in range(TIMES):
            names = {kind: f"{kind}_{turn}" for kind in ("bare", "run", "sql")}
            store.apply([_batch(name) for name in names.values()])
            for day, found in ((0, first), (1, again)):
                until = FIRST + timedelta(days=day + 1)
                _note(found, "bare", _bare(connection, names["bare"], until))
                begun = time.perf_counter()
                store.run(names["run"], until - timedelta(days=1), until)
                _note(found, "run", time.perf_counter() - begun)
                connection.execute(
                    "UPDATE fsdb.schedules SET began = %s, coming = ARRAY[%s] WHERE name = %s",
                    (until - timedelta(days=1), until, names["sql"]),
                )
                begun = time.perf_counter()
                done = connection.execute("SELECT fsdb.run_slot(%s)", (names["sql"],)).fetchone()
                _note(found, "sql", time.perf_counter() - begun)
                assert done == (True,)
        for case, found, kind in (("first_run", first, "run"), ("next_run", again, "run"), ("in_sql", first, "sql")):
            speed, bare = (count / median(found[one]) for one in (kind, "bare"))
            yield at_least("batch", case, speed, unit="rows/s", baseline=bare, target=SPEED)
        connection.execute("TRUNCATE source")
        begun = time.perf_counter()
        store.run("run_0", FIRST, FIRST + timedelta(days=1))
        yield within("batch", "empty_run", time.perf_counter() - begun, unit="s", target=EMPTY)


def _batch(name: str) -> fsdb.BatchSet:
    features = [fsdb.Feature(feature, "double precision") for feature in FEATURES]
    # Other values each day.
    values = ", ".join(f"{feature} + extract(epoch FROM :until)::float8 AS {feature}" for feature in FEATURES)
    return fsdb.BatchSet(
        name,
        keys={"k": "bigint"},
        features=features,
        query=" ".join(["SELECT k,", values, "FROM source"]),
        schedule="0 0 * * *",
    )


def _bare(connection: psycopg.Connection, name: str, until: datetime) -> float:
    columns = SQL(", ").join(map(Identifier, FEATURES))
    values = SQL(", ").join([SQL("{} + {}").format(Identifier(one), until.timestamp()) for one in FEATURES])
    changed = SQL(", ").join([SQL("{0} = excluded.{0}").format(Identifier(one)) for one in [*FEATURES, "event_time"]])
    statement: Composed = SQL(
        "INSERT INTO {} (k, {}, event_time) SELECT k, {}, {} FROM source ON CONFLICT (k) DO UPDATE SET {}"
    ).format(Identifier(name), columns, values, until, changed)
    begun = time.perf_counter()
    connection.execute(statement)
    return time.perf_counter() - begun


def _note(found: dict[str, list[float]], kind: str, seconds: float) -> None:
    found.setdefault(kind, []).append(seconds)
