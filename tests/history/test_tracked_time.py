"""What an application writes to a tracked table stays, whatever its own time says (invariant 23); its versions follow the order of writes."""

from datetime import datetime, timedelta
from typing import Any

import psycopg
import pyarrow as pa
import pytest
from psycopg.sql import SQL, Identifier

from fsdb import history, ingest
from fsdb.catalog.feature_sets import RegisteredSet
from tests.conftest import TestDatabase
from tests.history.kept import assert_live_is_newest, day, live

NAME = "updated_at"


@pytest.fixture
def app(connection: psycopg.Connection) -> RegisteredSet:
    """A table as applications have it, with one row of January 10, tracked by its own time."""
    connection.execute("CREATE TABLE app (k int PRIMARY KEY, a int, note text, updated_at timestamptz)")
    connection.execute("INSERT INTO app VALUES (1, 1, 'x', %s)", (day(10),))
    with connection.transaction():
        definition = history.tracked_definition(connection, "app", features=["a"], event_time=NAME)
        return history.create(connection, definition)


def _value(connection: psycopg.Connection, text: str, *arguments: object) -> Any:
    row = connection.execute(text, arguments).fetchone()  # type: ignore[arg-type]
    assert row is not None
    return row[0]


TIMES = {
    "later": (day(11), True),
    "the same": (day(10), False),
    "earlier": (day(9), False),
    "none": (None, False),
    "without end": ("infinity", False),
    "without beginning": ("-infinity", False),
}
WRITES = {
    "update": "UPDATE app SET a = 2, note = 'y', updated_at = %s WHERE k = 1 RETURNING a, note, updated_at::text",
    "upsert": "INSERT INTO app AS t VALUES (1, 2, 'y', %s) ON CONFLICT (k) DO UPDATE"
    " SET a = excluded.a, note = excluded.note, updated_at = excluded.updated_at",
    "merge": "MERGE INTO app t USING (SELECT %s::timestamptz AS at) s ON t.k = 1"
    " WHEN MATCHED THEN UPDATE SET a = 2, note = 'y', updated_at = s.at",
}


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("said", TIMES)
def test_every_write_stays(connection: psycopg.Connection, app: RegisteredSet, write: str, said: str) -> None:
    """The row holds what was written; the version has that time where it is later, else the clock's."""
    time, kept_time = TIMES[said]
    before = _value(connection, "SELECT clock_timestamp()")
    assert connection.execute(WRITES[write], (time,)).rowcount == 1  # type: ignore[arg-type]
    assert connection.execute("SELECT a, note, updated_at = %s FROM app", (time,)).fetchone() == (
        (2, "y", None if time is None else True)
    )
    version = assert_live_is_newest(connection, app)[-1]
    if kept_time:
        assert version.event_time == time
    else:
        assert before <= version.event_time <= version.recorded_at


def test_what_is_written_after_a_delete_stays(connection: psycopg.Connection, app: RegisteredSet) -> None:
    """The delete is of today, and what comes back with an older time holds from the moment at which it comes."""
    connection.execute("DELETE FROM app")
    connection.execute("INSERT INTO app VALUES (1, 7, 'back', %s), (2, 8, 'new', %s)", (day(5), day(5)))
    kept = assert_live_is_newest(connection, app)
    assert [(v.key[0], v.values["a"], v.deleted) for v in kept] == [
        (1, 1, False),
        (1, None, True),
        (1, 7, False),
        (2, 8, False),
    ]
    assert kept[1].event_time < kept[2].event_time
    assert kept[3].event_time == day(5)
    assert _value(connection, "SELECT updated_at FROM app WHERE k = 1") == day(5)


def test_a_time_ahead_counts_from_then_on(connection: psycopg.Connection, app: RegisteredSet) -> None:
    ahead = _value(connection, "SELECT now() + interval '1 year'")
    connection.execute("UPDATE app SET a = 2, updated_at = %s", (ahead,))
    connection.execute("UPDATE app SET a = 3, updated_at = now()")
    kept = assert_live_is_newest(connection, app)
    assert [v.event_time for v in kept[1:]] == [ahead, ahead + timedelta(microseconds=1)]


def test_rows_that_change_their_keys(connection: psycopg.Connection, app: RegisteredSet) -> None:
    connection.execute("INSERT INTO app VALUES (3, 3, 'x', %s), (2, 1, 'x', %s)", (day(12), day(10)))
    connection.execute(
        "SET enable_indexscan = off; SET enable_bitmapscan = off"
    )  # in the order of the rows, 3 before 2
    connection.execute("UPDATE app SET k = k + 1, updated_at = %s WHERE k > 1", (day(11),))
    connection.execute("UPDATE app SET k = 9 WHERE k = 1")
    kept = assert_live_is_newest(connection, app)[3:]
    moved = {(v.key[0], v.deleted): v.event_time for v in kept}
    assert set(moved) == {(2, True), (3, True), (3, False), (4, False), (1, True), (9, False)}
    # A key that was not there before takes the row's time, one that was left in this very statement a later one.
    assert (moved[4, False], moved[9, False]) == (day(11), day(10))
    assert moved[3, True] < moved[3, False]


WAYS = {
    "update": "UPDATE app SET a = %s, updated_at = now() WHERE k = 1",
    "upsert": "INSERT INTO app VALUES (1, %s, 'x', now()) ON CONFLICT (k) DO UPDATE SET a = excluded.a, updated_at = excluded.updated_at",
    "merge": "MERGE INTO app t USING (SELECT %s::int AS a) s ON t.k = 1 WHEN MATCHED THEN UPDATE SET a = s.a, updated_at = now()",
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("waits", [False, True])
def test_the_longer_transaction_writes_last(
    database: TestDatabase, connection: psycopg.Connection, app: RegisteredSet, way: str, waits: bool
) -> None:
    """now() is the transaction's start. waits: the older one comes to the row while the younger one still holds it."""
    with database.connect() as older, database.connect() as younger, database.connect() as watching:
        older.execute("BEGIN; SELECT now()")
        younger.execute("BEGIN")
        younger.execute(WAYS[way], (2,))  # type: ignore[arg-type]
        if not waits:
            younger.execute("COMMIT")
            older.execute(WAYS[way], (3,))  # type: ignore[arg-type]
        else:
            with older.pipeline():
                older.execute(WAYS[way], (3,))  # type: ignore[arg-type]
                _until_blocked(watching, older.info.backend_pid)
                younger.execute("COMMIT")
        older.execute("COMMIT")
    kept = assert_live_is_newest(connection, app)
    assert live(connection, app)[1,]["a"] == 3
    assert [v.values["a"] for v in kept] == [1, 2, 3]
    times: list[datetime] = [v.event_time for v in kept]
    assert times == sorted(set(times))
    assert (
        _value(connection, "SELECT updated_at FROM app") < kept[1].event_time
    )  # the application's own, as it wrote it


def _until_blocked(watching: psycopg.Connection, pid: int) -> None:
    while not _value(watching, "SELECT cardinality(pg_blocking_pids(%s)) > 0", pid):
        pass


def test_snapshots_that_are_older_than_a_delete(
    database: TestDatabase, connection: psycopg.Connection, app: RegisteredSet
) -> None:
    """At REPEATABLE READ the tombstone of another session cannot be seen: the row that comes back counts by the clock."""
    with database.connect() as older:
        older.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        with older.transaction():
            older.execute("SELECT FROM app")
            connection.execute("DELETE FROM app")
            older.execute("INSERT INTO app VALUES (1, 5, 'back', %s)", (day(11),))
    assert [v.values["a"] for v in assert_live_is_newest(connection, app)] == [1, None, 5]


LAST = {
    "touch": "NEW.updated_at := now(); RETURN NEW;",
    "keeps its key": "IF NEW.k <> OLD.k THEN RETURN NULL; END IF; RETURN NEW;",
    "moves it": "IF NEW.a = 9 THEN NEW.k := NEW.k + 100; END IF; RETURN NEW;",
    "changes a feature": "NEW.a := NEW.a * 2; RETURN NEW;",
    "unsets the time": "NEW.updated_at := NULL; RETURN NEW;",
}


@pytest.mark.parametrize("name", ["touch", "zz_touch", "zzz_touch", "~~touch", "ÿ"])
@pytest.mark.parametrize("what", LAST)
def test_triggers_of_the_application_have_the_last_word(
    connection: psycopg.Connection, app: RegisteredSet, name: str, what: str
) -> None:
    function, trigger = Identifier(f"{name}()"), Identifier(name)
    connection.execute(
        SQL(
            "CREATE FUNCTION {}() RETURNS trigger LANGUAGE plpgsql AS {};"
            "CREATE TRIGGER {} BEFORE UPDATE ON app FOR EACH ROW EXECUTE FUNCTION {}()"
        ).format(function, f"BEGIN {LAST[what]} END", trigger, function)
    )
    for update in ("a = 5, updated_at = now()", "k = 7", "a = 9", "a = 9, updated_at = '2000-01-01'"):
        connection.execute(SQL("UPDATE app SET {}").format(SQL(update)))
        assert_live_is_newest(connection, app)


def test_what_fsdb_itself_is_told_of_the_past_stays_in_the_past(
    connection: psycopg.Connection, app: RegisteredSet
) -> None:
    """An ingest is taken at its word: late values go to history alone, those of the newest moment correct it."""

    def taken(*rows: tuple[int, int, datetime]) -> ingest.IngestResult:
        with connection.transaction():
            return ingest.ingest(
                connection, app, pa.table(dict(zip(("k", "a", NAME), zip(*rows, strict=True), strict=True)))
            )

    assert taken((1, 5, day(9)), (1, 6, day(10)), (2, 1, day(3)), (2, 2, day(4))) == ingest.IngestResult(1, 2, 1, 0)
    assert connection.execute("SELECT k, a, updated_at FROM app ORDER BY k").fetchall() == [
        (1, 6, day(10)),
        (2, 2, day(4)),
    ]
    connection.execute("DELETE FROM app WHERE k = 2")
    assert taken((2, 9, day(5))) == ingest.IngestResult(0, 0, 1, 0)
    kept = assert_live_is_newest(connection, app)
    assert [(v.key[0], v.values["a"], v.event_time) for v in kept if not v.deleted] == [
        (1, 1, day(10)),
        (2, 1, day(3)),
        (2, 2, day(4)),
        (1, 5, day(9)),
        (1, 6, day(10)),
        (2, 9, day(5)),
    ]
    with connection.transaction():
        assert history.delete_as_of(connection, app, [{"k": 1}], day(8)) == 0
        assert history.delete_as_of(connection, app, [{"k": 1}], day(20)) == 1
    assert live(connection, app) == {}
    assert_live_is_newest(connection, app)
