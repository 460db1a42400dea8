"""Dump and restore keep deployments of every kind: they go on scoring, and their predictions can be traced and replayed."""

import subprocess
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier

from fsdb import db
from fsdb.deployments import (
    deploy,
    lineage,
    list_deployments,
    replay,
    rollback,
    shadow,
    start_canary,
    status,
)
from tests.conftest import TestDatabase
from tests.deployments.attached import attached, insert, make, row
from tests.deployments.world import gradient_boosted
from tests.training.test_restore import PROGRAMS
from tests.worker.served import work_once

MANY = (
    "INSERT INTO {} (origin, carrier, tailnum, distance, hour) SELECT 'JFK', '1', n, n, 3 FROM generate_series(1, 40) n"
)
KINDS = ("flight_delay", "flight_delay_shadow", "orders_predictions", "aside")


def _write(connection: psycopg.Connection, number: int) -> None:
    """Rows into every table that is scored, and a change that scores an order again."""
    for table in ("flight_delay", "aside"):
        connection.execute(SQL(MANY).format(Identifier(table)))
    insert(connection, row(number), row(number + 1, distance=2.5))
    connection.execute('UPDATE orders SET hour = hour + 1 WHERE "Order No" = %s', [number])


@pytest.mark.slow
def test_deployments_of_every_kind_go_on(
    connection: psycopg.Connection, database: TestDatabase, other_server: str, tmp_path: Path
) -> None:
    for seed in range(2):
        make(connection, gradient_boosted(200, seed), sets=seed == 0)
    deploy(connection, "flight_delay", "flight_delay", version=1, on_error="null")
    start_canary(connection, "flight_delay", version=2, share=0.5, by=["distance"])
    shadow(connection, "flight_delay", version=2)
    attached(connection)
    deploy(connection, "flight_delay", "aside", runtime="worker")
    _write(connection, 1)
    dump = tmp_path / "dump.sql"
    subprocess.run([PROGRAMS / "pg_dump", "--no-owner", "--file", dump, database.url], check=True, capture_output=True)
    with psycopg.connect(other_server, autocommit=True) as admin:
        admin.execute("CREATE DATABASE restored")
    restored = make_conninfo(other_server, dbname="restored")
    load = [PROGRAMS / "psql", "--quiet", "--set", "ON_ERROR_STOP=1", "--file", dump, restored]
    done = subprocess.run(load, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with psycopg.connect(restored, autocommit=True) as other:
        db.configure(other)
        assert [deployed.name for deployed in list_deployments(other)] == sorted(KINDS)
        unsound = {n: [o for o in status(other, n) if o.state != "installed"] for n in KINDS}
        assert not any(unsound.values()), unsound
        before = {n: lineage(connection, n, 1).rows for n in KINDS}
        assert {n: lineage(other, n, 1).rows for n in KINDS} == before
        _write(other, 3)
        work_once(TestDatabase(restored, "restored"))
        for name, rows in zip(KINDS, (80, 80, 6, 80), strict=True):
            replayed = replay(other, name)
            assert (name, replayed.checked, replayed.different) == (name, rows, 0)
        versions = other.execute(
            "SELECT array_agg(DISTINCT model_version ORDER BY model_version) FROM flight_delay"
        ).fetchone()
        assert versions == ([1, 2],)
        for name in KINDS:
            with pytest.raises(psycopg.Error, match="fsdb: prediction"):
                other.execute(SQL("UPDATE {} SET prediction = NOT prediction").format(Identifier(name)))
        assert deploy(other, "flight_delay", "flight_delay", version=2).version == 2
        assert rollback(other, "flight_delay").version == 1
