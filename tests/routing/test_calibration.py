"""fsdb calibrate: costs fitted to times, kept in the catalog, and used from then on."""

import json
from typing import Any
from uuid import uuid4

import numpy as np
import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier

from fsdb import calibration
from fsdb.calibration import samples
from fsdb.calibration.fit import Sample, fitted
from fsdb.calibration.samples import MadeSet, Run
from fsdb.cli import main
from fsdb.engines import costs
from fsdb.engines.protocol import Absence
from fsdb.engines.router import ENGINES
from fsdb.errors import FsdbError, UnknownName
from fsdb.training import build
from tests.conftest import TestDatabase
from tests.routing.engines import Fake


def test_costs_come_out_of_times() -> None:
    constants = {"start": 1e-2, "row": 1e-6, "value": 1e-7, "never": 5.0}
    true = {"start": 3e-2, "row": 2e-7, "value": 8e-7}
    chance = np.random.default_rng(1)
    taken = []
    for rows in (1, 10, 1_000, 10_000, 100_000, 1_000_000, 3_000_000):
        for width in (0, 10):
            amounts = {"start": 1.0, "row": float(rows), "value": float(rows * width)}
            seconds = sum(amounts[unit] * cost for unit, cost in true.items())
            taken.append(Sample(amounts, seconds * chance.uniform(0.95, 1.05)))
    found = fitted(constants, taken)
    assert found["never"] == 5.0
    for unit, cost in true.items():
        assert found[unit] == pytest.approx(cost, rel=0.25)
    for sample in taken:
        estimate = sum(sample.amounts[unit] * found[unit] for unit in true)
        assert estimate == pytest.approx(sample.seconds, rel=0.15)


def test_absurd_times_do_not_lead_to_absurd_costs() -> None:
    found = fitted(
        {"start": 1e-3, "row": 1e-6}, [Sample({"start": 1, "row": 10}, 1e4), Sample({"start": 1, "row": 1e7}, 1e-6)]
    )
    assert 1e-3 / 31 < found["start"] < 1e-3 * 31
    assert 1e-6 / 31 < found["row"] < 1e-6 * 31
    assert fitted({"start": 1e-3}, []) == {"start": 1e-3}


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small sets and few runs."""
    monkeypatch.setattr(samples, "SETS", (MadeSet("small", 200, 2), MadeSet("tail", 100, 2, copied=False)))
    monkeypatch.setattr(samples, "LARGEST_CACHE", 0)
    monkeypatch.setattr(samples, "LEAST_SECONDS", 0.0)
    runs = (
        Run(("small",), 1, 10),
        Run(("small",), 2, 300, in_database=True),
        Run(("small", "tail"), 2, 10),
        Run(("pages",), 1, 1),
    )
    monkeypatch.setattr(samples, "RUNS", {"postgres": runs, "duckdb": runs})


def databases(connection: psycopg.Connection) -> list[str]:
    rows = connection.execute("SELECT datname FROM pg_database WHERE datname LIKE 'fsdb_calibration_%'").fetchall()
    return [name for (name,) in rows]


@pytest.mark.slow
@pytest.mark.usefixtures("quick")
def test_what_is_measured_is_kept_and_counts(database: TestDatabase, weather: psycopg.Connection, asked: Any) -> None:
    before = build(weather, **asked).routing
    told: list[str] = []
    found = calibration.calibrate(database.url, progress=told.append)
    assert set(found.costs) == {"postgres", "duckdb"}
    assert found.absent == {}
    assert 0 < len(told) <= calibration.steps()
    kept = weather.execute("SELECT engine, unit, seconds, version FROM fsdb.calibrations").fetchall()
    assert {(engine, unit): seconds for engine, unit, seconds, _ in kept} == {
        (engine, unit): seconds for engine, units in found.costs.items() for unit, seconds in units.items()
    }
    assert {version.split()[0] for *_, version in kept} == {"PostgreSQL", "duckdb"}
    assert databases(weather) == []
    after = build(weather, **asked).routing
    assert after.estimated != before.estimated
    assert after.estimated == pytest.approx(
        sum(
            amount * found.costs[after.engine][unit]
            for unit, amount in costs.AMOUNTS[after.engine](after.work, True).items()
        )
    )
    again = calibration.calibrate(database.url, ["postgres"])
    assert set(again.costs) == {"postgres"}
    assert weather.execute("SELECT count(*) FROM fsdb.calibrations").fetchone() == (len(kept),)


@pytest.mark.usefixtures("quick")
def test_an_absent_engine_is_told(database: TestDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ENGINES, "duckdb", Fake("duckdb", Absence("the package duckdb is not installed.")))
    found = calibration.calibrate(database.url)
    assert set(found.costs) == {"postgres"}
    assert "not installed" in found.absent["duckdb"]
    with pytest.raises(UnknownName, match="no engine 'oracle' to measure: choose one of postgres, duckdb"):
        calibration.calibrate(database.url, ["oracle"])


@pytest.mark.usefixtures("quick")
def test_nothing_is_left_where_it_fails(
    database: TestDatabase, connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(what: str) -> None:
        if "rows" in what:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        calibration.calibrate(database.url, progress=fail)
    assert databases(connection) == []
    assert connection.execute("SELECT count(*) FROM fsdb.calibrations").fetchone() == (0,)


def test_without_the_right_to_create_a_database(database: TestDatabase, connection: psycopg.Connection) -> None:
    name = f"plain_{uuid4().hex[:8]}"
    connection.execute(SQL("CREATE ROLE {} LOGIN PASSWORD 'secret'").format(Identifier(name)))
    try:
        with pytest.raises(FsdbError, match=f"User {name} may not create the database that fsdb calibrate measures in"):
            calibration.calibrate(make_conninfo(database.url, user=name, password="secret"))
    finally:
        connection.execute(SQL("DROP ROLE {}").format(Identifier(name)))


@pytest.mark.usefixtures("quick")
def test_the_command(
    database: TestDatabase, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FSDB_URL", database.url)
    assert main(["calibrate", "--engine", "postgres", "--json"]) == 0
    printed = capsys.readouterr()
    rows = json.loads(printed.out)
    assert [row["unit"] for row in rows] == [unit.name for unit in costs.UNITS["postgres"]]
    assert all(row["here_us"] > 0 and row["built_in_us"] > 0 for row in rows)
    assert "by a factor of" in printed.err
    assert main(["calibrate", "--engine", "oracle"]) == 1
    assert "no engine 'oracle'" in capsys.readouterr().err
