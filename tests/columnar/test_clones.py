"""A server and a clone of it, as a disk snapshot or a base backup makes one: same identifier, same warehouse, two lives."""

import os
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from fsdb import db, embedded
from fsdb.columnar import compact, expire, read_copy, rebuild, sync
from fsdb.columnar.folders import known_folder
from fsdb.columnar.health import copy_problems
from fsdb.definitions import Feature, FeatureSet
from fsdb.migrate import catalog
from fsdb.retention import retain
from fsdb.training import build, load, save, verify
from tests.columnar.made import history_ids, ids, tail_ids, write
from tests.conftest import server_folder
from tests.history.kept import made
from tests.training.test_restore import PROGRAMS

pytestmark = pytest.mark.slow
NONE = timedelta(0)
SET = FeatureSet("readings", {"k": "bigint"}, [Feature("x", "double precision")], retention=timedelta(hours=10))
OLD = datetime.now(UTC) - timedelta(hours=20)
SPINE = "SELECT k::bigint, timestamptz '2100-01-01 00:00+00' AS at FROM generate_series(1, 30) k ORDER BY 1"


@pytest.fixture(scope="module")
def clones() -> Iterator[tuple[str, str]]:
    """Two servers, one cloned from the other, each with databases "seen" and "unseen" that have a copy of three files.

    Of "unseen" nobody noted where the server's data is, as where an ordinary role works on copies: only the folder tells.
    """
    with server_folder() as folder:
        first, second = folder / "one", folder / "two"
        url = embedded.start(first)
        with psycopg.connect(url, autocommit=True) as admin:
            for name in ("seen", "unseen"):
                admin.execute(f"CREATE DATABASE {name}")  # type: ignore[call-overload]
        for name in ("seen", "unseen"):
            place = make_conninfo(url, dbname=name)
            catalog.upgrade(place)
            with opened(place) as connection:
                made(connection, SET)
                for number in range(3):
                    connection.execute(
                        "INSERT INTO readings VALUES (1, %s, %s) ON CONFLICT (k) DO UPDATE SET x = excluded.x, event_time = excluded.event_time",
                        [number, OLD + timedelta(hours=number)],
                    )
                    sync(place, warehouse=str(folder / "warehouse"))
                write(connection, 5)
                save(connection, build(connection, spine=SPINE, features=["readings.x"], timestamp="at"), "before")
                if name == "unseen":
                    connection.execute("UPDATE fsdb.warehouses SET data_directory = NULL")
        taken = [
            PROGRAMS / "pg_basebackup",
            "--checkpoint=fast",
            "--wal-method=fetch",
            "--pgdata",
            second,
            "--dbname",
            url,
        ]
        subprocess.run(taken, check=True, capture_output=True)
        for file in second.glob(".s.PGSQL*"):
            file.unlink()
        owner = first.stat()  # not the caller where that is root, whom PostgreSQL does not run as
        for file in (second, *second.rglob("*")):
            os.chown(file, owner.st_uid, owner.st_gid)
        yield url, embedded.start(second)
        embedded.stop(first)
        embedded.stop(second)


def opened(url: str) -> psycopg.Connection:
    connection = psycopg.connect(url, autocommit=True)
    db.configure(connection)
    return connection


def test_a_dump_of_the_clone_restored_beside_the_original(clones: tuple[str, str], tmp_path: Path) -> None:
    one, two = clones
    with opened(make_conninfo(two, dbname="seen")) as clone:
        for _ in range(3000):
            clone.execute("SELECT pg_current_xact_id()")
        write(clone, 30)
        save(clone, build(clone, spine=SPINE, features=["readings.x"], timestamp="at"), "on_the_clone")
        written = history_ids(clone)
    dump = tmp_path / "dump.sql"
    subprocess.run([PROGRAMS / "pg_dump", "--file", dump, make_conninfo(two, dbname="seen")], check=True)
    with psycopg.connect(one, autocommit=True) as admin:
        admin.execute("CREATE DATABASE restored")
    restored = make_conninfo(one, dbname="restored")
    quiet = ["--quiet", "--set", "ON_ERROR_STOP=1", "--output", "/dev/null"]
    subprocess.run([PROGRAMS / "psql", *quiet, "--file", dump, restored], check=True)
    with opened(restored) as connection:
        row = connection.execute(
            "SELECT max(xid::text::bigint) > pg_snapshot_xmax(pg_current_snapshot())::text::bigint FROM fsdb_history.readings"
        ).fetchone()
        assert row == (True,), "the clone must have counted more transactions than the original for this test to tell"
        assert verify(connection, load(connection, "on_the_clone").saved, "postgres")
        assert history_ids(connection) == written
        now = build(connection, spine=SPINE, features=["readings.x"], timestamp="at", engine="postgres").to_arrow()
        assert now["x"].null_count == 0
        before = build(connection, spine=SPINE, features=["readings.x"], timestamp="at", engine="postgres")
        save(connection, before, "restored")
        write(connection, 30)
        assert verify(connection, load(connection, "restored").saved, "postgres") == before.content_hash
        check(connection)


@pytest.mark.parametrize("name", ["seen", "unseen"])
def test_each_goes_on_with_a_copy_of_its_own(
    clones: tuple[str, str], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = [make_conninfo(url, dbname=name) for url in reversed(clones)]  # the clone is the first to work
    with opened(places[0]) as clone, opened(places[1]) as original:
        (at,) = {Path(file.path).parent for file in read_copy(original, "readings").files}  # type: ignore[union-attr]
        warehouse = str(at.parents[2])
        told = []
        for connection, place, more in ((clone, places[0], 20), (original, places[1], 30)):
            write(connection, more)
            told += sync(place, warehouse=warehouse).notices
            write(connection, more)
            assert sync(place, warehouse=warehouse).notices == ()
        # Who came second is told, and reads on; nothing leaves it while another may clean its files up.
        assert len(told) == 1
        assert told[0].startswith("The columnar copy of readings is in the folder of a database that this one was ")
        assert known_folder(clone) != known_folder(original)
        moved = clone if name == "seen" else original
        (problem,) = copy_problems(moved)
        assert "which may clean them up" in problem.sentence
        assert problem.sentence.endswith("run fsdb sync --rebuild readings.")
        (kept,) = retain(moved, ["readings"]).sets
        assert (kept.removed, "fsdb sync --rebuild readings first" in kept.note) == (0, True)
        check(clone, original)
        rebuild(places[0] if moved is clone else places[1], "readings", warehouse=warehouse)
        for connection, place in ((clone, places[0]), (original, places[1])):
            compact(place)
            assert retain(connection, ["readings"]).removed == 2
            expire(place, NONE)
            assert copy_problems(connection) == []
        check(clone, original)


def check(*connections: psycopg.Connection) -> None:
    """Copy and tail hold every version once, and a set that was saved before is what it was, on each engine."""
    for connection in connections:
        both = [*ids(read_copy(connection, "readings")), *tail_ids(connection)]
        assert len(both) == len(set(both))
        assert set(both) >= set(history_ids(connection))
        saved = load(connection, "before").saved
        assert verify(connection, saved, "duckdb") == saved.content_hash
        now = [
            build(connection, spine=SPINE, features=["readings.x"], timestamp="at", engine=e)
            for e in ("duckdb", "postgres")
        ]
        assert now[0].content_hash == now[1].content_hash
