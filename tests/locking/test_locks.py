"""What is said where a lock is not to be had, and how long is tried."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Thread

import pandas as pd
import psycopg
import pytest
from psycopg.conninfo import make_conninfo

import fsdb
from fsdb import config, locks
from fsdb.db import Database
from fsdb.errors import ChangeRefused, InvalidDefinition
from fsdb.locks import Mode
from fsdb.worker.queue import waiting
from tests.conftest import TestDatabase


@pytest.fixture
def tables(database: TestDatabase) -> TestDatabase:
    """A database with two tables and a view of one of them."""
    with database.connect() as connection:
        connection.execute("CREATE TABLE one (n int); CREATE TABLE two (n int); CREATE VIEW seen AS SELECT * FROM one")
    return database


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A single attempt."""
    monkeypatch.setenv("FSDB_LOCK_SECONDS", "0")


def held(connection: psycopg.Connection) -> set[tuple[str, str]]:
    """What this session has locked of these tables."""
    rows = connection.execute(
        "SELECT relation::regclass::text, mode FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'relation'"
        " AND relation = ANY (ARRAY['one', 'two', 'seen']::regclass[])"
    )
    return set(rows.fetchall())


def test_all_or_none(tables: TestDatabase, impatient: None) -> None:
    wanted = {("public", "two"): Mode.ACCESS_EXCLUSIVE, ("public", "one"): Mode.SHARE, ("public", "gone"): Mode.SHARE}
    with tables.connect() as connection, tables.connect(application_name="shop") as other:
        with other.transaction(), connection.transaction():
            other.execute("INSERT INTO one VALUES (1)")
            with pytest.raises(ChangeRefused) as refused:
                locks.take(connection, wanted)
            assert held(connection) == set()
        shown = str(refused.value)
        assert f"pid {other.info.backend_pid}, application shop, user {other.info.user}, idle in transaction" in shown
        assert re.search(r"since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d.*, on one\)", shown)
        with connection.transaction():
            connection.execute("SET LOCAL lock_timeout = '7s'")
            locks.take(connection, wanted)
            assert held(connection) == {("two", "AccessExclusiveLock"), ("one", "ShareLock")}
            assert connection.execute("SHOW lock_timeout").fetchone() == ("7s",)


def test_a_view_alone(tables: TestDatabase) -> None:
    with tables.connect() as connection, tables.connect() as other, other.transaction():
        other.execute("INSERT INTO one VALUES (1)")
        with connection.transaction():
            locks.take(connection, {("public", "seen"): Mode.ACCESS_EXCLUSIVE})
            assert held(connection) == {("seen", "AccessExclusiveLock")}


def test_an_attempt_is_shorter_than_the_look_for_deadlocks(tables: TestDatabase) -> None:
    for options, wait in (("", 200), ("-c deadlock_timeout=100", 50), ("-c lock_timeout=30", 30)):
        with tables.connect(options=options) as connection, connection.transaction():
            locks.hurry(connection)
            assert connection.execute("SHOW lock_timeout").fetchone() == (f"{wait}ms",)


def test_how_long_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    clock = iter(range(1000))
    monkeypatch.setattr(locks.time, "sleep", pauses.append)
    monkeypatch.setattr(locks.time, "monotonic", lambda: float(next(clock)))
    monkeypatch.setenv("FSDB_LOCK_SECONDS", "6")
    assert list(locks.attempts()) == [0, 1, 2, 3, 4, 5]
    assert pauses == [0.1, 0.2, 0.4, 1.0, 1.0]
    for wrong in ("soon", "-1", "nan"):
        monkeypatch.setenv("FSDB_LOCK_SECONDS", wrong)
        with pytest.raises(InvalidDefinition, match="is no number of seconds"):
            config.lock_seconds()


def test_an_operation_is_begun_again(tables: TestDatabase) -> None:
    """What an operation waits for besides what it knows of: others go first, and it comes again."""
    database = Database(tables.url)
    database.open()
    seen: list[int] = []
    with tables.connect() as other:
        other.execute("BEGIN; LOCK TABLE one")

        def work(connection: psycopg.Connection) -> str:
            if len(seen) == 1:
                other.execute("COMMIT")
            connection.execute("INSERT INTO two VALUES (1)")
            seen.append(len(seen))
            connection.execute("INSERT INTO one VALUES (1)")
            return "done"

        assert database.changing(work) == "done"
        assert len(seen) == 2
        assert other.execute("SELECT count(*) FROM two").fetchone() == (1,)
    database.close()


def test_in_words(tables: TestDatabase, impatient: None) -> None:
    accounts = fsdb.FeatureSet("account", {"id": "bigint"}, [fsdb.Feature("balance", "bigint")])
    rows = pd.DataFrame({"id": [1], "balance": [1]})
    url = make_conninfo(tables.url, options="-c lock_timeout=50")
    with fsdb.connect(url) as store, tables.connect() as other:
        store.apply([accounts])
        store.ingest("account", rows)
        with other.transaction():
            other.execute("UPDATE account SET balance = 2")
            with pytest.raises(ChangeRefused, match="Another transaction holds what this one needs"):
                store.ingest("account", rows.assign(balance=3))
            with store.transaction() as connection, pytest.raises(psycopg.errors.LockNotAvailable):
                connection.execute("UPDATE account SET balance = 4")  # the user's own statement
        other.execute("BEGIN; LOCK TABLE fsdb.deployments IN SHARE ROW EXCLUSIVE MODE")
        with (
            store.transaction() as connection,
            pytest.raises(ChangeRefused, match=r"Deployments cannot be changed now.*pid"),
        ):
            fsdb.deployments.deploy(connection, "none", "none")
        other.execute("ROLLBACK")


def test_the_victim_of_a_deadlock_is_told(tables: TestDatabase) -> None:
    database = Database(make_conninfo(tables.url, options="-c deadlock_timeout=50"))
    database.open()
    with tables.connect(options="-c deadlock_timeout=60000") as other:
        other.execute("BEGIN; LOCK TABLE one")

        def cross() -> None:
            other.execute("LOCK TABLE two")
            other.execute("COMMIT")

        thread = Thread(target=cross)

        def work() -> None:
            with database.transaction() as connection:
                connection.execute("LOCK TABLE two")
                thread.start()
                connection.execute("LOCK TABLE one")

        with pytest.raises(ChangeRefused, match="Another transaction holds"):
            work()
        thread.join()
    database.close()


def test_locks_that_anybody_may_take_hold_nothing_up(
    database: TestDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A role that may do nothing but connect has the advisory locks by which fsdb's own sessions wait for each other."""
    monkeypatch.setenv("FSDB_LOCK_SECONDS", "0.2")
    accounts = fsdb.FeatureSet("account", {"id": "bigint"}, [fsdb.Feature("balance", "bigint")])
    with fsdb.connect(database.url, warehouse=str(tmp_path)) as store, database.connect() as admin:
        admin.execute("DROP ROLE IF EXISTS mallory_of_locks; CREATE ROLE mallory_of_locks LOGIN")
        store.apply([accounts])
        store.ingest("account", pd.DataFrame({"id": [1], "balance": [1]}))
        held_up: dict[str, Callable[[], object]] = {
            "hashtextextended('fsdb copy of account', 0)": store.sync,
            "1718838386": lambda: store.training_set(features=["account.balance"], known="now"),
            "1718838370": lambda: store.apply([replace(accounts, description="of customers")]),
        }
        with psycopg.connect(database.url, user="mallory_of_locks", autocommit=True) as mallory:
            for key, call in held_up.items():
                mallory.execute(f"SELECT pg_advisory_lock({key})")  # type: ignore[arg-type]
                with pytest.raises(ChangeRefused, match=rf"pid {mallory.info.backend_pid}, .*user mallory_of_locks"):
                    call()
                mallory.execute("SELECT pg_advisory_unlock_all()")
                call()
            mallory.execute("SELECT pg_advisory_lock(1718838642, 1), pg_advisory_lock(1718838370)")
            with waiting(admin):
                fsdb.connect(database.url).close()
        # Who may do the same is waited for.
        with database.connect() as owner, owner.transaction():
            owner.execute("SELECT pg_advisory_xact_lock_shared(1718838386)")
            owner.execute("SELECT pg_advisory_xact_lock(1718838370)")
            thread = Thread(target=held_up["1718838370"])
            thread.start()
            thread.join(1)
            assert thread.is_alive()
        thread.join()
        admin.execute("DROP ROLE mallory_of_locks")
