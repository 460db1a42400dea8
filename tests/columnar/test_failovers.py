"""A standby that is promoted, and a server that is put back to an earlier moment, by write-ahead log: their copies, and the original's."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from fsdb import embedded
from fsdb.columnar import compact, expire, read_copy, rebuild, sync
from fsdb.columnar.folders import known_folder
from fsdb.columnar.health import copy_problems
from fsdb.migrate import catalog
from fsdb.training import build, save
from tests.columnar.made import history_ids, ids, write
from tests.columnar.test_clones import NONE, SET, SPINE, check, opened
from tests.conftest import server_folder
from tests.history.kept import made
from tests.training.test_restore import PROGRAMS

pytestmark = pytest.mark.slow
NAME = "shop"


@pytest.fixture
def folder() -> Iterator[Path]:
    """Holds the servers' data and their warehouse."""
    with server_folder() as folder:
        yield folder


@pytest.fixture
def original(folder: Path) -> Iterator[str]:
    """A server with a set that has a copy of one file and a tail, and a saved training set."""
    url = embedded.start(folder / "one")
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {NAME}")  # type: ignore[call-overload]
    place = make_conninfo(url, dbname=NAME)
    catalog.upgrade(place)
    with opened(place) as connection:
        made(connection, SET)
        write(connection, 5)
        sync(place, warehouse=str(folder / "warehouse"))
        write(connection, 7)
        save(connection, build(connection, spine=SPINE, features=["readings.x"], timestamp="at"), "before")
    yield url
    embedded.stop(folder / "one")


@pytest.fixture
def second(folder: Path) -> Iterator[Path]:
    """Where the other server's data goes."""
    yield folder / "two"
    embedded.stop(folder / "two")


def base_backup(url: str, second: Path, *options: str) -> None:
    taken = [PROGRAMS / "pg_basebackup", "--checkpoint=fast", *options, "--pgdata", second, "--dbname", url]
    subprocess.run(taken, check=True, capture_output=True)
    for file in second.glob(".s.PGSQL*"):
        file.unlink()


def given(first: Path, *places: Path) -> None:
    """To the user that the servers run as, which is not the caller where that is root."""
    owner = first.stat()
    for place in places:
        for file in (place, *place.rglob("*")):
            os.chown(file, owner.st_uid, owner.st_gid)


def goes_on(place: str, warehouse: Path) -> tuple[str, ...]:
    """Writes, syncs twice, and gives what the first sync told."""
    with opened(place) as connection:
        write(connection, 12)
        told = sync(place, warehouse=str(warehouse)).notices
        write(connection, 3)
        assert sync(place, warehouse=str(warehouse)).notices == ()
        assert ids(read_copy(connection, "readings")) == history_ids(connection)
    return told


def each_for_itself(one: str, two: str, warehouse: Path) -> None:
    """Both go on, the other one first, in folders of their own; what moved is made whole, and cleaning up takes nothing from the other."""
    places = [make_conninfo(url, dbname=NAME) for url in (one, two)]
    (moved,) = goes_on(places[1], warehouse)
    assert moved.startswith("The columnar copy of readings is in the folder of a database that this one was ")
    assert goes_on(places[0], warehouse) == ()
    with opened(places[0]) as original, opened(places[1]) as other:
        assert known_folder(original) != known_folder(other)
        (problem,) = copy_problems(other)
        assert "which may clean them up" in problem.sentence
        assert copy_problems(original) == []
        check(original, other)
        rebuild(places[1], "readings", warehouse=str(warehouse))
        for place in places:
            compact(place)
            expire(place, NONE)
        assert copy_problems(original) == copy_problems(other) == []
        check(original, other)


def test_a_standby_that_is_promoted(original: str, folder: Path, second: Path) -> None:
    base_backup(original, second, "--wal-method=stream", "--write-recovery-conf")
    given(folder / "one", second)
    standby = embedded.start(second)
    place, copied = make_conninfo(original, dbname=NAME), make_conninfo(standby, dbname=NAME)
    with opened(place) as primary, opened(copied) as replica:
        # What the primary writes and syncs reaches the standby: rows, and which files hold them.
        write(primary, 9)
        sync(place, warehouse=str(folder / "warehouse"))
        write(primary, 4)
        (sent,) = primary.execute("SELECT pg_current_wal_lsn()::text").fetchone() or ("",)
        waiting = "SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn"
        while replica.execute(waiting, [sent]).fetchone() != (True,):
            assert replica.execute("SELECT pg_is_in_recovery()").fetchone() == (True,)
        assert history_ids(replica) == history_ids(primary)
        assert ids(read_copy(replica, "readings")) == ids(read_copy(primary, "readings"))
        assert replica.execute("SELECT pg_promote(true, 60)").fetchone() == (True,)
    each_for_itself(original, standby, folder / "warehouse")


def test_a_server_that_is_put_back_to_a_moment(original: str, folder: Path, second: Path) -> None:
    base_backup(original, second, "--wal-method=none")
    place, archive = make_conninfo(original, dbname=NAME), folder / "archive"
    with opened(place) as connection:
        write(connection, 8)
        sync(place, warehouse=str(folder / "warehouse"))
        write(connection, 2)
        connection.execute("SELECT pg_create_restore_point('here')")
        then, copied = history_ids(connection), ids(read_copy(connection, "readings"))
        # What comes after is not to be there, nor are the files that a later sync wrote to be read.
        write(connection, 30)
        sync(place, warehouse=str(folder / "warehouse"))
        connection.execute("SELECT pg_switch_wal()")
    archive.mkdir()
    for segment in (folder / "one" / "pg_wal").glob("0*"):
        (archive / segment.name).write_bytes(segment.read_bytes())
    with (second / "postgresql.auto.conf").open("a") as settings:
        settings.write(
            f"restore_command = 'cp {archive}/%f %p'\nrecovery_target_name = 'here'\nrecovery_target_action = 'promote'\n"
        )
    (second / "recovery.signal").touch()
    given(folder / "one", second, archive)
    back = embedded.start(second)
    with opened(make_conninfo(back, dbname=NAME)) as connection:
        while connection.execute("SELECT pg_is_in_recovery()").fetchone() == (True,):
            pass
        assert history_ids(connection) == then
        assert ids(read_copy(connection, "readings")) == copied
        check(connection)
    each_for_itself(original, back, folder / "warehouse")
