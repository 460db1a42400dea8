"""Point-in-time joins on the DuckDB engine: against the PostgreSQL engine, against reading the copy once, and in how much memory.

10 features of double precision, 20 versions of each key (bigint), the spine an Arrow table of random keys and moments, the
result a pandas frame from both engines. Every version is in the copy. With --hot, 100,000 versions and 100,000 rows of the spine are of
one key, and the time is compared with that of a spine as long over the same set which does not ask for that key. With --keys, keys are texts,
and an integer with a text.
"""

import resource
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import numpy as np
import psycopg
import pyarrow as pa
from psycopg.sql import SQL, Composable, Identifier, Literal

import fsdb
from bench import pit_keys
from bench.cpu import Server
from bench.report import Case, at_least, at_most, within
from fsdb import columnar, db
from fsdb.calibration import versions as made
from fsdb.store import Store

BENCH, NAME = "pit", "readings"
FEATURES = [f"f{number}" for number in range(1, 11)]
HOT, HOT_KEY = 100_000, -1
ROUNDS, TURNS = 5, 2  # of DuckDB, and of PostgreSQL
SPEED, SCANS, PEAK, HOT_RATIO = 8, 2.2, 1000, 1.1


def run(url: str, versions: float = 2e6, spine: float = 2e5, hot: bool = False, keys: bool = False) -> Iterator[Case]:
    """The cases duckdb_vs_postgres (rows/s), duckdb_vs_scan (s), peak_mb, the first two in seconds of CPU, too; with hot the case hot (s), with keys text_keys and composite_keys (s)."""
    count, rows = int(versions), int(spine)
    if keys:
        with TemporaryDirectory(prefix="fsdb-pit-") as warehouse:
            yield from pit_keys.run(url, warehouse, count, rows, _scan)
        return
    with psycopg.connect(url, autocommit=True) as connection:
        db.configure(connection)
        made.load(connection, NAME, count - HOT * hot, keys=max(1, count // 20))
    asked = made.spine(rows, count)
    with TemporaryDirectory(prefix="fsdb-pit-") as warehouse, fsdb.connect(url) as store:
        if hot:
            store.ingest(NAME, _hot_versions(count), event_time="event_time")
        columnar.sync(url, [NAME], warehouse=warehouse)
        with store.transaction() as connection:
            copy = columnar.read_copy(connection, NAME)
        assert copy is not None
        assert copy.rows == count
        if hot:
            yield from _hot(store, asked)
            return
        server = Server(url)
        ways: dict[str, Callable[[], Any]] = {
            "postgres": lambda: _built(store, asked, "postgres"),
            "duckdb": lambda: _built(store, asked, "duckdb"),
            "scan": lambda: _scan(copy),
        }
        taken: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
        for turn in range(ROUNDS):
            for way, call in ways.items():
                if turn < TURNS or way != "postgres":
                    taken[way].append(server.timed(call))
        _check(store, asked)
        clock = {way: statistics.median(seconds for seconds, _ in times) for way, times in taken.items()}
        cpu = {way: min(seconds for _, seconds in times) for way, times in taken.items()}
        speeds = {way: rows / seconds for way, seconds in clock.items()}
        yield at_least(
            BENCH, "duckdb_vs_postgres", speeds["duckdb"], unit="rows/s", baseline=speeds["postgres"], target=SPEED
        )
        more = cpu["postgres"] / cpu["duckdb"]
        yield Case(BENCH, "duckdb_vs_postgres_cpu", cpu["duckdb"], "s", cpu["postgres"], more, "", True)
        yield at_most(BENCH, "duckdb_vs_scan", clock["duckdb"], unit="s", baseline=clock["scan"], target=SCANS)
        yield at_most(BENCH, "duckdb_vs_scan_cpu", cpu["duckdb"], unit="s", baseline=cpu["scan"], target=SCANS)
        with ProcessPoolExecutor(1, get_context("spawn")) as apart:
            peak = apart.submit(_peak, url, rows, count).result()
        yield within(BENCH, "peak_mb", peak, unit="MB", target=PEAK)


def _hot(store: Store, asked: pa.Table) -> Iterator[Case]:
    """The same spine with and without rows of the hot key, by turns."""
    ids = asked.column("id").to_numpy().copy()
    ids[np.random.default_rng(1).choice(len(ids), min(HOT, len(ids) // 2), replace=False)] = HOT_KEY
    heated = asked.set_column(0, "id", pa.array(ids))
    times: dict[bool, list[float]] = {True: [], False: []}
    for _ in range(ROUNDS):
        for with_hot, spine in ((True, heated), (False, asked)):
            times[with_hot].append(_timed(lambda spine=spine: _built(store, spine, "duckdb")))  # type: ignore[misc]
    _check(store, heated)
    value, baseline = statistics.median(times[True]), statistics.median(times[False])
    yield at_most(BENCH, "hot", value, unit="s", baseline=baseline, target=HOT_RATIO)


def _hot_versions(count: int) -> pa.Table:
    """Versions of the hot key, spread over the time of all the others."""
    seconds = np.linspace(0, count, HOT, dtype=np.int64)
    first = int(made.START.timestamp())
    at = pa.array((first + seconds) * 1_000_000 + np.arange(HOT)).cast(pa.timestamp("us", "UTC"))
    values = np.random.default_rng(2).random((len(FEATURES), HOT))
    columns = dict(zip(FEATURES, values, strict=True))
    return pa.table({"id": np.full(HOT, HOT_KEY), "event_time": at, **columns})


def _built(store: Store, spine: pa.Table, engine: str) -> Any:
    references = [f"{NAME}.{feature}" for feature in FEATURES]
    return store.training_set(spine=spine, features=references, timestamp="at", engine=engine, known="now").to_pandas()


def _scan(copy: columnar.Copy, keys: Sequence[str] = ("id",)) -> Any:
    """Reads every column that a join needs, whole, as DuckDB reads Parquet."""
    parts: list[Composable] = [SQL("sum({})").format(Identifier(feature)) for feature in FEATURES]
    parts += [SQL("max({})").format(Identifier(key)) for key in keys]
    parts += [SQL("bit_xor(version_id), bit_xor(epoch_us(event_time)), bit_xor(epoch_us(recorded_at))")]
    parts += [SQL("count(*) FILTER (deleted)")]
    files = SQL(", ").join([Literal(file.path.removeprefix("file://")) for file in copy.files])
    query = SQL("SELECT {} FROM read_parquet([{}])").format(SQL(", ").join(parts), files)
    with duckdb.connect() as connection:
        return connection.execute(query.as_string(None)).fetchall()


def _check(store: Store, spine: pa.Table) -> None:
    """Both engines give the same rows: else the comparison says nothing."""
    some = spine.slice(0, 50_000)
    if not _built(store, some, "duckdb").equals(_built(store, some, "postgres")):
        raise AssertionError("the engines do not give the same rows")


def _peak(url: str, rows: int, count: int) -> float:
    """MB that a process takes at most which does nothing but build this training set."""
    with fsdb.connect(url) as store:
        _built(store, made.spine(rows, count), "duckdb")
    return most_memory()


def most_memory() -> float:
    """MB that this process has taken at most. Where Linux tells, without what its parent had when it was forked, which getrusage counts."""
    status = Path("/proc/self/status")
    if status.exists():
        (held,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(held.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _timed(call: Callable[[], Any]) -> float:
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin
