"""The runs that are measured: made-up feature sets, read for spines of different sizes by each engine."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from psycopg import Connection

from fsdb import columnar, db
from fsdb.calibration import versions
from fsdb.calibration.fit import Sample
from fsdb.calibration.scratch import Scratch
from fsdb.engines import costs
from fsdb.errors import EngineUnavailable
from fsdb.exchange import frames
from fsdb.sql import query
from fsdb.training import build

FILE = "engines/router"
Progress = Callable[[str], None]


@dataclass(frozen=True)
class MadeSet:
    """A feature set to measure on. padded: its versions fill many pages; copied: it has a columnar copy."""

    name: str
    versions: int
    features: int
    padded: bool = False
    copied: bool = True


@dataclass(frozen=True)
class Run:
    """A spine of so many rows, in memory or in the database, that reads features of some of the sets."""

    sets: tuple[str, ...]
    features: int
    rows: int
    in_database: bool = False


SETS = (
    MadeSet("small", 5_000, 10),
    MadeSet("other", 5_000, 10),
    MadeSet("large", 400_000, 10),
    MadeSet("tail", 50_000, 10, copied=False),
    MadeSet("wide", 1_000, 400),
)
LARGEST_CACHE = 1 << 30  # a server that keeps more pages in memory is not outgrown here; the page's constant stays
_BLOCK = 8192
# Spark takes seconds for anything, and is measured where its time is not all start-up.
RUNS = {
    "postgres": (
        Run(("small",), 1, 10),
        Run(("small", "other"), 10, 10),
        Run(("small",), 1, 2_000),
        Run(("small",), 10, 100_000),
        Run(("small",), 10, 100_000, in_database=True),
        Run(("large",), 1, 2_000),
        Run(("large",), 10, 20_000),
        Run(("large",), 1, 100_000),
        Run(("wide",), 400, 10),
        Run(("pages",), 2, 5_000),
        Run(("pages",), 2, 50_000),
    ),
    "duckdb": (
        Run(("small",), 1, 10),
        Run(("small", "other"), 10, 10),
        Run(("small",), 10, 100_000),
        Run(("small",), 10, 100_000, in_database=True),
        Run(("large",), 1, 100),
        Run(("large",), 10, 100),
        Run(("large",), 1, 100_000),
        Run(("large",), 10, 200_000),
        Run(("large",), 10, 20_000),
        Run(("wide",), 400, 10),
        Run(("tail",), 1, 10),
        Run(("tail",), 10, 1_000),
        Run(("tail",), 10, 50_000),
    ),
    "spark": (Run(("small",), 1, 10), Run(("large",), 10, 20_000), Run(("large",), 10, 200_000)),
}
LEAST_SECONDS = 0.4  # a run is repeated until it took as long together; the fastest counts
_LEAST, _MOST = 2, 8  # times
_WARM = Run(("small",), 1, 10)  # first of each engine, and not counted


def steps(engines: Sequence[str]) -> int:
    """How many steps `measured` reports for these engines, at most."""
    return len(SETS) + 1 + sum(1 + len(RUNS.get(engine, ())) for engine in engines)


def measured(where: Scratch, engines: Sequence[str], progress: Progress) -> Iterator[tuple[str, list[Sample] | str]]:
    """Samples of each engine, or why it cannot run here; progress is called with what is done next."""
    with db.connect(where.url, autocommit=True) as connection:
        sets = {one.name: one for one in (*SETS, *_beyond_memory(connection))}
        for one in sets.values():
            progress(f"{one.versions:,} versions")
            versions.load(connection, one.name, one.versions, features=one.features, padded=one.padded)
        columnar.sync(where.url, [one.name for one in sets.values() if one.copied], warehouse=where.warehouse)
        for engine in engines:
            progress(f"{engine} starts")
            try:
                _run(connection, sets, engine, _WARM)
            except EngineUnavailable as error:
                yield engine, str(error)
                continue
            samples = []
            for run in RUNS[engine]:
                progress(f"{engine}, {run.rows:,} rows")
                if all(name in sets for name in run.sets):
                    samples.append(_fastest(connection, sets, engine, run))
            yield engine, samples


def _fastest(connection: Connection[Any], sets: Mapping[str, MadeSet], engine: str, run: Run) -> Sample:
    """A run's fastest time: the others were disturbed."""
    times: list[Sample] = []
    while len(times) < _LEAST or (len(times) < _MOST and sum(one.seconds for one in times) < LEAST_SECONDS):
        times.append(_run(connection, sets, engine, run))
    return min(times, key=lambda one: one.seconds)


def _beyond_memory(connection: Connection[Any]) -> list[MadeSet]:
    """A set half as large again as what the server keeps in its memory."""
    row = connection.execute(query(FILE, "cache")).fetchone()
    assert row is not None
    return (
        [MadeSet("pages", row[0] * 3 // 2 // _BLOCK, 2, padded=True, copied=False)] if row[0] <= LARGEST_CACHE else []
    )


def _run(connection: Connection[Any], sets: Mapping[str, MadeSet], engine: str, run: Run) -> Sample:
    """One run, to the rows in memory."""
    chosen = [sets[name] for name in run.sets]
    features = [f"{one.name}.f{number}" for one in chosen for number in range(1, run.features + 1)]
    rows = versions.spine(run.rows, min(one.versions for one in chosen))
    with connection.transaction(force_rollback=True), ExitStack() as staging:
        spine: Any = rows
        if run.in_database:
            columns = frames.columns_of(rows.schema, "spine")
            staged = frames.staged(connection, rows.schema, rows.to_batches(), columns)
            spine = staging.enter_context(staged).as_string(connection)
        built = build(connection, spine=spine, features=features, timestamp="at", engine=engine)
        begin = perf_counter()
        built.to_arrow()
        seconds = built.routing.seconds + perf_counter() - begin
    return Sample(costs.AMOUNTS[engine](built.routing.work, True), seconds)
