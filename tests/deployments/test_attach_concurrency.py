"""Attaching, replacing and undeploying while an application writes: each row whole, none twice, nobody stuck."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import psycopg
import pytest

from fsdb.deployments import attach, deploy, register_model, replay, rollback, shadow, stop_shadow, undeploy
from fsdb.errors import ChangeRefused
from tests.conftest import TestDatabase
from tests.deployments.attached import NAMED, check_shown, insert, make, numbers, records, row
from tests.deployments.test_deploying import objects
from tests.deployments.world import INPUTS, gradient_boosted

Connection = psycopg.Connection


@contextmanager
def busy(database: TestDatabase, *works: Callable[[Connection], Any]) -> Iterator[None]:
    """Runs each work over and over in a session of its own; raises what went wrong in one."""
    stop = threading.Event()
    failures: list[BaseException] = []

    def run(work: Callable[[Connection], Any]) -> None:
        try:
            with database.connect() as connection:
                while not stop.is_set():
                    work(connection)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=[work]) for work in works]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert failures == []


def inserting(first: int) -> Callable[[Connection], Any]:
    """Inserts two orders a statement, all of them new."""
    number = count(first)
    text = 'INSERT INTO orders ("Order No", origin, hour) VALUES (%s, %s, 1), (%s, %s, 2)'
    return lambda connection: connection.execute(text, [next(number), "JFK", next(number), "EWR"])


@pytest.mark.slow
@pytest.mark.parametrize("columns", [False, True])
def test_attaching_and_undeploying_during_inserts(
    connection: Connection, database: TestDatabase, columns: bool
) -> None:
    make(connection, gradient_boosted())
    with busy(database, inserting(0), inserting(1_000_000)):
        for _ in range(3):
            attach(connection, "flight_delay", "orders", inputs=NAMED, columns=columns, backfill=True)
            time.sleep(0.3)
            with connection.transaction():
                connection.execute("LOCK TABLE orders IN SHARE MODE")
                orders = connection.execute('SELECT "Order No" FROM orders').fetchall()
                assert sorted(numbers(connection)) == sorted(number for (number,) in orders)
                check_shown(connection, columns)
            undeploy(connection, "orders_predictions", drop_predictions=True)


@pytest.mark.slow
def test_replacing_during_inserts(connection: Connection, database: TestDatabase) -> None:
    make(connection, gradient_boosted())
    register_model(connection, "flight_delay", gradient_boosted(200, 1), inputs=INPUTS)
    attach(connection, "flight_delay", "orders", inputs=NAMED, version=1)

    def featuring(session: Connection) -> None:
        session.execute("UPDATE weather SET wind = coalesce(wind, 0) + 1 WHERE origin = 'JFK'")
        time.sleep(0.2)

    with busy(database, inserting(0), inserting(1_000_000), featuring):
        for _ in range(2):
            deploy(connection, "flight_delay", "orders_predictions", version=2)
            shadow(connection, "orders_predictions", version=1)
            time.sleep(0.2)
            stop_shadow(connection, "orders_predictions")
            rollback(connection, "orders_predictions")
    found = connection.execute(
        "SELECT model_release, array_agg(DISTINCT model_version) FROM orders_predictions GROUP BY 1"
    ).fetchall()
    released: dict[int, int] = dict(
        connection.execute("SELECT release, version FROM fsdb.deployment_releases WHERE deployment_id = 1").fetchall()
    )
    assert all(used == [released[release]] for release, used in found)
    assert {number for (number,) in connection.execute('SELECT "Order No" FROM orders')} == set(numbers(connection))
    beside = [line["of_prediction"] for line in records(connection, "orders_predictions_shadow")]
    assert len(beside) == len(set(beside))
    assert set(beside) <= {line["prediction_id"] for line in records(connection)}
    assert replay(connection, "orders_predictions").different == 0


def test_it_does_not_wait_for_ever(
    connection: Connection, database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(connection, gradient_boosted())
    monkeypatch.setenv("FSDB_LOCK_SECONDS", "0.4")
    before = objects(connection)
    with database.connect() as other, other.transaction():
        insert(other, row(1))
        with pytest.raises(ChangeRefused, match="stays open"):
            attach(connection, "flight_delay", "orders", inputs=NAMED)
        assert objects(connection) == before
    attach(connection, "flight_delay", "orders", inputs=NAMED)
    with database.connect() as other, other.transaction():
        other.execute("UPDATE weather SET wind = 1")
        with pytest.raises(ChangeRefused, match="stays open"):
            undeploy(connection, "orders_predictions")
    assert numbers(connection) == [1], "never scored before, it was with the features"
    undeploy(connection, "orders_predictions", drop_predictions=True)
    assert objects(connection) == before


@pytest.mark.parametrize("columns", [False, True])
def test_a_change_of_inputs_and_one_of_features_go_one_after_the_other(
    connection: Connection, database: TestDatabase, columns: bool
) -> None:
    make(connection, gradient_boosted())
    attach(connection, "flight_delay", "orders", inputs=NAMED, columns=columns)
    insert(connection, row(1))
    statements = (
        "UPDATE weather SET wind = 17 WHERE origin = 'JFK'",
        "UPDATE orders SET hour = 17",
        "UPDATE plane SET age = 17 WHERE tailnum = 11",
    )
    versions = [(0, 3, 0)]
    for first, second in ((0, 1), (1, 2), (2, 0)):
        with database.connect() as one, database.connect() as two:
            waiting = threading.Thread(
                target=two.execute, args=[statements[second].replace("17", str(versions[-1][0] + 2))]
            )
            with one.transaction():
                one.execute(statements[first].replace("17", str(versions[-1][0] + 1)))
                waiting.start()
                time.sleep(0.3)
                assert waiting.is_alive()
            waiting.join()
        last = records(connection)[-1]
        newest = connection.execute(
            "SELECT (SELECT max(version_id) FROM fsdb_history.weather WHERE origin = 'JFK'),"
            " (SELECT max(version_id) FROM fsdb_history.plane WHERE tailnum = 11), (SELECT hour FROM orders)"
        ).fetchone()
        assert (last["weather_version"], last["plane_version"], last["hour"]) == newest
        check_shown(connection, columns)
        versions.append((versions[-1][0] + 2, 0, 0))
