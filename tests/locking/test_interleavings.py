"""An application that has read and then writes is never an operation's victim, nor is anybody who comes by; operations do not deadlock."""

from itertools import combinations_with_replacement

import psycopg
import pytest

import fsdb
from fsdb import locks
from fsdb.errors import FsdbError
from tests.conftest import TestDatabase
from tests.locking.operations import OPERATIONS, await_standing, prepare, start

READ = """
    SELECT (SELECT count(*) FROM m), (SELECT count(*) FROM later), (SELECT count(*) FROM orders), (SELECT count(*) FROM baskets),
           (SELECT count(*) FROM accounts), (SELECT count(*) FROM orders_scored), (SELECT count(*) FROM customer),
           (SELECT count(*) FROM customer_history)
"""
WRITES = (
    "INSERT INTO m (id, x) VALUES (%(id)s, 1)",
    "INSERT INTO later (id, x) VALUES (%(id)s, 1)",
    "UPDATE customer SET spend = spend + 1 WHERE id = %(id)s",
    "INSERT INTO orders (id, x) VALUES (%(id)s, 1)",
    "INSERT INTO baskets (id, x) VALUES (%(id)s, 1)",
    "INSERT INTO accounts (id, x) VALUES (%(id)s, 1)",
)

# One of each kind of operation.
PAIRED = (
    "deploy_attached",
    "rollback",
    "canary",
    "refresh",
    "apply",
    "repair",
    "undeploy",
    "attach",
    "worker",
    "score",
    "ingest",
    "train",
    "sync",
    "retain",
)


def write(application: psycopg.Connection, name: str, customer: int = 1) -> None:
    """All writes of an application, as far as their tables are there after the operation; each customer's session has rows of its own."""
    for statement in WRITES:
        try:
            with application.transaction():
                application.execute(statement, {"id": customer})
        except psycopg.errors.UndefinedTable:
            assert name == "undeploy"


@pytest.mark.slow
@pytest.mark.parametrize("begun", ["read", "written"])
@pytest.mark.parametrize("name", OPERATIONS)
def test_an_application_goes_on(store: fsdb.Store, own: TestDatabase, name: str, begun: str) -> None:
    prepare(name, store)
    with own.connect() as observer, own.connect() as application, own.connect() as other:
        with application.transaction():
            application.execute(READ)
            if begun == "written":
                write(application, name)
            running = start(name, store)
            await_standing(observer, running, application)
            # Whoever comes by meanwhile waits no longer than an attempt takes.
            other.execute("SET lock_timeout = '10s'")
            other.execute("SELECT count(*) FROM customer_history")
            write(other, name, customer=2)
            write(application, name)
        running.end()
    assert running.error is None


@pytest.mark.slow
@pytest.mark.parametrize(("one", "two"), list(combinations_with_replacement(PAIRED, 2)))
def test_operations_do_not_deadlock(
    store: fsdb.Store, own: TestDatabase, one: str, two: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "PAUSE_SECONDS", (0.01, 0.03))  # so that attempts meet more often
    for name in {one, two}:
        prepare(name, store)
    with own.connect() as observer, own.connect() as application:
        with application.transaction():
            application.execute(READ)
            write(application, one)
            first = start(one, store)
            await_standing(observer, first, application)
            second = start(two, store)
            await_standing(observer, second, application)
        first.end()
        second.end()
    # What is left to refuse is meant: a second rollback, a plan of definitions that have changed since, a table that is undeployed.
    failed = [running.error for running in (first, second) if running.error is not None]
    assert len(failed) < 2, failed
    assert all(isinstance(error, FsdbError) for error in failed), failed
