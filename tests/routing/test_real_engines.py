"""The engines that there are: absent, failing to start, or with a copy that is broken, and the answer that comes all the same."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from fsdb import columnar
from fsdb.columnar import reading
from fsdb.errors import CopyBroken, EnginePassedOver, EngineUnavailable
from fsdb.training import build
from tests.conftest import TestDatabase


@pytest.fixture
def copied(database: TestDatabase, weather: psycopg.Connection, tmp_path: Path) -> Iterator[Path]:
    """The set's copy; DuckDB is thought the cheapest, PostgreSQL the next."""
    columnar.sync(database.url, warehouse=str(tmp_path / "warehouse"))
    weather.execute(
        "INSERT INTO fsdb.calibrations (engine, unit, seconds, version)"
        " VALUES ('duckdb', 'start', 1e-9, ''), ('duckdb', 'read', 1e-9, ''), ('spark', 'session', 1e9, '')"
    )
    yield tmp_path / "warehouse"
    reading.forget()


def test_the_cheapest_of_the_real_ones(copied: Path, weather: psycopg.Connection, asked: Any) -> None:
    expected = build(weather, **asked, engine="postgres")
    built = build(weather, **asked)
    assert built.engine == "duckdb"
    assert built.to_arrow().equals(expected.to_arrow())
    (read,) = built.explain().sets.to_dicts()
    assert (read["rows_in_copy"], read["rows_in_tail"], read["files_read"]) == (3, 0, 1)


def test_an_absent_package(
    copied: Path, weather: psycopg.Connection, asked: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fsdb.engines.duckdb.engine.find_spec", lambda _: None)
    with pytest.warns(EnginePassedOver, match=r"duckdb was passed over: .*not installed.*built by postgres instead"):
        built = build(weather, **asked)
    assert built.to_arrow()["temp"].to_pylist() == [39.0, 41.0]
    with pytest.raises(EngineUnavailable, match="not installed"):
        build(weather, **asked, engine="duckdb")


def test_an_engine_that_does_not_start(
    copied: Path, weather: psycopg.Connection, asked: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FSDB_MEMORY", "plenty")
    with weather.transaction():
        with pytest.warns(EnginePassedOver, match="DuckDB does not start"):
            built = build(weather, **asked)
        assert weather.execute("SELECT 1").fetchone() == (1,)
    assert (built.engine, built.to_arrow()["temp"].to_pylist()) == ("postgres", [39.0, 41.0])


@pytest.mark.parametrize("pattern", ["**/*.parquet", "**/*.avro", "**/*.json"])
def test_a_copy_that_is_broken(copied: Path, weather: psycopg.Connection, asked: Any, pattern: str) -> None:
    files = list(copied.glob(pattern))
    assert files
    for file in files:
        file.unlink()
    reading.forget()
    with pytest.warns(EnginePassedOver, match="duckdb was passed over: .*fsdb sync --rebuild"):
        built = build(weather, **asked)
    assert (built.engine, built.to_arrow()["temp"].to_pylist()) == ("postgres", [39.0, 41.0])
    with pytest.raises(CopyBroken, match="fsdb sync --rebuild"):
        build(weather, **asked, engine="duckdb")


def test_fsdb_without_the_packages_of_engines(database: TestDatabase, weather: psycopg.Connection) -> None:
    code = """
import sys
for name in ("duckdb", "pyspark", "pyiceberg"):
    sys.modules[name] = None
import fsdb
with fsdb.connect(sys.argv[1]) as store:
    spine = "SELECT 'JFK' AS origin, '2013-01-01 13:00+00'::timestamptz AS at"
    print(store.training_set(spine=spine, features=["weather.temp"], timestamp="at", known="now").to_arrow()["temp"].to_pylist())
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, database.url],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (done.stdout, done.returncode) == ("[41.0]\n", 0), done.stderr
