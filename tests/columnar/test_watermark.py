"""What a copy holds is what was committed when it was taken, whatever was open then."""

import threading
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg.sql import SQL, Identifier
from pyiceberg.exceptions import CommitFailedException

from fsdb.columnar import moment, read_copy, sync, table
from fsdb.columnar.versions import versions
from fsdb.errors import ChangeRefused
from tests.columnar.made import history_ids, ids, simple_set, tail_ids, write
from tests.conftest import TestDatabase


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moment, "PATIENCE", 0.1)


def test_what_is_open_at_a_sync_is_the_tail(database: TestDatabase, connection: psycopg.Connection) -> None:
    simple_set(connection)
    write(connection, 20)
    sync(database.url)
    first = read_copy(connection, "readings")
    with database.connect() as other:
        with other.transaction():
            write(other, 5, first=100)
            write(connection, 20, first=200)  # higher numbers, committed earlier
            sync(database.url)
            between = read_copy(connection, "readings")
            assert first is not None
            assert between is not None
            assert between.watermark.floor == first.watermark.floor
            assert tail_ids(connection) == []
            assert tail_ids(other) == list(range(21, 26))
            write(other, 5, first=300)
            sync(database.url)
        assert tail_ids(connection) == [*range(21, 26), *range(46, 51)]
        assert ids(read_copy(connection, "readings")) == [*range(1, 21), *range(26, 46)]
    sync(database.url)
    assert ids(read_copy(connection, "readings")) == history_ids(connection)
    assert tail_ids(connection) == []


def test_a_transaction_that_ends_soon_is_waited_for(
    database: TestDatabase, connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moment, "PATIENCE", 30.0)
    registered = simple_set(connection)
    write(connection, 5)
    with database.connect() as other:
        other.execute("BEGIN")
        write(other, 5, first=10)
        threading.Timer(0.3, other.execute, ("COMMIT",)).start()
        assert moment.decided(connection, registered) == 10


def test_readers_and_rolled_back_writers_hold_nothing_up(
    database: TestDatabase, connection: psycopg.Connection
) -> None:
    registered = simple_set(connection)
    write(connection, 5)
    with database.connect() as reader, database.connect() as writer, reader.transaction(), writer.transaction():
        reader.execute("SELECT count(*) FROM fsdb_history.readings")
        with writer.transaction(force_rollback=True):
            write(writer, 5, first=10)
            assert moment.decided(connection, registered, 0.0) is None
        assert moment.decided(connection, registered, 0.0) == 10


def test_nothing_new_writes_nothing(database: TestDatabase, connection: psycopg.Connection) -> None:
    simple_set(connection)
    sync(database.url)
    empty = read_copy(connection, "readings")
    assert empty is not None
    assert empty.files == ()
    write(connection, 5)
    sync(database.url)
    copy = read_copy(connection, "readings")
    assert [done.versions for done in sync(database.url).sets] == [0]
    assert read_copy(connection, "readings") == copy


def test_a_floor_that_moved_far_is_kept(database: TestDatabase, connection: psycopg.Connection) -> None:
    simple_set(connection)
    with database.connect() as other:
        with other.transaction():
            write(other, 1, first=5000)
            write(connection, 2000)
            sync(database.url)
        sync(database.url)
        sync(database.url)
    copy = read_copy(connection, "readings")
    assert copy is not None
    assert copy.watermark.floor == 2001
    assert ids(copy) == history_ids(connection)


def test_two_syncs_at_once_write_each_version_once(database: TestDatabase, connection: psycopg.Connection) -> None:
    simple_set(connection)
    write(connection, 500)
    failed: list[BaseException] = []

    def run() -> None:
        try:
            sync(database.url)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert ids(read_copy(connection, "readings")) == history_ids(connection)


def test_another_commit_in_between_fails_this_one(
    database: TestDatabase, connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the lock was lost with its connection: the catalog itself lets one of two commits through."""
    simple_set(connection)
    write(connection, 50)
    sync(database.url)
    write(connection, 50, first=51)
    whole = table.Change.commit

    def commit(change: table.Change) -> None:
        monkeypatch.setattr(table.Change, "commit", whole)
        with pytest.MonkeyPatch.context() as unlocked:
            unlocked.setattr("fsdb.columnar.work.Work.alone", lambda _work, _name: threading.Lock())
            sync(database.url)
        whole(change)

    monkeypatch.setattr(table.Change, "commit", commit)
    with pytest.raises(ChangeRefused, match="another process") as refused:
        sync(database.url)
    assert isinstance(refused.value.__cause__, CommitFailedException)
    assert ids(read_copy(connection, "readings")) == history_ids(connection)


def test_a_sync_may_take_longer_than_statements_may(
    database: TestDatabase, connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    simple_set(connection)
    write(connection, 50)
    connection.execute(SQL("ALTER DATABASE {} SET statement_timeout = '300ms'").format(Identifier(database.name)))

    def slowly(reader: psycopg.Connection, *rest: Any) -> Iterator[Any]:
        reader.execute("SELECT pg_sleep(0.5)")
        yield from versions(reader, *rest)

    monkeypatch.setattr("fsdb.columnar.syncing.versions", slowly)
    sync(database.url)
    assert ids(read_copy(connection, "readings")) == history_ids(connection)
