"""What is said where a lock is not to be had, and how long is tried."""

import re
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Thread
from uuid import uuid4

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

_KEYS = ("1718838386", "1718838370", "1718838642, 1")  # of retention, definitions and workers


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
        with pytest.raises(InvalidDefinition, match="is not a number of seconds"):
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
            connection.execute("INSERT INTO public.two VALUES (1)")
            seen.append(len(seen))
            connection.execute("INSERT INTO public.one VALUES (1)")
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
                connection.execute("LOCK TABLE public.two")
                thread.start()
                connection.execute("LOCK TABLE public.one")

        with pytest.raises(ChangeRefused, match="Another transaction holds"):
            work()
        thread.join()
    database.close()


def test_locks_that_anybody_may_take_hold_nothing_up(database: TestDatabase, tmp_path: Path) -> None:
    """A role that may do nothing but connect has all advisory locks that fsdb ever took, and a reader locks what it can."""
    accounts = fsdb.FeatureSet("account", {"id": "bigint"}, [fsdb.Feature("balance", "bigint")])
    with fsdb.connect(database.url, warehouse=str(tmp_path)) as store, database.connect() as admin:
        admin.execute("DROP ROLE IF EXISTS mallory_of_locks; CREATE ROLE mallory_of_locks LOGIN")
        store.apply([accounts])
        store.ingest("account", pd.DataFrame({"id": [1], "balance": [1]}))
        calls: list[Callable[[], object]] = [
            store.sync,
            lambda: store.training_set(features=["account.balance"], known="now"),
            lambda: store.plan([accounts]),
            lambda: store.apply([replace(accounts, description="of customers")]),
            lambda: store.feature_vector("account", {"id": 1}),
            lambda: fsdb.connect(database.url).close(),
        ]
        with psycopg.connect(database.url, user="mallory_of_locks", autocommit=True) as mallory:
            for key in (*_KEYS, "hashtextextended('fsdb copy of account', 0)", "hashtextextended('fsdb warehouse', 0)"):
                mallory.execute(f"SELECT pg_advisory_lock({key})")  # type: ignore[arg-type]
            began = time.monotonic()
            for call in calls:
                call()
            with waiting(admin):
                pass
            assert time.monotonic() - began < 60
            for refused in (
                "SELECT fsdb.take_turn('definitions')",
                "SELECT fsdb.hold_reading()",
                "LOCK TABLE fsdb.turns IN ACCESS SHARE MODE",
            ):
                with pytest.raises(psycopg.errors.InsufficientPrivilege), mallory.transaction():
                    mallory.execute(refused)
            admin.execute("GRANT USAGE ON SCHEMA fsdb TO mallory_of_locks")
            admin.execute("GRANT SELECT ON ALL TABLES IN SCHEMA fsdb TO mallory_of_locks")
            for refused in (
                "SELECT fsdb.take_turn('definitions')",
                "SELECT FROM fsdb.turns FOR SHARE",
                "LOCK TABLE fsdb.reading IN ROW SHARE MODE",
            ):
                with pytest.raises(psycopg.errors.InsufficientPrivilege), mallory.transaction():
                    mallory.execute(refused)
            with mallory.transaction():
                mallory.execute(
                    "LOCK TABLE fsdb.turns, fsdb.reading, fsdb.feature_sets, fsdb.copies IN ACCESS SHARE MODE"
                )
                for call in calls:
                    call()
        # Who may do the same is waited for.
        with database.connect() as owner, owner.transaction():
            owner.execute("SELECT fsdb.take_turn('definitions')")
            thread = Thread(target=calls[3])
            thread.start()
            thread.join(1)
            assert thread.is_alive()
        thread.join()
        admin.execute("DROP OWNED BY mallory_of_locks; DROP ROLE mallory_of_locks")


def test_nobody_without_a_right_to_create_keeps_a_catalog_from_being_made(server_url: str) -> None:
    name = f"fsdb_test_{uuid4().hex[:12]}"
    with psycopg.connect(server_url, autocommit=True) as admin:
        admin.execute("DROP ROLE IF EXISTS mallory_of_locks")
        admin.execute("CREATE ROLE mallory_of_locks LOGIN")
        admin.execute(f"CREATE DATABASE {name}")  # type: ignore[arg-type]
        url = make_conninfo(server_url, dbname=name)
        with psycopg.connect(url, user="mallory_of_locks", autocommit=True) as mallory:
            mallory.execute("SELECT pg_advisory_lock(1718838370)")
            fsdb.connect(url).close()
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")  # type: ignore[arg-type]
        admin.execute("DROP ROLE mallory_of_locks")
