"""Compaction, cleaning up, making anew, and what the doctor finds."""

import errno
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from fsdb import columnar, doctor, history
from fsdb.access import giving
from fsdb.catalog.feature_sets import get_set
from fsdb.columnar import Copy, check_files, compaction, read_copy, sync
from fsdb.columnar.files import FileWriter
from fsdb.columnar.health import copy_problems
from fsdb.columnar.reading import forget
from fsdb.errors import CopyBroken, FsdbError, UnknownName
from tests.columnar.made import arrow_rows, history_ids, ids, simple_set, tail_ids, write
from tests.conftest import TestDatabase

NOW = timedelta(0)


def current(connection: psycopg.Connection) -> Copy:
    copy = read_copy(connection, "readings")
    assert copy is not None
    return copy


def bucketed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Copies of even few rows get buckets."""
    monkeypatch.setattr("fsdb.columnar.work.BUCKET_ROWS", 10)


def parquet_files(folder: Path) -> set[str]:
    return {str(path) for path in folder.rglob("*.parquet")}


def test_buckets_hold_their_keys_in_order(
    database: TestDatabase, connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucketed(monkeypatch)
    simple_set(connection)
    write(connection, 100)
    connection.execute("ANALYZE fsdb_history.readings")
    monkeypatch.setattr("fsdb.columnar.files.CHUNK_BYTES", 1)
    sync(database.url)
    write(connection, 100)
    sync(database.url)
    copy = current(connection)
    assert ids(copy) == history_ids(connection)
    keys: dict[str, set[int]] = {}
    for file in copy.files:
        bucket = Path(file.path).parent.name
        rows = arrow_rows(Copy(copy.feature_set, 0, copy.watermark, copy.columns, (file,)), ordered=False).to_pylist()
        assert rows == sorted(rows, key=lambda row: (row["k"], row["event_time"], row["version_id"]))
        keys.setdefault(bucket, set()).update(row["k"] for row in rows)
    assert len(keys) == 16
    assert sum(len(found) for found in keys.values()) == 100
    assert {done.versions for done in columnar.compact(database.url).sets} == {200}
    assert len(current(connection).files) == 16
    assert ids(current(connection)) == history_ids(connection)


def test_syncs_put_small_files_together_by_themselves(database: TestDatabase, connection: psycopg.Connection) -> None:
    simple_set(connection)
    for number in range(2 * compaction.MOST_SMALL + 3):
        write(connection, 3, first=number)
        sync(database.url)
        assert len(current(connection).files) <= compaction.MOST_SMALL + 1
    assert ids(current(connection)) == history_ids(connection)
    assert copy_problems(connection) == []


def test_files_stay_for_their_readers_until_they_expire(
    database: TestDatabase, connection: psycopg.Connection, warehouse: Path
) -> None:
    simple_set(connection)
    for number in range(3):
        write(connection, 10, first=10 * number)
        sync(database.url)
    reading = current(connection)
    columnar.compact(database.url)
    assert ids(reading) == history_ids(connection)
    assert columnar.expire(database.url) == 0
    check_files(reading)
    stray = Path(current(connection).files[0].path).with_name("stray.parquet")
    stray.write_bytes(b"of a sync that died")
    (other := warehouse / "mine.parquet").write_bytes(b"not fsdb's")
    assert columnar.expire(database.url, NOW) > 3
    assert parquet_files(warehouse) == {current(connection).files[0].path, str(other)}
    assert ids(current(connection)) == history_ids(connection)
    with pytest.raises(CopyBroken, match="is gone"):
        check_files(reading)
    assert copy_problems(connection) == []
    write(connection, 10)
    sync(database.url)
    assert ids(current(connection)) == history_ids(connection)


def test_copies_of_dropped_sets_go_with_their_folder(
    database: TestDatabase, connection: psycopg.Connection, warehouse: Path
) -> None:
    simple_set(connection)
    write(connection, 10)
    sync(database.url)
    history.drop(connection, get_set(connection, "readings"))
    columnar.expire(database.url)
    assert len(parquet_files(warehouse)) == 1
    columnar.expire(database.url, NOW)
    assert parquet_files(warehouse) == set()
    assert connection.execute("SELECT count(*) FROM fsdb.copy_leftovers").fetchone() == (0,)


def damage(copy: Copy, how: str) -> None:
    path = Path(copy.files[0].path)
    if how == "folder gone":
        (path.parents[1]).rename(path.parents[1].with_suffix(".away"))
    elif how == "file gone":
        path.unlink()
    elif how == "cut short":
        os.truncate(path, copy.files[0].bytes // 2)
    elif how == "overwritten":
        path.write_bytes(bytes(copy.files[0].bytes))
    elif how == "manifests gone":
        for file in path.parents[1].rglob("*.avro"):
            file.unlink()
    elif how == "metadata gone":
        for file in path.parents[1].rglob("*.json"):
            file.unlink()
    else:
        for file in path.parents[1].rglob("*.json"):
            file.write_text(file.read_text().replace('"fsdb.layout":"1"', '"fsdb.layout":"99"'))
    forget()


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ("folder gone", "gone"),
        ("file gone", "is gone"),
        ("cut short", "bytes instead of"),
        ("overwritten", "not readable"),
        ("manifests gone", "gone"),
        ("metadata gone", "gone"),
        ("newer", "newer fsdb"),
    ],
)
def test_the_doctor_finds_and_a_rebuild_repairs(
    database: TestDatabase, connection: psycopg.Connection, how: str, says: str
) -> None:
    simple_set(connection)
    giving.give(connection)  # as apply does
    write(connection, 100)
    sync(database.url)
    damage(current(connection), how)
    (problem,) = copy_problems(connection)
    assert problem.wrong
    assert says in problem.sentence
    assert "fsdb sync --rebuild readings" in problem.sentence
    checks = [check for check in doctor.diagnose(connection).checks if check.state == "wrong"]
    assert [check.name for check in checks] == ["copy of readings"]
    if how in ("metadata gone", "newer"):
        with pytest.raises(CopyBroken, match="--rebuild readings"):
            sync(database.url)
    columnar.rebuild(database.url, "readings")
    assert copy_problems(connection) == []
    assert ids(current(connection)) == history_ids(connection)
    assert tail_ids(connection) == []
    columnar.expire(database.url, NOW)
    write(connection, 5)
    sync(database.url)
    assert ids(current(connection)) == history_ids(connection)


def test_a_copy_with_other_rows_than_history_is_found(database: TestDatabase, connection: psycopg.Connection) -> None:
    simple_set(connection)
    write(connection, 100)
    sync(database.url)
    connection.execute("SET session_replication_role = replica")
    connection.execute("DELETE FROM fsdb_history.readings WHERE version_id = 7")
    (problem,) = copy_problems(connection)
    assert "holds 100 versions where history has 99" in problem.sentence


def test_versions_that_left_postgresql_are_taken_over(database: TestDatabase, connection: psycopg.Connection) -> None:
    simple_set(connection)
    write(connection, 100)
    write(connection, 50)
    sync(database.url)
    every = history_ids(connection)
    connection.execute("SET session_replication_role = replica")
    connection.execute("DELETE FROM fsdb_history.readings WHERE version_id <= 40")
    connection.execute("SET session_replication_role = origin")
    connection.execute("UPDATE fsdb.feature_sets SET reach = clock_timestamp()")
    write(connection, 5)
    columnar.rebuild(database.url, "readings")
    assert ids(current(connection)) == [*every, *range(151, 156)]
    assert copy_problems(connection) == []
    damage(current(connection), "file gone")
    with pytest.raises(CopyBroken):
        columnar.rebuild(database.url, "readings")
    damage(current(connection), "metadata gone")
    with pytest.raises(CopyBroken, match="left PostgreSQL"):
        columnar.rebuild(database.url, "readings")


def test_a_full_disk_leaves_everything_as_it_was(
    database: TestDatabase, connection: psycopg.Connection, warehouse: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    simple_set(connection)
    write(connection, 100)
    sync(database.url)
    write(connection, 100)
    before, files = current(connection), parquet_files(warehouse)
    whole = FileWriter._write

    def full(writer: FileWriter, held: Any) -> None:
        whole(writer, held)
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(FileWriter, "_write", full)
        with pytest.raises(FsdbError, match="the disk is full"):
            sync(database.url)
    assert current(connection) == before
    assert parquet_files(warehouse) == files
    sync(database.url)
    assert ids(current(connection)) == history_ids(connection)


LIMITED = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
from fsdb.columnar import sync
from fsdb.errors import FsdbError
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
try:
    sync(sys.argv[1])
except FsdbError as error:
    print(error)
"""


def test_files_that_may_not_grow(database: TestDatabase, connection: psycopg.Connection, warehouse: Path) -> None:
    simple_set(connection)
    write(connection, 20_000)
    ran = subprocess.run([sys.executable, "-c", LIMITED, database.url], capture_output=True, text=True, check=True)
    assert "The columnar copy of readings could not be written: the disk is full" in ran.stdout
    assert read_copy(connection, "readings") is None
    assert parquet_files(warehouse) == set()
    sync(database.url)
    assert ids(current(connection)) == history_ids(connection)


def test_a_place_that_cannot_be_written(database: TestDatabase, connection: psycopg.Connection, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    simple_set(connection)
    write(connection, 3)
    with pytest.raises(FsdbError, match="readings could not be written"):
        sync(database.url, warehouse=str(tmp_path / "file"))
    sync(database.url, warehouse=str(tmp_path / "elsewhere"))
    assert current(connection).files[0].path.startswith(str(tmp_path / "elsewhere"))


def test_names_that_are_not_there(database: TestDatabase, connection: psycopg.Connection) -> None:
    simple_set(connection)
    with pytest.raises(UnknownName, match="readings"):
        sync(database.url, ["reading"])
    with pytest.raises(UnknownName, match="readings"):
        columnar.rebuild(database.url, "reading")
