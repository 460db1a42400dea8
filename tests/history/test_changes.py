"""Each way of changing a live row, with the versions that it must leave (invariants 1, 3 and 4)."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from psycopg.sql import SQL

from fsdb.catalog.feature_sets import RegisteredSet
from tests.conftest import TestDatabase
from tests.history.kept import assert_live_is_newest, day, live, made, shown, versions


@pytest.fixture
def weather(connection: psycopg.Connection) -> RegisteredSet:
    return made(connection)


def test_each_change_is_one_version(connection: psycopg.Connection, weather: RegisteredSet) -> None:
    connection.execute("INSERT INTO weather VALUES (1, 1, 'x'), (2, 2, 'y')")
    connection.execute("UPDATE weather SET a = 5 WHERE k = 1")
    connection.execute("DELETE FROM weather WHERE k = 2")
    kept = assert_live_is_newest(connection, weather)
    assert shown(kept) == [
        (1, 1.0, "x", False),
        (2, 2.0, "y", False),
        (1, 5.0, "x", False),
        (2, None, None, True),
    ]


def test_update_that_changes_nothing_writes_no_version(connection: psycopg.Connection, weather: RegisteredSet) -> None:
    connection.execute("INSERT INTO weather VALUES (1, 1, 'x', %s)", (day(1),))
    connection.execute("UPDATE weather SET a = a, b = 'x'")
    connection.execute("UPDATE weather SET a = 1, event_time = event_time")
    assert len(assert_live_is_newest(connection, weather)) == 1


@pytest.mark.parametrize(("old", "new"), [("0", "'-0'"), ("NULL", "1"), ("1", "NULL"), ("'NaN'", "1")])
def test_every_difference_of_bytes_is_a_change(
    connection: psycopg.Connection, weather: RegisteredSet, old: str, new: str
) -> None:
    connection.execute(SQL("INSERT INTO weather VALUES (1, {}, 'x')").format(SQL(old)))
    connection.execute(SQL("UPDATE weather SET a = {}").format(SQL(new)))
    assert len(versions(connection, weather)) == 2


def test_nan_is_no_change_from_nan(connection: psycopg.Connection, weather: RegisteredSet) -> None:
    connection.execute("INSERT INTO weather VALUES (1, 'NaN', 'x')")
    connection.execute("UPDATE weather SET a = 'NaN'")
    assert len(versions(connection, weather)) == 1


def test_several_changes_in_one_transaction_all_count(connection: psycopg.Connection, weather: RegisteredSet) -> None:
    with connection.transaction():
        connection.execute("INSERT INTO weather VALUES (1, 1, 'x')")
        for value in range(2, 6):
            connection.execute("UPDATE weather SET a = %s", (value,))
        connection.execute("DELETE FROM weather")
        connection.execute("INSERT INTO weather VALUES (1, 9, 'z')")
    kept = assert_live_is_newest(connection, weather)
    assert [v.values["a"] for v in kept] == [1, 2, 3, 4, 5, None, 9]
    times = [v.event_time for v in kept]
    assert times == sorted(set(times))


def test_rollback_leaves_no_version(connection: psycopg.Connection, weather: RegisteredSet) -> None:
    connection.execute("INSERT INTO weather VALUES (1, 1, 'x')")
    with connection.transaction():
        connection.execute("UPDATE weather SET a = 2")
        with connection.transaction(force_rollback=True):
            connection.execute("DELETE FROM weather")
            connection.execute("INSERT INTO weather VALUES (2, 2, 'y')")
        connection.execute("UPDATE weather SET a = 3")
    assert [v.values["a"] for v in assert_live_is_newest(connection, weather)] == [1, 2, 3]


def test_copy_and_truncate(connection: psycopg.Connection, weather: RegisteredSet) -> None:
    with connection.cursor().copy("COPY weather (k, a, b) FROM STDIN") as copy:
        for key in range(50):
            copy.write_row((key, float(key), "x"))
    assert len(assert_live_is_newest(connection, weather)) == 50
    connection.execute("TRUNCATE weather")
    kept = assert_live_is_newest(connection, weather)
    assert sorted(v.key[0] for v in kept if v.deleted) == list(range(50))


def test_late_update_is_recorded_and_leaves_the_row(connection: psycopg.Connection, weather: RegisteredSet) -> None:
    connection.execute("INSERT INTO weather VALUES (1, 1, 'x', %s)", (day(10),))
    cursor = connection.execute("UPDATE weather SET a = 7, event_time = %s RETURNING a, event_time", (day(5),))
    assert cursor.rowcount == 1  # who is told of none takes the row for gone
    assert cursor.fetchall() == [(1, day(10))]
    kept = assert_live_is_newest(connection, weather)
    assert [(v.values["a"], v.event_time) for v in kept] == [(1, day(10)), (7, day(5))]


def test_same_event_time_named_is_a_correction(connection: psycopg.Connection, weather: RegisteredSet) -> None:
    connection.execute("INSERT INTO weather VALUES (1, 1, 'x', %s)", (day(10),))
    connection.execute("UPDATE weather SET a = 2, event_time = %s", (day(10),))
    kept = assert_live_is_newest(connection, weather)
    assert [(v.values["a"], v.event_time) for v in kept] == [(1, day(10)), (2, day(10))]


def test_unnamed_event_time_is_the_clock(connection: psycopg.Connection, weather: RegisteredSet) -> None:
    connection.execute("INSERT INTO weather VALUES (1, 1, 'x', %s)", (day(10),))
    before = connection.execute("SELECT clock_timestamp()").fetchone()
    connection.execute("UPDATE weather SET a = 2")
    after = connection.execute("SELECT clock_timestamp()").fetchone()
    assert before is not None
    assert after is not None
    assert before[0] < assert_live_is_newest(connection, weather)[1].event_time < after[0]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE weather SET a = 2",
        "UPDATE weather SET a = 2, event_time = NULL",
        "INSERT INTO weather VALUES (1, 2, 'x') ON CONFLICT (k) DO UPDATE SET a = excluded.a",
        "INSERT INTO weather VALUES (1, 2, 'x') ON CONFLICT (k) DO UPDATE SET a = 2, event_time = excluded.event_time",
        "DELETE FROM weather",
        "TRUNCATE weather",
    ],
)
def test_clock_is_forced_past_a_future_event_time(
    connection: psycopg.Connection, weather: RegisteredSet, change: str
) -> None:
    connection.execute("INSERT INTO weather VALUES (1, 1, 'x', '2100-01-01 00:00+00')")
    connection.execute(change)
    first, second = assert_live_is_newest(connection, weather)
    assert second.event_time == first.event_time + timedelta(microseconds=1)


def test_insert_after_a_future_tombstone_is_forced_past_it(
    connection: psycopg.Connection, weather: RegisteredSet
) -> None:
    connection.execute("INSERT INTO weather VALUES (1, 1, 'x', '2100-01-01 00:00+00')")
    connection.execute("DELETE FROM weather")
    connection.execute("INSERT INTO weather VALUES (1, 2, 'y')")
    kept = assert_live_is_newest(connection, weather)
    assert kept[2].event_time == kept[0].event_time + timedelta(microseconds=2)


def test_late_insert_after_a_tombstone_is_not_live(connection: psycopg.Connection, weather: RegisteredSet) -> None:
    connection.execute("INSERT INTO weather VALUES (1, 1, 'x', %s)", (day(1),))
    connection.execute("DELETE FROM weather")
    connection.execute("INSERT INTO weather VALUES (1, 2, 'late', %s), (2, 3, 'new', %s)", (day(2), day(2)))
    kept = assert_live_is_newest(connection, weather)
    assert [(v.key[0], v.values["a"], v.deleted) for v in kept] == [
        (1, 1, False),
        (1, None, True),
        (1, 2, False),
        (2, 3, False),
    ]
    assert set(live(connection, weather)) == {(2,)}


def test_key_change_is_a_tombstone_and_a_first_version(connection: psycopg.Connection, weather: RegisteredSet) -> None:
    connection.execute("INSERT INTO weather VALUES (1, 1, 'x')")
    connection.execute("UPDATE weather SET k = 7")
    kept = assert_live_is_newest(connection, weather)
    assert shown(kept)[1:] == [(1, None, None, True), (7, 1.0, "x", False)]


@pytest.mark.parametrize("named", ["", ", event_time = '2030-01-01 00:00+00'", ", event_time = event_time"])
def test_shifted_keys_with_equal_rows(connection: psycopg.Connection, weather: RegisteredSet, named: str) -> None:
    """Each row takes the key that the next one has just left, and is equal to it in every other column."""
    for key in (3, 2, 1):  # the order in which UPDATE meets them leaves each key before it is taken
        connection.execute("INSERT INTO weather VALUES (%s, 1, 'x', %s)", (key, day(1)))
    connection.execute(SQL("UPDATE weather SET k = k + 1{}").format(SQL(named)))
    kept = assert_live_is_newest(connection, weather)
    changes = kept[3:]
    assert sorted(v.key[0] for v in changes if v.deleted) == [1, 2, 3]
    assert sorted(v.key[0] for v in changes if not v.deleted) == [2, 3, 4]


def test_key_change_to_a_key_that_was_deleted_later_is_late(
    connection: psycopg.Connection, weather: RegisteredSet
) -> None:
    connection.execute("INSERT INTO weather VALUES (1, 1, 'x', %s), (2, 2, 'y', %s)", (day(1), day(1)))
    connection.execute("DELETE FROM weather WHERE k = 2")
    connection.execute("UPDATE weather SET k = 2, event_time = %s", (day(3),))
    kept = assert_live_is_newest(connection, weather)
    assert live(connection, weather) == {}
    assert [(v.key[0], v.deleted) for v in kept] == [(1, False), (2, False), (2, True), (1, True), (2, False)]


def test_late_key_change_is_refused(connection: psycopg.Connection, weather: RegisteredSet) -> None:
    connection.execute("INSERT INTO weather VALUES (1, 1, 'x', %s)", (day(10),))
    with pytest.raises(psycopg.errors.CheckViolation, match="later event_time, or with none"):
        connection.execute("UPDATE weather SET k = 2, event_time = %s", (day(5),))
    assert len(assert_live_is_newest(connection, weather)) == 1


@pytest.mark.parametrize("time", ["infinity", "-infinity"])
def test_infinite_event_times_are_refused(connection: psycopg.Connection, weather: RegisteredSet, time: str) -> None:
    with pytest.raises(psycopg.errors.CheckViolation, match="infinite"):
        connection.execute("INSERT INTO weather VALUES (1, 1, 'x', %s)", (time,))
    connection.execute("INSERT INTO weather VALUES (1, 1, 'x')")
    with pytest.raises(psycopg.errors.CheckViolation, match="infinite"):
        connection.execute("UPDATE weather SET event_time = %s", (time,))
    assert len(assert_live_is_newest(connection, weather)) == 1


def test_plain_insert_of_a_present_key_is_a_unique_violation(
    connection: psycopg.Connection, weather: RegisteredSet
) -> None:
    connection.execute("INSERT INTO weather VALUES (1, 1, 'x')")
    with pytest.raises(psycopg.errors.UniqueViolation):
        connection.execute("INSERT INTO weather VALUES (1, 2, 'y', %s)", (day(1),))
    assert len(assert_live_is_newest(connection, weather)) == 1


def test_merge_inserts_updates_and_deletes(connection: psycopg.Connection, weather: RegisteredSet) -> None:
    connection.execute("INSERT INTO weather VALUES (1, 1, 'x', %s), (2, 2, 'y', %s)", (day(5), day(5)))
    connection.execute(
        "MERGE INTO weather w USING (VALUES (1, 10.0), (2, NULL), (3, 30.0)) s(k, a) ON w.k = s.k"
        " WHEN MATCHED AND s.a IS NULL THEN DELETE WHEN MATCHED THEN UPDATE SET a = s.a"
        " WHEN NOT MATCHED THEN INSERT (k, a, b) VALUES (s.k, s.a, 'new')"
    )
    kept = assert_live_is_newest(connection, weather)
    assert sorted(shown(kept)[2:], key=str) == sorted(
        [(1, 10.0, "x", False), (2, None, None, True), (3, 30.0, "new", False)], key=str
    )


def test_merge_with_a_late_value(connection: psycopg.Connection, weather: RegisteredSet) -> None:
    connection.execute("INSERT INTO weather VALUES (1, 1, 'x', %s)", (day(5),))
    connection.execute(
        "MERGE INTO weather w USING (VALUES (1)) s(k) ON w.k = s.k WHEN MATCHED THEN UPDATE SET a = 9, event_time = %s",
        (day(3),),
    )
    assert [v.values["a"] for v in assert_live_is_newest(connection, weather)] == [1, 9]


@pytest.mark.parametrize("reads", ["SELECT k, 2, 'again' FROM gone", "SELECT k, 2, 'again' FROM gone LIMIT 1"])
def test_delete_and_insert_of_a_key_in_one_statement(
    connection: psycopg.Connection, weather: RegisteredSet, reads: str
) -> None:
    """PostgreSQL fires the two triggers in either order, by which of the two statements ends first."""
    connection.execute("INSERT INTO weather VALUES (1, 1, 'x', %s)", (day(1),))
    connection.execute(
        SQL("WITH gone AS (DELETE FROM weather RETURNING k) INSERT INTO weather (k, a, b) {}").format(SQL(reads))
    )
    kept = assert_live_is_newest(connection, weather)
    assert sorted((v.values["a"] or 0, v.deleted) for v in kept) == [(0, True), (1, False), (2, False)]
    assert live(connection, weather)[1,]["a"] == 2


@pytest.mark.parametrize("reads", ["SELECT k FROM gone", "SELECT k FROM gone LIMIT 1"])
def test_delete_and_late_insert_of_a_key_in_one_statement(
    connection: psycopg.Connection, weather: RegisteredSet, reads: str
) -> None:
    connection.execute("INSERT INTO weather VALUES (1, 1, 'x', %s)", (day(3),))
    connection.execute(
        SQL(
            "WITH gone AS (DELETE FROM weather RETURNING k)"
            " INSERT INTO weather (k, a, b, event_time) SELECT k, 2, 'late', %s FROM ({}) g"
        ).format(SQL(reads)),
        (day(2),),
    )
    kept = assert_live_is_newest(connection, weather)
    assert len(kept) == 3
    assert live(connection, weather) == {}


def test_row_is_changed_again_by_a_trigger_of_the_user(connection: psycopg.Connection, weather: RegisteredSet) -> None:
    connection.execute(
        "CREATE FUNCTION again() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " UPDATE weather SET a = NEW.a + 100 WHERE k = NEW.k AND a < 100; RETURN NULL; END $$;"
        "CREATE TRIGGER again AFTER INSERT OR UPDATE ON weather FOR EACH ROW EXECUTE FUNCTION again()"
    )
    connection.execute("INSERT INTO weather VALUES (1, 1, 'x')")
    connection.execute("UPDATE weather SET a = 2")
    kept = assert_live_is_newest(connection, weather)
    assert sorted(v.values["a"] for v in kept) == [1, 2, 101, 102]
    assert live(connection, weather)[1,]["a"] == 102


def test_row_is_deleted_by_a_trigger_of_the_user(connection: psycopg.Connection, weather: RegisteredSet) -> None:
    connection.execute("INSERT INTO weather VALUES (1, 1, 'x')")
    connection.execute("DELETE FROM weather")
    connection.execute(
        "CREATE FUNCTION never() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " DELETE FROM weather WHERE k = NEW.k; RETURN NULL; END $$;"
        "CREATE TRIGGER never AFTER INSERT ON weather FOR EACH ROW EXECUTE FUNCTION never()"
    )
    connection.execute("INSERT INTO weather VALUES (1, 2, 'y')")
    kept = assert_live_is_newest(connection, weather)
    assert sorted((v.values["a"] or 0, v.deleted) for v in kept) == [(0, True), (0, True), (1, False), (2, False)]


@pytest.mark.parametrize(
    ("change", "meanwhile"),
    [
        ("INSERT INTO weather (k, a) VALUES (2, 9)", "DELETE FROM weather WHERE k = 2"),
        ("UPDATE weather SET k = 2, a = 9 WHERE k = 1", "DELETE FROM weather WHERE k = 2"),
        (
            "INSERT INTO weather (k, a) VALUES (2, 9) ON CONFLICT (k) DO UPDATE SET a = 9, event_time = excluded.event_time",
            "UPDATE weather SET a = 5 WHERE k = 2",
        ),
    ],
)
def test_a_clock_that_was_overtaken_is_read_again(
    database: TestDatabase, connection: psycopg.Connection, weather: RegisteredSet, change: str, meanwhile: str
) -> None:
    """The change reads the clock, then another session changes the key, then it goes on: it is the later one all the same."""
    connection.execute("INSERT INTO weather VALUES (1, 1, 'x', %s), (2, 2, 'y', %s)", (day(1), day(1)))
    connection.execute(
        "CREATE FUNCTION halt() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " IF current_setting('application_name') = 'halted' THEN PERFORM pg_advisory_xact_lock(1); END IF;"
        " RETURN NEW; END $$;"
        "CREATE TRIGGER zzz_halt BEFORE INSERT OR UPDATE ON weather FOR EACH ROW EXECUTE FUNCTION halt()"
    )
    connection.execute("SELECT pg_advisory_lock(1)")
    with database.connect(application_name="halted") as other, ThreadPoolExecutor(1) as pool:
        changed = pool.submit(other.execute, SQL(change))  # type: ignore[arg-type]
        waiting = "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted)"
        while connection.execute(waiting).fetchone() == (False,):
            assert not changed.done()
        connection.execute(SQL(meanwhile))  # type: ignore[arg-type]
        connection.execute("SELECT pg_advisory_unlock(1)")
        changed.result(timeout=20)
    kept = assert_live_is_newest(connection, weather)
    assert live(connection, weather)[2,]["a"] == 9
    times = [v.event_time for v in kept if v.key == (2,)]
    assert len(times) == 3
    assert times == sorted(set(times))


@pytest.mark.parametrize(
    "change",
    [
        "INSERT INTO weather SELECT 1, 9, 'z', %s FROM pg_sleep(0.6)",
        "UPDATE weather SET k = 1, a = 9, event_time = %s FROM pg_sleep(0.6)",
    ],
)
def test_a_clock_in_the_moment_of_the_tombstone_is_moved_past_it(
    connection: psycopg.Connection, weather: RegisteredSet, change: str
) -> None:
    """A clock read while waiting for the delete of another session can fall into the delete's own microsecond."""
    soon = datetime.now(UTC) + timedelta(seconds=0.5)
    connection.execute("INSERT INTO weather VALUES (1, 1, 'x', %s), (2, 2, 'y', %s)", (soon, day(1)))
    connection.execute("DELETE FROM weather WHERE k = 1")
    connection.execute(SQL(change), (soon + timedelta(microseconds=1),))  # type: ignore[arg-type]
    kept = assert_live_is_newest(connection, weather)
    assert live(connection, weather)[1,]["a"] == 9
    times = [v.event_time for v in kept if v.key == (1,)]
    assert len(times) == 3
    assert times == sorted(set(times))


def test_truncate_in_an_older_snapshot_is_refused(database: TestDatabase, weather: RegisteredSet) -> None:
    with database.connect() as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.execute("INSERT INTO weather VALUES (1, 1, 'x')")
        with pytest.raises(psycopg.errors.FeatureNotSupported, match="read committed"), connection.transaction():
            connection.execute("TRUNCATE weather")
        assert len(assert_live_is_newest(connection, weather)) == 1


def test_insert_over_an_unseen_delete_fails_as_a_serialization_failure(
    database: TestDatabase, connection: psycopg.Connection, weather: RegisteredSet
) -> None:
    connection.execute("INSERT INTO weather VALUES (1, 1, 'x', %s), (2, 2, 'y', %s)", (day(1), day(1)))
    with database.connect() as other:
        other.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        other.execute("SELECT count(*) FROM weather")
        connection.execute("DELETE FROM weather WHERE k = 1")
        with pytest.raises(psycopg.errors.SerializationFailure, match="run the transaction again"):
            other.execute("INSERT INTO weather VALUES (1, 5, 'late', %s)", (day(2),))
        other.execute("ROLLBACK")
    assert len(assert_live_is_newest(connection, weather)) == 3


def test_one_row_first_then_many_in_a_session_stays_fast(
    connection: psycopg.Connection, weather: RegisteredSet
) -> None:
    """The plans kept from single rows must not be nested loops over transition tables: those would take minutes here."""
    connection.execute("INSERT INTO weather VALUES (0, 0, 'x')")
    for _ in range(8):
        connection.execute("UPDATE weather SET a = a + 1 WHERE k = 0")
    connection.execute("INSERT INTO weather SELECT i, i, 'x', %s FROM generate_series(1, 30000) i", (day(1),))
    connection.execute("SET statement_timeout = '20s'")
    connection.execute("UPDATE weather SET a = a + 1, event_time = %s WHERE k > 0", (day(2),))
    row = connection.execute("SELECT count(*) FROM weather_history").fetchone()
    assert row == (9 + 60000,)
