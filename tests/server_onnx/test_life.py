"""Deploying, replacing and undeploying with the runtime onnx: in one transaction, seen whole, nothing left behind."""

import threading
from itertools import cycle

import psycopg

from fsdb.deployments import deploy, register_model, repair, replay, status, undeploy
from tests.conftest import TestDatabase
from tests.deployments.test_deploying import objects
from tests.deployments.test_scoring import INSERT
from tests.deployments.world import INPUTS, World, gradient_boosted, requests


def registered(world: World, versions: int) -> psycopg.Connection:
    """Versions of flight_delay, none of them deployed."""
    for seed in range(versions):
        register_model(world.connection, "flight_delay", gradient_boosted(200, seed), inputs=INPUTS)
    return world.connection


def left(connection: psycopg.Connection) -> tuple[set[tuple[str, str, str]], list[tuple[str]]]:
    """Objects and graphs in the database."""
    return objects(connection), connection.execute("SELECT checksum FROM fsdb.model_graphs ORDER BY 1").fetchall()


def test_a_rolled_back_deployment_leaves_nothing(world: World) -> None:
    connection = registered(world, 1)
    before = left(connection)
    with connection.transaction(force_rollback=True):
        deploy(connection, "flight_delay", "flight_delay", runtime="onnx")
        connection.execute(INSERT, requests()[0])
        assert left(connection) != before
    assert left(connection) == before


def test_undeploying_leaves_nothing(world: World) -> None:
    connection = registered(world, 2)
    before = left(connection)
    deploy(connection, "flight_delay", "flight_delay", version=1, runtime="onnx")
    deploy(connection, "flight_delay", "other_table", version=1, runtime="onnx")
    deploy(connection, "flight_delay", "flight_delay", version=2, runtime="onnx")
    deploy(connection, "flight_delay", "flight_delay", version=2, runtime="sql")
    connection.execute(INSERT, requests()[0])
    undeploy(connection, "flight_delay", drop_predictions=True)
    assert len(left(connection)[1]) == 1  # version 1 scores the other table
    undeploy(connection, "other_table", drop_predictions=True)
    assert left(connection) == before


def test_a_function_that_was_changed_is_made_again(world: World) -> None:
    connection = registered(world, 1)
    deploy(connection, "flight_delay", "flight_delay", runtime="onnx")
    row = connection.execute("SELECT pg_get_functiondef('fsdb_models.flight_delay_v1__onnx'::regproc)").fetchone()
    assert row is not None
    connection.execute(row[0].replace('score = SD.get("score")', 'score = SD.get("else")'), None)
    assert {found.name for found in status(connection, "flight_delay") if found.state == "outdated"} == {
        "flight_delay_v1__onnx"
    }
    repair(connection, "flight_delay")
    assert {found.state for found in status(connection, "flight_delay")} == {"installed"}
    connection.execute(INSERT, requests()[0])


def test_replacing_during_inserts(world: World, database: TestDatabase) -> None:
    connection = registered(world, 2)
    deploy(connection, "flight_delay", "flight_delay", version=1, runtime="sql")
    stop = threading.Event()
    failures: list[BaseException] = []

    def insert() -> None:
        try:
            with database.connect() as application:
                for request in cycle(requests()):
                    if stop.is_set():
                        return
                    application.execute(INSERT, request)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=insert) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        with database.connect() as owner:
            for version, runtime in ((1, "onnx"), (2, "onnx"), (2, "sql"), (1, "onnx")):
                deploy(owner, "flight_delay", "flight_delay", version=version, runtime=runtime)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert not failures
    rows = connection.execute("SELECT DISTINCT model_release, model_version FROM flight_delay ORDER BY 1").fetchall()
    released = dict(connection.execute("SELECT release, version FROM fsdb.deployment_releases").fetchall())
    assert len(rows) > 1
    assert all(version == released[release] for release, version in rows)
    result = replay(connection, "flight_delay", None)
    assert (result.checked > 50, result.different) == (True, 0)
