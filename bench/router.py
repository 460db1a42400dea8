"""Whether the router chooses well: over a grid of spines and histories, the chosen engine's time against the best engine's.

10 features of double precision, 20 versions of each key (bigint), all of them in the copy; the spine an Arrow table of random keys and moments,
the result an Arrow table. The machine is calibrated first, as a user would do. A time is the best of several runs. Each cell goes
to standard error as soon as it is measured.
"""

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from tempfile import TemporaryDirectory

import psycopg
from rich.console import Console

import fsdb
from bench.report import Case, within
from fsdb import calibration, columnar, db
from fsdb.calibration import versions as made
from fsdb.store import Store
from fsdb.table import Table

ENGINES = ("postgres", "duckdb")
SPINES = (100, 1_000, 10_000, 100_000, 1_000_000)
VERSIONS = (10_000, 100_000, 1_000_000, 10_000_000)
FEATURES = 10
ENOUGH = 1.0  # seconds: a run is repeated until all took as long together,
LEAST, MOST = 2, 5  # at least and at most so often
CLOSE, SHARE, WORST = 1.3, 0.9, 2.0


@dataclass(frozen=True)
class Cell:
    """One spine over one history: what the router expected and what was measured, in seconds by engine, and the engine it chose."""

    spine: int
    versions: int
    expected: dict[str, float]
    taken: dict[str, float]
    chosen: str

    @property
    def ratio(self) -> float:
        """The chosen engine's time against the best one's."""
        return self.taken[self.chosen] / min(self.taken.values())


def run(url: str, versions: float = VERSIONS[-1], spine: float = SPINES[-1]) -> Iterator[Case]:
    """The cases within_1.3x (share of the cells) and worst (ratio), of the part of the grid up to these sizes."""
    histories = [count for count in VERSIONS if count <= versions]
    spines = [rows for rows in SPINES if rows <= spine]
    cells = []
    with TemporaryDirectory(prefix="fsdb-router-") as warehouse, fsdb.connect(url) as store:
        _say(calibration.calibrate(url).table)
        for count in histories:
            name = f"versions_{count}"
            with psycopg.connect(url, autocommit=True) as connection:
                db.configure(connection)
                made.load(connection, name, count, features=FEATURES)
            columnar.sync(url, [name], warehouse=warehouse)
            for rows in spines:
                cells.append(_cell(store, name, count, rows))
                sys.stderr.write(f"{cells[-1]}\n")
    _say(_shown(cells))
    share = sum(cell.ratio <= CLOSE for cell in cells) / len(cells)
    yield Case("router", "within_1.3x", share, "share", None, None, f">= {SHARE:g}", share >= SHARE)
    yield within("router", "worst", max(cell.ratio for cell in cells), unit="ratio", target=WORST)


def _cell(store: Store, name: str, count: int, rows: int) -> Cell:
    taken = {engine: _best(store, name, count, rows, engine) for engine in ENGINES}
    candidates = _built(store, name, count, rows, "auto")[1].routing
    expected = {one.engine: one.seconds or 0.0 for one in candidates.candidates if one.engine in ENGINES}
    return Cell(rows, count, expected, taken, candidates.engine)


def _best(store: Store, name: str, count: int, rows: int, engine: str) -> float:
    times: list[float] = []
    while len(times) < LEAST or (len(times) < MOST and sum(times) < ENOUGH):
        times.append(_built(store, name, count, rows, engine)[0])
    return min(times)


def _built(store: Store, name: str, count: int, rows: int, engine: str) -> tuple[float, fsdb.training.TrainingSet]:
    asked = made.spine(rows, count)
    features = [f"{name}.f{number}" for number in range(1, FEATURES + 1)]
    begin = time.perf_counter()
    built = store.training_set(spine=asked, features=features, timestamp="at", engine=engine)
    built.to_arrow()
    return time.perf_counter() - begin, built


def _shown(cells: list[Cell]) -> Table:
    columns = [f"{engine}_{what}" for what in ("expected", "taken") for engine in ENGINES]
    rows = [
        (
            f"{c.spine:,}",
            f"{c.versions:,}",
            *(c.expected[e] for e in ENGINES),
            *(c.taken[e] for e in ENGINES),
            c.chosen,
            c.ratio,
        )
        for c in cells
    ]
    return Table.of(("spine", "versions", *columns, "chosen", "ratio"), rows)


def _say(table: Table) -> None:
    Console(file=sys.stderr, width=160).print(table)
