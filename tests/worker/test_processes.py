"""Workers as processes of their own: killed at every step nothing is lost and nothing done twice; woken, stopped, several at once."""

import random
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.sql import SQL

from fsdb import embedded
from fsdb.deployments import deploy, register_model, replay, undeploy
from fsdb.migrate import catalog
from fsdb.worker import Batch, Worker
from tests.conftest import TestDatabase
from tests.deployments.world import INPUTS, World, gradient_boosted, make_world
from tests.worker.served import (
    MANY,
    SECONDS,
    check_native,
    deployed,
    process,
    rows,
    scalar,
    until,
    until_gone,
    waiting,
    work_once,
)

WAITING_WORKERS = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ShareLock' AND objid = 1"
# Every committed change of a row, so that what happens twice is seen.
LEDGER = """
CREATE TABLE ledger (prediction_id bigint, prediction text);
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN INSERT INTO ledger VALUES (NEW.prediction_id, NEW.prediction::text); RETURN NULL; END $$;
CREATE TRIGGER note AFTER UPDATE ON flight_delay FOR EACH ROW EXECUTE FUNCTION note();
"""
STALL = """
CREATE FUNCTION stall() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN PERFORM pg_advisory_xact_lock(77); RETURN coalesce(NEW, OLD); END $$;
CREATE TRIGGER stall {} FOR EACH ROW EXECUTE FUNCTION stall();
"""


@pytest.fixture
def served(world: World) -> World:
    """flight_delay, scored by workers, with a ledger of what is filled in."""
    world.program = deployed(world.connection, gradient_boosted())  # type: ignore[attr-defined]
    world.connection.execute(LEDGER)
    return world


def check_whole(world: World, count: int) -> None:
    """Every row has its prediction, filled in once, and nothing waits."""
    connection = world.connection
    assert waiting(connection) == 0
    found = rows(connection)
    assert len(found) == count
    filled = connection.execute("SELECT prediction_id, prediction::boolean FROM ledger ORDER BY 1").fetchall()
    assert filled == [(number, row["prediction"]) for number, row in found.items()]
    sample = random.Random(0).sample(sorted(found), 40)
    check_native(world, gradient_boosted(), world.program, {n: found[n] for n in sample})  # type: ignore[attr-defined]
    assert replay(connection, "flight_delay", None).different == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("step", "how"),
    [
        ("BEFORE UPDATE ON flight_delay", "SIGKILL"),
        ("AFTER UPDATE ON flight_delay", "pg_terminate_backend"),
        ("BEFORE DELETE ON fsdb.scoring_queue", "SIGKILL"),
        ("AFTER DELETE ON fsdb.scoring_queue", "SIGKILL"),
        ("AFTER DELETE ON fsdb.scoring_queue", "pg_terminate_backend"),
    ],
)
def test_a_worker_that_dies_at_any_step_loses_and_repeats_nothing(
    served: World, database: TestDatabase, step: str, how: str
) -> None:
    connection = served.connection
    connection.execute(SQL(STALL).format(SQL(step)))
    connection.execute(MANY, [50])
    with database.connect() as holding:
        holding.execute("SELECT pg_advisory_lock(77)")
        with process(database) as running:
            stalled = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 77 AND NOT granted"
            until(lambda: scalar(connection, stalled) == 1, "a worker at that step")
            if how == "SIGKILL":
                running.signal(signal.SIGKILL)
                assert running.end() == -signal.SIGKILL
            else:
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'fsdb worker'"
                )
                until(lambda: any("Trying again" in note for note in running.notes), "a note of the lost connection")
            assert waiting(connection) == 50
            assert scalar(connection, "SELECT count(prediction) FROM flight_delay") == 0
            holding.execute("SELECT pg_advisory_unlock(77)")
            if how == "SIGKILL":
                until_gone(connection)
                work_once(database)
            else:  # the same process goes on
                until(lambda: waiting(connection) == 0, "an empty queue")
    check_whole(served, 50)


@pytest.mark.slow
def test_workers_that_are_killed_at_any_moment_lose_and_repeat_nothing(served: World, database: TestDatabase) -> None:
    connection, moments = served.connection, random.Random(20260)
    count = 0
    for _ in range(4):
        connection.execute(MANY, [4000])
        count += 4000
        with process(database, "--batch", "200") as first, process(database, "--batch", "300") as second:
            until(lambda: bool(first.batches and second.batches) or waiting(connection) == 0, "first batches")
            time.sleep(moments.random() * 0.3)
            first.signal(signal.SIGKILL)
            time.sleep(moments.random() * 0.1)
            second.signal(signal.SIGKILL)
        until_gone(connection)
        filled = scalar(connection, "SELECT count(prediction) FROM flight_delay")
        assert filled + waiting(connection) == count
        assert scalar(connection, "SELECT count(*) FROM ledger") == filled
    work_once(database)
    check_whole(served, count)


@pytest.mark.slow
def test_two_workers_share_the_rows(served: World, database: TestDatabase) -> None:
    connection = served.connection
    with process(database, "--batch", "100") as first, process(database, "--batch", "100") as second:
        until(lambda: len(_workers(connection)) == 2, "two workers")
        for _ in range(5):
            connection.execute(MANY, [1000])
        until(lambda: waiting(connection) == 0, "an empty queue")
        for one in (first, second):
            one.signal(signal.SIGTERM)
            assert one.end() == 0
            assert one.predicted > 0
        assert first.predicted + second.predicted == 5000
    check_whole(served, 5000)


@pytest.mark.slow
def test_an_insert_wakes_a_worker(served: World, database: TestDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fsdb.worker.worker.POLLS_SECONDS", (10 * SECONDS,))  # so that the notice alone can wake it
    connection = served.connection
    batches: list[Batch] = []

    def told(batch: Batch) -> None:
        batches.append(batch)
        if len(batches) == 10:
            worker.stop()

    worker = Worker(database.url, told=told)
    working = threading.Thread(target=worker.run, daemon=True)
    working.start()
    for count in range(1, 11):
        until(lambda: scalar(connection, WAITING_WORKERS) == 1, "a worker that waits")
        connection.execute(MANY, [1])
        until(lambda: scalar(connection, "SELECT count(prediction) FROM flight_delay") == count, "a prediction")  # noqa: B023
    working.join(SECONDS)
    assert not working.is_alive()
    assert [batch.predicted for batch in batches] == [1] * 10
    assert all(batch.deployment == "flight_delay" and batch.seconds > 0 for batch in batches)


@pytest.mark.slow
def test_rows_that_were_inserted_before_a_worker_waited_and_commit_then(served: World, database: TestDatabase) -> None:
    """Their transaction tells nobody: the worker finds them by itself."""
    connection = served.connection
    with database.connect() as early:
        early.execute("BEGIN")
        early.execute(MANY, [60])
        with process(database) as running:
            until(lambda: scalar(connection, WAITING_WORKERS) == 1, "a worker that waits")
            early.execute("COMMIT")
            until(lambda: waiting(connection) == 0, "an empty queue")
            running.signal(signal.SIGINT)
            assert running.end() == 0
    check_whole(served, 60)


@pytest.mark.slow
def test_a_worker_that_is_told_to_stop_finishes_its_batch(served: World, database: TestDatabase) -> None:
    connection = served.connection
    connection.execute(SQL(STALL).format(SQL("BEFORE UPDATE ON flight_delay")))
    connection.execute(MANY, [1000])
    with database.connect() as holding:
        holding.execute("SELECT pg_advisory_lock(77)")
        with process(database) as running:
            stalled = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 77 AND NOT granted"
            until(lambda: scalar(connection, stalled) == 1, "a worker in its batch")
            running.signal(signal.SIGTERM)
            with pytest.raises(subprocess.TimeoutExpired):
                running.process.wait(0.5)
            holding.execute("SELECT pg_advisory_unlock(77)")
            assert running.end() == 0
            assert len(running.batches) == 1
            assert running.predicted == scalar(connection, "SELECT count(prediction) FROM flight_delay") > 0
    work_once(database)
    check_whole(served, 1000)


@pytest.mark.slow
def test_models_are_replaced_and_undeployed_while_workers_work(served: World, database: TestDatabase) -> None:
    connection = served.connection
    for seed in (1, 2):
        register_model(connection, "flight_delay", gradient_boosted(seed=seed), inputs=INPUTS)
    with process(database) as running:
        until(lambda: len(_workers(connection)) == 1, "a worker")
        for version in (2, 3, 1, 2):
            connection.execute(MANY, [1500])
            deploy(connection, "flight_delay", "flight_delay", version=version, runtime="worker")
        until(lambda: waiting(connection) == 0, "an empty queue")
        versions = connection.execute("SELECT model_version, count(prediction) FROM flight_delay GROUP BY 1 ORDER BY 1")
        assert versions.fetchall() == [(1, 3000), (2, 1500), (3, 1500)]
        assert replay(connection, "flight_delay", None).different == 0
        connection.execute(MANY, [3000])
        undeploy(connection, "flight_delay", drop_predictions=True)
        assert waiting(connection) == 0
        register_model(connection, "second", gradient_boosted(), inputs=INPUTS)
        deploy(connection, "second", "second", runtime="worker")
        connection.execute("INSERT INTO second (origin) VALUES ('JFK')")
        until(lambda: waiting(connection) == 0, "an empty queue")
        running.signal(signal.SIGTERM)
        assert running.end() == 0, running.notes


@pytest.mark.slow
def test_a_worker_waits_for_a_server_that_restarts(other_server: str) -> None:
    catalog.upgrade(other_server)
    database = TestDatabase(other_server, "postgres")
    with database.connect() as connection:
        deployed(make_world(connection).connection, gradient_boosted())
        connection.execute(MANY, [100])
        folder = Path(scalar(connection, "SHOW data_directory"))
    with process(database) as running:
        until(lambda: running.predicted == 100, "predictions")
        embedded.stop(folder)
        until(lambda: any("Trying again in" in note for note in running.notes), "a note of the lost server")
        assert embedded.start(folder) == other_server
        with database.connect() as connection:
            connection.execute(MANY, [100])
            until(lambda: waiting(connection) == 0, "predictions after the restart")
            assert scalar(connection, "SELECT count(prediction) FROM flight_delay") == 200
        running.signal(signal.SIGTERM)
        assert running.end() == 0


def _workers(connection: psycopg.Connection) -> list[Any]:
    """Workers that listen."""
    text = (
        "SELECT pid FROM pg_stat_activity WHERE application_name = 'fsdb worker' AND datname = current_database()"
        " AND state = 'idle' AND query <> ''"
    )
    return connection.execute(text).fetchall()
