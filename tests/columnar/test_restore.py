"""A database with copies, dumped and restored into another server: both go on, and every saved training set is what it was."""

import subprocess
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from fsdb import db
from fsdb.columnar import compact, expire, read_copy, rebuild, sync
from fsdb.definitions import Feature, FeatureSet
from fsdb.errors import EngineUnavailable
from fsdb.retention import retain
from fsdb.training import build, load, save, verify
from tests.columnar.made import history_ids, ids, tail_ids
from tests.conftest import TestDatabase
from tests.history.kept import made
from tests.training.test_restore import PROGRAMS

pytestmark = pytest.mark.slow

NOW = datetime.now(UTC).replace(microsecond=0)
HOUR = timedelta(hours=1)
SET = FeatureSet(
    "readings", keys={"k": "bigint"}, features=[Feature("x", "double precision")], retention=timedelta(hours=10)
)
SPINE = "SELECT k, now() - hours * interval '1 hour' AS at FROM generate_series(1, 5) k, generate_series(0, 20) hours ORDER BY 1, 2"


def put(connection: psycopg.Connection, hours: int, value: float) -> None:
    """A version of each of five keys, so many hours ago."""
    for key in range(1, 6):
        connection.execute(
            "INSERT INTO readings (k, x, event_time) VALUES (%s, %s, %s)"
            " ON CONFLICT (k) DO UPDATE SET x = excluded.x, event_time = excluded.event_time",
            [key, value + key, NOW - hours * HOUR],
        )


def test_both_databases_go_on(
    database: TestDatabase, other_server: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with database.connect() as connection:
        made(connection, SET)
        put(connection, 18, 1.0)
        put(connection, 15, 2.0)
        sync(database.url)
        put(connection, 12, 3.0)
        save(connection, built := build(connection, spine=SPINE, features=["readings.x"], timestamp="at"), "before")
        put(connection, 16, 9.0)
        for _ in range(2000):
            connection.execute("SELECT pg_current_xact_id()")
        sync(database.url)
        compact(database.url)
        assert retain(connection, ["readings"]).removed > 0
        put(connection, 2, 4.0)

        dump = tmp_path_factory.mktemp("dump") / "dump.sql"
        taken = [PROGRAMS / "pg_dump", "--no-owner", "--file", dump, database.url]
        subprocess.run(taken, check=True, capture_output=True)
        with psycopg.connect(other_server, autocommit=True) as admin:
            admin.execute("CREATE DATABASE restored")
        url = make_conninfo(other_server, dbname="restored")
        told = [PROGRAMS / "psql", "--quiet", "--set", "ON_ERROR_STOP=1", "--file", dump, url]
        subprocess.run(told, check=True, capture_output=True)

        with psycopg.connect(url, autocommit=True) as restored:
            db.configure(restored)
            every = {*ids(read_copy(connection, "readings")), *history_ids(connection)}
            for one in (connection, restored):
                assert verify(one, load(one, "before").saved) == built.content_hash
                assert verify(one, load(one, "before").saved, "duckdb") == built.content_hash
                with pytest.raises(EngineUnavailable, match="readings"):
                    verify(one, load(one, "before").saved, "postgres")
                assert {*ids(read_copy(one, "readings")), *tail_ids(one)} == every
            # Each writes and syncs its own from here on; made anew, the restored one's copy is in files of its own.
            for one, place, value in ((restored, url, 6.0), (connection, database.url, 5.0)):
                put(one, 1, value)
                sync(place)
                put(one, 14, value)
                sync(place)
                compact(place)
                expire(place)
            rebuild(url, "readings")
            for place in (database.url, url):
                assert expire(place, timedelta(0)) > 0
            for one, value in ((connection, 5.0), (restored, 6.0)):
                assert verify(one, load(one, "before").saved) == built.content_hash
                now = build(
                    one,
                    spine="SELECT k, now() AS at FROM generate_series(1, 5) k ORDER BY 1",
                    features=["readings.x"],
                    timestamp="at",
                    engine="duckdb",
                )
                assert now.to_arrow()["x"].to_pylist() == [value + key for key in range(1, 6)]
                assert len(ids(read_copy(one, "readings"))) == len(every) + 10
