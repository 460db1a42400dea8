"""What leaves, what stays, what is recorded, and who may do it."""

import threading
import time
from datetime import UTC, datetime
from uuid import uuid4

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier

from fsdb import history
from fsdb.catalog.feature_sets import get_set
from fsdb.columnar import sync
from fsdb.definitions import Feature, FeatureSet
from fsdb.errors import ConnectionFailed, RetentionRefused, UnknownName
from fsdb.history.reach import hold
from fsdb.migrate import catalog
from fsdb.retention import removal, retain
from tests.conftest import TestDatabase
from tests.history.kept import assert_live_is_newest, made
from tests.retention.past import DAYS, Past, ago


@pytest.fixture
def past(database: TestDatabase, connection: psycopg.Connection) -> Past:
    """One key with versions before, at and after the cutoff, one that was deleted long ago, one that never changed."""
    found = Past(database, connection)
    found.put((1, n, "x", ago(10 - n)) for n in range(9))
    found.put([(2, 0, "y", ago(9)), (3, 0, "z", ago(30))])
    with connection.transaction():
        history.delete_as_of(connection, found.registered, [{"k": 2}], ago(8))
    return found


def test_what_is_superseded_leaves_and_what_holds_stays(past: Past) -> None:
    before = datetime.now(UTC)
    (done,) = past.retain().sets
    after = datetime.now(UTC)
    assert done.reach is not None
    assert before - 5 * DAYS <= done.reach <= after - 5 * DAYS
    assert past.superseded(done.reach) == set(past.every) - set(past.left)
    # of key 1 the versions of ten to six days ago; of key 2 the row before its tombstone
    assert done.removed == 6
    assert past.removals() == [("weather", 6, 1, 10)]
    assert past.registered.reach == done.reach
    assert_live_is_newest(past.connection, past.registered)
    for moment in (done.reach, ago(4.5), ago(3), ago(0), datetime.now(UTC)):
        assert past.in_sql(moment) == past.as_of(moment)


def test_the_second_run_takes_what_came_since(past: Past) -> None:
    past.retain()
    reach = past.registered.reach
    assert past.retain().removed == 0
    assert past.registered.reach == reach  # nothing left, so history reaches back as before
    past.put([(3, 1, "late", ago(20)), (1, 9, "late", ago(6))])
    (done,) = past.retain().sets
    # the late version of key 1 supersedes the one that held at the reach and stays, and so does that of key 3
    assert done.removed == 0 or past.superseded(done.reach) == set(past.every) - set(past.left)  # type: ignore[arg-type]
    assert past.superseded(past.registered.reach) == set(past.every) - set(past.left)  # type: ignore[arg-type]
    assert past.in_sql(datetime.now(UTC)) == past.as_of(datetime.now(UTC))
    assert len(past.removals()) == 1 + bool(done.removed)


def test_what_is_not_in_the_copy_stays(past: Past) -> None:
    sync(past.database.url)
    past.put((4, n, "tail", ago(20 - n)) for n in range(3))
    past.remember()
    assert retain(past.connection).removed == 6
    assert {number for number, v in past.every.items() if v.key == (4,)} <= set(past.left)


def test_a_set_that_was_never_synced_keeps_all(past: Past) -> None:
    past.remember()
    (done,) = retain(past.connection).sets
    assert (done.removed, done.reach) == (0, None)
    assert "fsdb sync first" in done.note
    assert past.left == past.every
    assert past.in_sql(ago(9.5)) == past.as_of(ago(9.5))


def test_sets_without_retention_are_left_alone(database: TestDatabase, connection: psycopg.Connection) -> None:
    made(connection, FeatureSet("plane", {"k": "bigint"}, [Feature("a", "integer")]))
    assert retain(connection).sets == ()
    with pytest.raises(RetentionRefused, match="plane has no retention: define it with retention="):
        retain(connection, ["plane"])
    with pytest.raises(UnknownName, match="planes"):
        retain(connection, ["planes"])
    with pytest.raises(RetentionRefused, match="outside a transaction"), connection.transaction():
        retain(connection)


def test_tracked_tables_and_tables_without_event_time(database: TestDatabase, connection: psycopg.Connection) -> None:
    connection.execute("CREATE TABLE stock (item text, place int, n int, PRIMARY KEY (item, place))")
    connection.execute("INSERT INTO stock VALUES ('1', 11, 1), ('11', 1, 1)")
    with connection.transaction():
        found = history.tracked_definition(connection, "stock")
        history.create(
            connection, FeatureSet("stock", found.keys, found.features, tracks="stock", retention="1 second")
        )
    for n in range(3):
        connection.execute("UPDATE stock SET n = %s", [n * 10])
    time.sleep(1.1)
    sync(database.url)
    assert retain(connection).removed == 6
    rows = connection.execute("SELECT item, place, n FROM stock_history ORDER BY 1").fetchall()
    assert rows == [("1", 11, 20), ("11", 1, 20)]
    connection.execute("UPDATE stock SET n = 5 WHERE place = 1")
    connection.execute("DELETE FROM stock WHERE place = 11")
    connection.execute("INSERT INTO stock VALUES ('1', 11, 7)")
    assert len(assert_live_is_newest(connection, get_set(connection, "stock"))) == 5


def test_removals_are_kept_as_they_were(past: Past) -> None:
    past.retain()
    for change in ("UPDATE fsdb.removals SET versions = 1", "DELETE FROM fsdb.removals", "TRUNCATE fsdb.removals"):
        with pytest.raises(psycopg.Error, match="cannot be changed"):
            past.connection.execute(change)
    for reach in ("NULL", "'2000-01-01 00:00+00'"):
        with pytest.raises(psycopg.Error, match="only moves forward"):
            past.connection.execute(SQL("UPDATE fsdb.feature_sets SET reach = {}").format(SQL(reach)))


def test_nobody_else_removes(past: Past, database: TestDatabase) -> None:
    past.retain()
    before = past.left
    role = f"app_{uuid4().hex[:8]}"
    call = "SELECT fsdb_history.\"weather:remove\"('pg_temp.mine', now(), 1)"
    past.connection.execute(SQL("CREATE ROLE {} LOGIN PASSWORD 'secret'").format(Identifier(role)))
    try:
        for right in (
            "USAGE ON SCHEMA fsdb_history, fsdb",
            "ALL ON ALL TABLES IN SCHEMA fsdb_history",
            "ALL ON ALL TABLES IN SCHEMA fsdb",
        ):
            past.connection.execute(SQL("GRANT {} TO {}").format(SQL(right), Identifier(role)))
        with psycopg.connect(make_conninfo(database.url, user=role, password="secret"), autocommit=True) as other:
            other.execute("CREATE TEMPORARY TABLE mine AS SELECT version_id FROM fsdb_history.weather")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                other.execute(call)
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="written by its triggers alone"):
                other.execute("DELETE FROM fsdb_history.weather")
            with pytest.raises(ConnectionFailed, match="as the owner"):
                retain(other, ["weather"])
    finally:
        past.connection.execute(SQL("DROP OWNED BY {}").format(Identifier(role)))
        past.connection.execute(SQL("DROP ROLE {}").format(Identifier(role)))
    assert past.left == before


def test_the_function_refuses_what_reads_need(past: Past) -> None:
    """Whatever it is given: the version that holds at the reach does not leave, nor one that is not there."""
    before = past.left
    for numbers in ("version_id", "max(version_id)", "-1"):
        group = "" if numbers == "version_id" else "LIMIT 1" if numbers == "-1" else "GROUP BY k LIMIT 1"
        past.connection.execute(
            SQL("CREATE TEMPORARY TABLE wrong AS SELECT {} AS version_id FROM fsdb_history.weather {}").format(
                SQL(numbers), SQL(group)
            )
        )
        with pytest.raises(psycopg.errors.ObjectInUse, match="nothing was removed"):
            past.connection.execute("SELECT fsdb_history.\"weather:remove\"('pg_temp.wrong', now(), 1)")
        past.connection.execute("DROP TABLE pg_temp.wrong")
    assert past.left == before
    assert past.removals() == []


def test_all_of_it_without_a_superuser(server_url: str, database: TestDatabase) -> None:
    role, name = f"owner_{uuid4().hex[:8]}", f"{database.name}_own"
    with database.connect() as admin:
        admin.execute(SQL("CREATE ROLE {} LOGIN PASSWORD 'secret'").format(Identifier(role)))
        admin.execute(SQL("CREATE DATABASE {} OWNER {}").format(Identifier(name), Identifier(role)))
        own = TestDatabase(make_conninfo(server_url, dbname=name, user=role, password="secret"), name)
        try:
            catalog.upgrade(own.url)
            with own.connect() as connection:
                past = Past(own, connection)
                past.put((1, n, "x", ago(10 - n)) for n in range(9))
                assert past.retain().removed == 5
                # a superuser is not the owner, and may
                past.put([(1, 0, "late", ago(9))])
                sync(own.url)
                with psycopg.connect(make_conninfo(server_url, dbname=name), autocommit=True) as superuser:
                    assert retain(superuser).removed == 1
        finally:
            admin.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))
            admin.execute(SQL("DROP ROLE {}").format(Identifier(role)))


def test_a_training_set_being_read_is_waited_for(past: Past, database: TestDatabase) -> None:
    with database.connect() as reader:
        with reader.transaction():
            hold(reader)
            before = past.left
            done: list[object] = []
            thread = threading.Thread(target=lambda: done.append(_retained_apart(past)))
            past.remember()
            thread.start()
            _wait_for_lock(past.connection, "relation")
            assert past.left == before
            assert past.registered.reach is None
        thread.join(20)
    assert done == [6]
    assert len(past.left) == len(before) - 6


def test_a_reader_that_stays_is_not_waited_for_long(
    past: Past, database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(removal, "PATIENCE_SECONDS", 0.2)
    past.remember()
    with database.connect() as reader, reader.transaction():
        hold(reader)
        with pytest.raises(RetentionRefused, match="Run fsdb retain weather again"):
            past.retain()
    assert past.left == past.every
    assert past.registered.reach is None
    assert past.removals() == []
    assert past.retain().removed == 6


def test_two_at_once(past: Past, database: TestDatabase) -> None:
    past.remember()
    sync(database.url)
    done: list[int] = []
    threads = [threading.Thread(target=lambda: done.append(_retained_apart(past))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(done) == [0, 0, 6]
    assert past.removals() == [("weather", 6, 1, 10)]


@pytest.mark.parametrize("step", ["verify", "_remove", "_keep_referred"])
def test_a_crash_between_steps_changes_nothing(past: Past, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    kept = getattr(removal, step)

    def dies(*given: object) -> None:
        kept(*given)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(removal, step, dies)
        with pytest.raises(KeyboardInterrupt):
            past.retain()
    assert past.left == past.every
    assert past.registered.reach is None
    assert past.removals() == []
    assert past.retain().removed == 6


def test_a_server_that_ends_the_session_changes_nothing(past: Past, database: TestDatabase) -> None:
    past.remember()
    sync(database.url)
    with database.connect() as reader, reader.transaction():
        hold(reader)
        with database.connect() as doomed:
            pid = doomed.info.backend_pid
            errors: list[BaseException] = []

            def run() -> None:
                try:
                    retain(doomed)
                except psycopg.OperationalError as error:
                    errors.append(error)

            thread = threading.Thread(target=run)
            thread.start()
            _wait_for_lock(past.connection, "relation")
            past.connection.execute("SELECT pg_terminate_backend(%s)", [pid])
            thread.join(20)
        assert len(errors) == 1
    assert past.left == past.every
    assert past.retain().removed == 6


def test_readers_of_an_older_snapshot_still_find_everything(past: Past, database: TestDatabase) -> None:
    """REPEATABLE READ: versions and reach are of one moment."""
    past.remember()
    with database.connect() as reader:
        reader.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        with reader.transaction():
            rows = reader.execute("SELECT count(*) FROM weather_history").fetchone()
            assert past.retain().removed == 6
            assert reader.execute("SELECT count(*) FROM weather_history").fetchone() == rows
            found = reader.execute("SELECT * FROM weather_as_of(%s)", [ago(9.5)]).fetchall()
            assert {row[0]: row[1:] for row in found} == past.as_of(ago(9.5))


def test_retention_may_be_lengthened_shortened_and_withdrawn(past: Past) -> None:
    past.retain()
    first = past.registered.reach
    past.connection.execute("UPDATE fsdb.feature_sets SET retention = '20 days'")
    past.put([(1, 0, "late", ago(12)), (3, 0, "late", ago(25))])
    done = past.retain()
    # of key 3 the version of thirty days ago is superseded by twenty days; nothing before the reach comes back
    assert done.removed == 1
    assert past.registered.reach == first
    past.connection.execute("UPDATE fsdb.feature_sets SET retention = NULL")
    with pytest.raises(RetentionRefused, match="no retention"):
        retain(past.connection, ["weather"])
    assert past.registered.limited
    past.connection.execute("UPDATE fsdb.feature_sets SET retention = '1 day'")
    (shorter,) = past.retain().sets
    assert shorter.reach is not None
    assert first is not None
    assert shorter.reach > first
    assert past.superseded(shorter.reach) == set(past.every) - set(past.left)
    assert past.in_sql(shorter.reach) == past.as_of(shorter.reach)


def _retained_apart(past: Past) -> int:
    with past.database.connect() as connection:
        sync(past.database.url)
        return retain(connection, ["weather"]).removed


def _wait_for_lock(connection: psycopg.Connection, kind: str) -> None:
    for _ in range(400):
        row = connection.execute("SELECT count(*) FROM pg_locks WHERE locktype = %s AND NOT granted", [kind]).fetchone()
        if row != (0,):
            return
        time.sleep(0.05)
    raise AssertionError("nobody waits")
