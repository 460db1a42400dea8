"""Point-in-time joins on the Spark engine in local mode: the rows of the DuckDB engine, and how long both take.

The set and the spine of the benchmark `pit`: 10 features of double precision, 20 versions of each key (bigint), every version
in the copy, the result an Arrow table in memory. The case is kept where the rows are the same; times are for orientation: on one machine
DuckDB has no reason to be slower.
"""

import time
from collections.abc import Iterator
from tempfile import TemporaryDirectory

import psycopg

import fsdb
from bench.report import Case
from fsdb import columnar, db
from fsdb.calibration import versions as made
from fsdb.engines.spark.session import session
from fsdb.store import Store
from fsdb.training import TrainingSet

BENCH, NAME = "spark", "readings"
FEATURES = [f"{NAME}.f{number}" for number in range(1, 11)]
TURNS = 3


def run(url: str, versions: float = 2e6, spine: float = 2e5) -> Iterator[Case]:
    """The cases start (s), first (s, code not compiled yet) and join (s, the best of some)."""
    count, rows = int(versions), int(spine)
    with psycopg.connect(url, autocommit=True) as connection:
        db.configure(connection)
        made.load(connection, NAME, count, keys=max(1, count // 20))
    asked = made.spine(rows, count)
    with TemporaryDirectory(prefix="fsdb-spark-bench-") as warehouse, fsdb.connect(url) as store:
        columnar.sync(url, [NAME], warehouse=warehouse)
        begin = time.perf_counter()
        started = session()
        yield Case(BENCH, "start", time.perf_counter() - begin, "s", None, None, "", True)
        try:
            times: dict[str, list[float]] = {"spark": [], "duckdb": []}
            hashes = set()
            for _ in range(TURNS):
                for engine, taken in times.items():
                    begin = time.perf_counter()
                    built = _built(store, asked, engine)
                    taken.append(time.perf_counter() - begin)
                    hashes.add(built.content_hash)
        finally:
            started.stop()
    same = len(hashes) == 1
    for case, value, baseline in (
        ("first", times["spark"][0], times["duckdb"][0]),
        ("join", min(times["spark"]), min(times["duckdb"])),
    ):
        yield Case(BENCH, case, value, "s", baseline, value / baseline, "rows equal to DuckDB's", same)


def _built(store: Store, spine: object, engine: str) -> TrainingSet:
    built = store.training_set(spine=spine, features=FEATURES, timestamp="at", engine=engine)
    built.to_arrow()
    return built
