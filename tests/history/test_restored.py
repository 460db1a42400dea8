"""A dump that an ordinary role restores: what is fsdb's is then that role's, works, and is as it should be."""

import subprocess
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg import errors, sql
from psycopg.conninfo import make_conninfo

import fsdb
from fsdb.cli.app import main
from fsdb.doctor import diagnose
from tests.conftest import TestDatabase
from tests.training.test_restore import PROGRAMS

SETS = [
    fsdb.FeatureSet("weather", {"origin": "text"}, [fsdb.Feature("temp", "double precision")]),
    fsdb.FeatureSet("parcels", {"id": "integer"}, [fsdb.Feature("weight", "integer")], tracks="parcels"),
]
FORGED = "INSERT INTO fsdb_history.weather (origin, temp, event_time, recorded_at) VALUES ('x', 1, now(), now())"


def test_restored_under_another_owner(
    database: TestDatabase, server_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = f"restored_{uuid4().hex[:8]}"
    with database.connect() as connection:
        connection.execute("CREATE TABLE parcels (id integer PRIMARY KEY, weight integer)")
    with fsdb.connect(database.url) as store:
        store.apply(SETS)
        with store.transaction() as connection:
            connection.execute(
                "INSERT INTO weather (origin, temp) VALUES ('JFK', 1); INSERT INTO parcels VALUES (1, 2)"
            )
    dump = tmp_path / "dump"
    ways = ["--no-owner", "--no-privileges", "--format=custom"]
    subprocess.run([PROGRAMS / "pg_dump", *ways, "--file", dump, database.url], check=True, capture_output=True)
    with psycopg.connect(server_url, autocommit=True) as admin:
        role, place = sql.Identifier(name), make_conninfo(server_url, dbname=name, user=name, password="secret")
        admin.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'secret'").format(role))
        admin.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(role, role))
        try:
            restored = [PROGRAMS / "pg_restore", "--no-owner", "--exit-on-error", "--dbname", place, dump]
            subprocess.run(restored, check=True, capture_output=True)
            with fsdb.connect(place) as store:
                assert [o for o in store.status().objects if o.state != "installed"] == []
                with store.transaction() as connection:
                    wrong = [check.name for check in diagnose(connection).checks if check.state == "wrong"]
                    assert wrong == ["rights: roles"]  # the dump was told to leave rights out
                    connection.execute("UPDATE weather SET temp = 3; UPDATE parcels SET weight = 4")
                assert store.feature_vector("weather.temp", {"origin": "JFK"}) == {"temp": 3.0, "found": True}
                assert store.feature_vector("parcels.weight", {"id": 1}) == {"weight": 4, "found": True}
                with (
                    pytest.raises(errors.InsufficientPrivilege, match="written by its triggers"),
                    store.transaction() as own,
                ):
                    own.execute(FORGED)
                store.apply([fsdb.FeatureSet("more", {"k": "text"}, [fsdb.Feature("x", "real")])])
            for command in ("upgrade", "doctor", "status"):
                assert main([command, "--url", place]) == 0, command
            assert "Installed" not in capsys.readouterr().out  # nothing was outdated
        finally:
            admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(role))
            admin.execute(sql.SQL("DROP ROLE {}").format(role))
