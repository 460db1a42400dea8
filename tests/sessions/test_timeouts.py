"""Timeouts that end sessions, set on a role or a database, break none of fsdb's operations; what they do end is told as what it is."""

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

import fsdb
from fsdb import db
from tests.conftest import TestDatabase


@pytest.fixture
def hurried(database: TestDatabase) -> TestDatabase:
    """A database whose sessions end after a moment without a statement, in a transaction and outside of one."""
    with database.connect() as connection:
        for setting in ("idle_in_transaction_session_timeout", "idle_session_timeout"):
            connection.execute(SQL("ALTER DATABASE {} SET {} = '50ms'").format(Identifier(database.name), SQL(setting)))
    return database


def test_fsdbs_sessions_may_wait(hurried: TestDatabase) -> None:
    with db.connect(hurried.url) as session:
        shown = [
            session.execute(f"SHOW {name}_timeout").fetchone()
            for name in ("idle_session", "idle_in_transaction_session")
        ]
        assert shown == [("0",), ("0",)]
    with fsdb.connect(hurried.url) as store, store.transaction() as connection:
        assert connection.execute("SHOW idle_in_transaction_session_timeout").fetchone() == ("0",)
    with psycopg.connect(hurried.url) as other:  # a session of the user's own is as the database wants it
        assert other.execute("SHOW idle_session_timeout").fetchone() == ("50ms",)


@pytest.mark.parametrize(
    "setting", ["idle_in_transaction_session_timeout", "idle_session_timeout", "transaction_timeout"]
)
def test_a_session_that_a_timeout_ended_is_told_by_its_setting(database: TestDatabase, setting: str) -> None:
    idle = setting == "idle_session_timeout"
    with psycopg.connect(database.url, autocommit=idle) as connection:
        if setting == "transaction_timeout" and connection.info.server_version < 170000:
            return
        backend = connection.info.backend_pid
        connection.execute(SQL("SET {}{} = '1ms'").format(SQL("" if idle else "LOCAL "), SQL(setting)))
        with database.connect() as watcher:
            while watcher.execute("SELECT FROM pg_stat_activity WHERE pid = %s", (backend,)).fetchone() is not None:
                pass
        with pytest.raises(psycopg.Error) as told:
            connection.execute("SELECT 1")
    assert db.went_away(told.value)
    if told.value.sqlstate is not None:
        assert f"ended the session by its {setting}" in str(db.explained(database.url, told.value))
