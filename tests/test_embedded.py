"""The embedded server: started on demand, shared by processes, settings applied, errors that say what to do."""

import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

import fsdb
from fsdb import embedded
from fsdb.errors import ConnectionFailed

CHILD = """
import sys, psycopg
from pathlib import Path
import fsdb
from fsdb import embedded
url = embedded.start(Path(sys.argv[1]))
with psycopg.connect(url, autocommit=True) as connection:
    connection.execute("CREATE TABLE IF NOT EXISTS seen (process integer)")
    connection.execute("INSERT INTO seen VALUES (pg_backend_pid())")
    print(connection.execute("SELECT count(*) FROM seen").fetchone()[0])
    if len(sys.argv) > 2:
        print("ready", flush=True)
        sys.stdin.readline()
        print(connection.execute("SELECT count(*) FROM seen").fetchone()[0], flush=True)
"""


def run_child(folder: Path) -> str:
    return subprocess.run(
        [sys.executable, "-c", CHILD, str(folder)], capture_output=True, text=True, check=True, timeout=60
    ).stdout.strip()


@pytest.mark.slow
def test_two_processes_share_one_server_and_the_first_may_leave(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with subprocess.Popen(
        [sys.executable, "-c", CHILD, str(folder), "stay"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as first:
        assert first.stdout is not None
        assert first.stdin is not None
        assert first.stdout.readline().strip() == "1"
        assert first.stdout.readline().strip() == "ready"
        assert run_child(folder) == "2"  # joins the running server, and its end does not stop it
        first.stdin.write("\n")
        first.stdin.flush()
        assert first.stdout.readline().strip() == "2"
    assert run_child(folder) == "3"  # started again: the data is still there


@pytest.mark.slow
def test_stores_find_the_embedded_server_and_its_other_databases(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FSDB_DATA", str(tmp_path / "data"))
    monkeypatch.delenv("FSDB_URL", raising=False)
    with fsdb.connect() as store:
        with psycopg.connect(store.url, autocommit=True) as connection:
            connection.execute("CREATE DATABASE other")
        with fsdb.connect("embedded:///other") as other:
            assert other.status().database == "other"
    monkeypatch.setenv("FSDB_URL", "embedded:///other")
    with fsdb.connect() as store:
        assert store.status().database == "other"
    embedded.stop(tmp_path / "data")
    assert not (tmp_path / "data" / "postmaster.pid").exists()


def test_settings_reach_the_server(other_server: str) -> None:
    with psycopg.connect(other_server) as connection:
        shown = {
            name: connection.execute("SELECT current_setting(%s)", (name,)).fetchone()[0]  # type: ignore[index]
            for name in ("jit", "shared_buffers", "max_wal_size", "fsync", "synchronous_commit", "TimeZone")
        }
    assert shown == {
        "jit": "off",
        "shared_buffers": "512MB",
        "max_wal_size": "4GB",
        "fsync": "on",
        "synchronous_commit": "on",
        "TimeZone": "UTC",
    }


def test_a_folder_that_cannot_be_used_is_an_error_with_advice(tmp_path: Path) -> None:
    blocked = tmp_path / "a-file"
    blocked.write_text("not a folder")
    with pytest.raises(ConnectionFailed, match="set FSDB_DATA to another folder or FSDB_URL"):
        embedded.start(blocked)
