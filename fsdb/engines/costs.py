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
        Unit("start", 5e-3, "a query: planning, settings, the round trips"),
        Unit("spine_row", 1.5e-6, "a spine row from memory that is copied into a temporary table"),
        Unit("descent", 1.5e-6, "the look-up of one spine row in one feature set, without the way down its index"),
        Unit("level", 2e-7, "halving the versions that are left on the way down, so log2(versions) a look-up"),
        Unit("page", 4e-6, "a page of history or index that is not in the server's own memory; two a look-up at most"),
        Unit("value", 2e-7, "eight bytes of output: sent as CSV, parsed into Arrow"),
    ),
    "duckdb": (
        Unit("start", 2.5e-2, "starting DuckDB, and the round trips"),
        Unit("read", 2e-2, "a feature set: opening its files, the tail's query"),
        Unit("spine_row", 4e-7, "a spine row that is matched with one feature set"),
        Unit("scanned_row", 2.5e-8, "a version in the copy whose keys and times are scanned"),
        Unit("scanned_value", 4e-9, "eight bytes of a scanned version's features"),
        Unit("tail_row", 1.2e-6, "a version that is not in the copy and comes from PostgreSQL"),
        Unit("tail_value", 2e-7, "eight bytes of such a version's features"),
        Unit("value", 2e-8, "eight bytes of output"),
    ),
    "spark": (
        Unit("session", 8.0, "starting a session, where none is running"),
        Unit("start", 0.5, "a job: its plan and its compiled code"),
        Unit("read", 0.7, "a feature set: its files, its tail, two shuffles"),
        Unit("spine_row", 2e-6, "a spine row that is matched with one feature set"),
        Unit("scanned_row", 4e-7, "a version in the copy that is sorted by its keys and times"),
        Unit("scanned_value", 2e-8, "eight bytes of a scanned version's features"),
        Unit("tail_row", 2e-6, "a version that is not in the copy and comes from PostgreSQL"),
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
        "spine_row": work.spine_rows if work.in_memory else 0,
        "descent": look_ups,
        "level": work.spine_rows * sum(log2(read.versions + 2) for read in work.reads),
        "page": PAGES * missed * look_ups,
        "value": _output(work),
    }


def duckdb(work: Work, started: bool) -> Amounts:  # noqa: ARG001
    """A scan of the copy's narrow columns, the matched versions' features, and the whole tail."""
    return {"start": 1, **_scanning(work)}


def spark(work: Work, started: bool) -> Amounts:
    """As DuckDB, with a session to start first."""
    return {"session": 0 if started else 1, "start": 1, **_scanning(work)}


AMOUNTS: dict[str, Callable[[Work, bool], Amounts]] = {"postgres": postgres, "duckdb": duckdb, "spark": spark}


def estimate(engine: str, work: Work, measured: Mapping[tuple[str, str], float], started: bool = True) -> float | None:
    """Seconds that the engine would take; None for one that nothing is known of.

    measured: what one of an (engine, unit) costs on this machine, where that was measured. started: whether the engine is up.
    """
    if engine not in AMOUNTS:
        return None
    amounts = AMOUNTS[engine](work, started)
    return sum(amounts[unit.name] * measured.get((engine, unit.name), unit.seconds) for unit in UNITS[engine])


def _scanning(work: Work) -> Amounts:
    return {
        "read": len(work.reads),
        "spine_row": work.spine_rows * len(work.reads),
        "scanned_row": sum(read.kept_rows for read in work.reads),
        "scanned_value": sum(read.kept_rows * read.width / 8 for read in work.reads),
        "tail_row": work.tail,
        "tail_value": sum(read.tail * read.width / 8 for read in work.reads),
        "value": _output(work),
    }


def _output(work: Work) -> float:
    return sum(work.spine_rows * read.width / 8 for read in work.reads)
