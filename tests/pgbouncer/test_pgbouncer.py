"""The SDK, SQLAlchemy and psycopg through PgBouncer: what is read is right, what is written is written once."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from psycopg import sql

import fsdb
from tests.conftest import TestDatabase
from tests.pgbouncer.conftest import Bouncer
from tests.sessions.world import calls

THREADS = 6
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def at_once(work: Callable[[int], list[Any]]) -> list[Any]:
    """What all threads gave, errors included."""
    gave: list[Any] = []

    def run(number: int) -> None:
        try:
            gave.extend(work(number))
        except BaseException as error:
            gave.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return gave


def test_vectors_of_two_sets(bouncer: Bouncer) -> None:
    chosen = [("account.balance", "balance", {1: 10, 2: 20}), ("city.size", "size", {1: 1.5, 2: 2.5})]

    def read(number: int) -> list[Any]:
        feature, name, values = chosen[number % 2]
        with fsdb.connect(bouncer.url) as store:
            keys = [turn % 2 + 1 for turn in range(60)]
            return [store.feature_vector([feature], {"id": key})[name] == values[key] for key in keys]

    assert at_once(read) == [True] * 60 * THREADS


def test_every_call_that_reads(bouncer: Bouncer, built: TestDatabase) -> None:
    with fsdb.connect(built.url) as direct, fsdb.connect(bouncer.url) as pooled:
        for (name, call), whole in zip(calls(pooled).items(), calls(direct).values(), strict=True):
            assert call() == whole(), name


def test_a_sync(bouncer: Bouncer, built: TestDatabase) -> None:
    with built.connect() as connection:
        connection.execute("UPDATE city SET size = size WHERE id = 2")
    with fsdb.connect(bouncer.url) as store:
        before = store.sync().table.to_dicts()
        again = store.sync().table.to_dicts()
    assert [row["versions"] for row in again] == [0, 0]
    assert [row["rows_in_copy"] for row in again] == [row["rows_in_copy"] for row in before]


@pytest.mark.parametrize("library", ["psycopg", "sqlalchemy"])
def test_applications(bouncer: Bouncer, built: TestDatabase, library: str) -> None:
    """They write live tables and model tables, and read the functions and views of sets."""
    # Where the pooler does not keep clients' prepared statements apart, a driver must be told to prepare none.
    for threshold in (None, 0) if bouncer.prepares else (None,):
        _application(bouncer, built, library, threshold)


def _application(bouncer: Bouncer, built: TestDatabase, library: str, threshold: int | None) -> None:
    first = 1000
    moment = datetime(2030, 1, 1, tzinfo=UTC)

    def with_psycopg(number: int) -> list[Any]:
        gave: list[Any] = []
        with psycopg.connect(bouncer.url, prepare_threshold=threshold, autocommit=True) as connection:
            for turn in range(15):
                key = first + 100 * number + turn
                connection.execute("INSERT INTO account (id, balance) VALUES (%s, %s)", (key, key))
                connection.execute("UPDATE account SET balance = balance + 1 WHERE id = %s", (key,))
                connection.execute("INSERT INTO city (id, size) VALUES (%s, %s)", (key, key / 2))
                gave.append(
                    connection.execute(
                        "INSERT INTO scores (amount) VALUES (%s) RETURNING prediction", (key,)
                    ).fetchone()[0]
                )
                row = connection.execute(
                    "SELECT balance FROM account_as_of(%s) WHERE id = %s", (moment, key)
                ).fetchone()
                gave.append(row == (key + 1,))
        return gave

    def with_sqlalchemy(number: int) -> list[Any]:
        gave: list[Any] = []
        engine = sa.create_engine(
            "postgresql+psycopg://",
            creator=lambda: psycopg.connect(bouncer.url, prepare_threshold=threshold),
            poolclass=sa.pool.NullPool,
        )
        for turn in range(15):
            given = {"key": first + 100 * number + turn, "moment": moment}
            with engine.begin() as connection:
                connection.execute(sa.text("INSERT INTO account (id, balance) VALUES (:key, :key)"), given)
                connection.execute(sa.text("UPDATE account SET balance = balance + 1 WHERE id = :key"), given)
                connection.execute(sa.text("INSERT INTO city (id, size) VALUES (:key, :key / 2.0)"), given)
                made = connection.execute(
                    sa.text("INSERT INTO scores (amount) VALUES (:key) RETURNING prediction"), given
                )
                gave.append(made.scalar())
            with engine.begin() as connection:
                read = connection.execute(sa.text("SELECT balance FROM account_as_of(:moment) WHERE id = :key"), given)
                gave.append(read.scalar() == given["key"] + 1)
        return gave

    with built.connect() as connection:
        before = connection.execute("SELECT max(version_id) FROM account_history").fetchone()
    work = with_psycopg if library == "psycopg" else with_sqlalchemy
    assert at_once(work) == [True] * 2 * 15 * THREADS
    with built.connect() as connection:
        versions = connection.execute(
            "SELECT count(*), count(DISTINCT id), sum(balance - id) FROM account_history WHERE version_id > %s", before
        ).fetchone()
        for table, key in (("account", "id"), ("city", "id"), ("scores", "amount")):
            connection.execute(sql.SQL("DELETE FROM {} WHERE {} >= 1000").format(*map(sql.Identifier, (table, key))))
    assert versions == (2 * 15 * THREADS, 15 * THREADS, 15 * THREADS)
