"""What engines cost: seconds as a sum of things counted, each times what one of it costs.

What is counted follows from `Work`; what one costs are constants measured on an ordinary machine of two cores, until
`fsdb calibrate` has measured this one. docs/engines.md shows the table.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import log2

from fsdb.engines.work import Work

Amounts = dict[str, float]


@dataclass(frozen=True)
class Unit:
    """Something that an engine's time is counted in. seconds: what one costs where nothing was measured."""

    name: str
    seconds: float
    meaning: str


UNITS: dict[str, tuple[Unit, ...]] = {
    "postgres": (
        Unit("start", 6e-3, "a query: settings, the round trips"),
        Unit("read", 1e-3, "a feature set: planning its part of the query"),
        Unit("column", 1e-4, "a feature: its part of the query and of its plan"),
        Unit("spine_row", 1.5e-6, "a spine row from memory that is copied into a temporary table"),
        Unit("descent", 1.5e-6, "the look-up of one spine row in one feature set, without the way down its index"),
        Unit("level", 1.5e-7, "halving the versions that are left on the way down, so log2(versions) a look-up"),
        Unit("page", 4e-6, "a page of history or index that is not in the server's own memory; two a look-up at most"),
        Unit(
            "event",
            2e-6,
            "an event in a spine row's longest window, and once more for each feature: read, asked whether it holds, added up",
        ),
        Unit("value", 1.5e-7, "eight bytes of output: sent as CSV, parsed into Arrow"),
    ),
    "duckdb": (
        Unit("start", 2.5e-2, "starting DuckDB"),
        Unit("read", 2e-2, "a feature set: opening its files, the tail's query"),
        Unit("column", 6e-4, "a feature: its part of the queries and of their plans"),
        Unit("spine_value", 3e-7, "a value of a spine that is in PostgreSQL, fetched from there"),
        Unit("spine_row", 4e-7, "a spine row that is matched with one feature set"),
        Unit("level", 4e-8, "halving the versions that are left of a spine row's key, so log2 of its versions a row"),
        Unit("scanned_row", 6e-8, "a version in the copy, or fetched from the tail, whose keys and times are scanned"),
        Unit("scanned_value", 8e-9, "eight bytes of a version's features in the files that are read"),
        Unit("tail_row", 8e-7, "a version that is not in the copy: its keys and times, fetched from PostgreSQL"),
        Unit("skipped_row", 2e-7, "a version of the copy among those that are searched for the tail"),
        Unit(
            "tail_value",
            1.5e-7,
            "eight bytes of features of such a version, where it is a spine row's; with its look-up",
        ),
        Unit("event", 1e-6, "a version of an event in copy or tail, put with those of its key"),
        Unit("value", 4e-8, "eight bytes of output"),
    ),
    "spark": (
        Unit("session", 8.0, "starting a session, where none is running"),
        Unit("start", 2.0, "jobs: their plans and compiled code"),
        Unit("read", 2.0, "a feature set: its files and its tail, two shuffles"),
        Unit("column", 5e-3, "a feature: its part of the plans and of compiled code"),
        Unit("spine_value", 1e-6, "a value of the spine that is put where Spark reads it"),
        Unit("spine_row", 2e-6, "a spine row that is matched with one feature set"),
        Unit("scanned_row", 4e-7, "a version that is sorted by its keys and times"),
        Unit("scanned_value", 2e-8, "eight bytes of a version's features in the files that are read"),
        Unit("tail_row", 2e-6, "a version that is not in the copy, put where Spark reads it"),
        Unit("tail_value", 2e-7, "eight bytes of such a version's features"),
        Unit("value", 1e-7, "eight bytes of output"),
    ),
}

PAGES = 2  # of a look-up: a leaf of the index and the version's own; the pages above stay in memory


def postgres(work: Work, started: bool) -> Amounts:  # noqa: ARG001
    """One index descent for each spine row and feature set, whatever else history holds."""
    size = sum(read.bytes for read in work.reads)
    missed = max(0.0, 1 - work.cache / size) if size else 0.0
    look_ups = work.spine_rows * len(work.reads)
    return {
        "start": 1,
        "read": len(work.reads),
        "column": work.features,
        "spine_row": work.spine_rows if work.in_memory else 0,
        "descent": look_ups,
        "level": work.spine_rows * sum(log2(read.versions + 2) for read in work.reads),
        "page": PAGES * missed * look_ups,
        "event": work.spine_rows * sum((r.window or 0) * (1 + r.features) for r in work.reads),
        "value": _output(work),
    }


def duckdb(work: Work, started: bool) -> Amounts:  # noqa: ARG001
    """A scan of the copy's and the tail's keys and times, then the matched versions' features."""
    fetched = [min(read.tail, work.spine_rows) for read in work.reads]
    return {
        "start": 1,
        "read": len(work.reads),
        "column": work.features,
        "spine_value": 0 if work.in_memory else work.spine_rows * work.spine_columns,
        "spine_row": work.spine_rows * len(work.reads),
        "level": work.spine_rows * sum(log2(read.per_key + 2) for read in work.reads),
        "scanned_row": sum(read.kept_rows + read.tail for read in work.reads),
        "scanned_value": sum(read.kept_rows * read.width / 8 for read in work.reads),
        "tail_row": work.tail,
        "skipped_row": sum(read.skipped for read in work.reads),
        "tail_value": sum(rows * (1 + read.width / 8) for rows, read in zip(fetched, work.reads, strict=True)),
        "event": sum(read.kept_rows + read.tail for read in work.reads if read.window is not None),
        "value": _output(work),
    }


def spark(work: Work, started: bool) -> Amounts:
    """A sort of the copy's and the tail's keys and times with the spine, then the matched versions' features."""
    return {
        "session": 0 if started else 1,
        "start": 1,
        "read": len(work.reads),
        "column": work.features,
        "spine_value": work.spine_rows * work.spine_columns,
        "spine_row": work.spine_rows * len(work.reads),
        "scanned_row": sum(read.kept_rows + read.tail for read in work.reads),
        "scanned_value": sum(read.kept_rows * read.width / 8 for read in work.reads),
        "tail_row": work.tail,
        "tail_value": sum(read.tail * read.width / 8 for read in work.reads),
        "value": _output(work),
    }


AMOUNTS: dict[str, Callable[[Work, bool], Amounts]] = {"postgres": postgres, "duckdb": duckdb, "spark": spark}


def estimate(engine: str, work: Work, measured: Mapping[tuple[str, str], float], started: bool = True) -> float | None:
    """Seconds that the engine would take; None for one that nothing is known of.

    measured: what one of an (engine, unit) costs on this machine, where that was measured. started: whether the engine is up.
    """
    if engine not in AMOUNTS:
        return None
    amounts = AMOUNTS[engine](work, started)
    return sum(amounts[unit.name] * measured.get((engine, unit.name), unit.seconds) for unit in UNITS[engine])


def _output(work: Work) -> float:
    return sum(work.spine_rows * read.width / 8 for read in work.reads)
