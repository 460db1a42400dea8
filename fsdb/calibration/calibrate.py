"""Measures the engines in a scratch database and keeps what their units cost."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from psycopg import Connection

from fsdb import db
from fsdb.calibration import samples
from fsdb.calibration.fit import Sample, fitted
from fsdb.calibration.scratch import scratch
from fsdb.engines import costs, router, unit_costs
from fsdb.errors import UnknownName
from fsdb.table import Table

DEFAULT = ("postgres", "duckdb")  # Spark starts slowly, and a cluster is not for measuring unasked
_PACKAGES = {"duckdb": "duckdb", "spark": "pyspark"}


@dataclass(frozen=True)
class Calibration:
    """What was measured. costs: seconds by engine and unit. off: by which factor the model misses the samples, on average. absent: engines that cannot run here, and why."""

    costs: dict[str, dict[str, float]]
    off: dict[str, float]
    absent: dict[str, str]

    @property
    def table(self) -> Table:
        """A row for each unit: what one costs here and by the built-in constants, in microseconds."""
        rows = [
            (engine, unit.name, measured[unit.name] * 1e6, unit.seconds * 1e6, unit.meaning)
            for engine, measured in self.costs.items()
            for unit in costs.UNITS[engine]
        ]
        return Table.of(("engine", "unit", "here_us", "built_in_us", "of"), rows, "Calibrated")


def calibrate(url: str, engines: Sequence[str] = DEFAULT, progress: Callable[[str], None] | None = None) -> Calibration:
    """Measures engines in a database of its own beside the one at `url`, and keeps their costs in this one's catalog.

    About half a minute on an idle machine; what else runs at the time is measured with it. progress is called with what is done
    next, `steps(engines)` times. Raises UnknownName for an engine that there is not, FsdbError without the right to create a database.
    """
    for engine in engines:
        if engine not in router.ENGINES or engine not in costs.UNITS:
            raise UnknownName(f"There is no engine {engine!r} to measure: choose one of {', '.join(costs.UNITS)}.")
    found: dict[str, dict[str, float]] = {}
    off: dict[str, float] = {}
    absent: dict[str, str] = {}
    with scratch(url) as where:
        for engine, taken in samples.measured(where, engines, progress or _silent):
            if isinstance(taken, str):
                absent[engine] = taken
                continue
            constants = {unit.name: unit.seconds for unit in costs.UNITS[engine]}
            found[engine] = fitted(constants, taken)
            off[engine] = _off(found[engine], taken)
    with db.connect(url, autocommit=True) as connection, connection.transaction():
        for engine, units in found.items():
            unit_costs.keep(connection, engine, units, _version(connection, engine))
    return Calibration(found, off, absent)


def steps(engines: Sequence[str] = DEFAULT) -> int:
    """How many times `calibrate` calls its progress."""
    return samples.steps(engines)


def _off(units: dict[str, float], taken: Sequence[Sample]) -> float:
    ratios = [sum(amount * units[unit] for unit, amount in one.amounts.items()) / one.seconds for one in taken]
    return float(sum(max(ratio, 1 / ratio) for ratio in ratios) / len(ratios))


def _version(connection: Connection[Any], engine: str) -> str:
    if engine in _PACKAGES:
        return f"{_PACKAGES[engine]} {version(_PACKAGES[engine])}"
    return f"PostgreSQL {connection.info.server_version // 10000}.{connection.info.server_version % 10000}"


def _silent(_: str) -> None:
    return None
