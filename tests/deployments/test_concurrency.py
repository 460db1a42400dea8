"""Inserts that run while the model is replaced and rolled back: each row is one model's, whole (invariant 13)."""

import threading
import time
from itertools import cycle

import psycopg
import pytest

from fsdb.deployments import (
    deploy,
    promote_canary,
    register_model,
    replay,
    rollback,
    start_canary,
    stop_canary,
    undeploy,
)
from fsdb.errors import ChangeRefused
from tests.conftest import TestDatabase
from tests.deployments.world import INPUTS, World, gradient_boosted, requests

INSERT = (
    "INSERT INTO flight_delay (origin, carrier, tailnum, distance, hour)"
    " VALUES (%(origin)s, %(carrier)s, %(tailnum)s, %(distance)s, %(hour)s)"
)
MANY = (
    "INSERT INTO flight_delay (origin, carrier, tailnum, distance, hour)"
    " SELECT 'JFK', '1', 11, n, 3 FROM generate_series(1, 200) AS n RETURNING model_version"
)


def registered(world: World, versions: int) -> None:
    """Versions of flight_delay, the first one deployed."""
    for seed in range(versions):
        register_model(world.connection, "flight_delay", gradient_boosted(200, seed), inputs=INPUTS)
    deploy(world.connection, "flight_delay", "flight_delay", version=1)


@pytest.mark.slow
def test_replacing_during_inserts(world: World, database: TestDatabase) -> None:
    registered(world, 3)
    stop = threading.Event()
    failures: list[BaseException] = []
    mixed: list[set[int]] = []

    def singles() -> None:
        try:
            with database.connect() as connection:
                for request in cycle(requests()):
                    if stop.is_set():
                        return
                    connection.execute(INSERT, request)
        except BaseException as error:
            failures.append(error)

    def statements() -> None:
        try:
            with database.connect() as connection:
                while not stop.is_set():
                    versions = {row[0] for row in connection.execute(MANY).fetchall()}
                    if len(versions) > 1:
                        mixed.append(versions)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for work in (singles, singles, statements)]
    for thread in threads:
        thread.start()
    try:
        with database.connect() as owner:
            for version in (2, 3):
                deploy(owner, "flight_delay", "flight_delay", version=version)
            rollback(owner, "flight_delay")
            deploy(owner, "flight_delay", "flight_delay", version=3)
            rollback(owner, "flight_delay")
            rollback(owner, "flight_delay")
            deploy(owner, "flight_delay", "flight_delay", version=2)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert not failures
    assert not mixed, "one statement was scored by two versions"
    rows = world.connection.execute(
        "SELECT model_release, array_agg(DISTINCT model_version) FROM flight_delay GROUP BY 1 ORDER BY 1"
    ).fetchall()
    released = dict(world.connection.execute("SELECT release, version FROM fsdb.deployment_releases").fetchall())
    assert all(versions == [released[release]] for release, versions in rows)
    assert {version for _, (version,) in rows} == {1, 2, 3}
    result = replay(world.connection, "flight_delay", None)
    assert (result.checked > 200, result.different) == (True, 0)


def test_an_open_transaction_sees_one_model(world: World, database: TestDatabase) -> None:
    registered(world, 2)
    done = threading.Event()

    def replace() -> None:
        with database.connect() as connection:
            deploy(connection, "flight_delay", "flight_delay", version=2)
        done.set()

    with database.connect() as application:
        with application.transaction():
            application.execute(INSERT, requests()[0])
            thread = threading.Thread(target=replace)
            thread.start()
            assert not done.wait(0.7)
            application.execute(INSERT, requests()[1])
        thread.join()
        application.execute(INSERT, requests()[2])
    versions = world.connection.execute("SELECT model_version FROM flight_delay ORDER BY prediction_id").fetchall()
    assert versions == [(1,), (1,), (2,)]


def test_a_transaction_that_stays_open_is_not_waited_for_without_end(
    world: World, database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    registered(world, 2)
    monkeypatch.setenv("FSDB_LOCK_SECONDS", "0.4")
    with database.connect() as application, application.transaction():
        application.execute(INSERT, requests()[0])
        with pytest.raises(ChangeRefused, match="stays open"):
            deploy(world.connection, "flight_delay", "flight_delay", version=2)
        application.execute(INSERT, requests()[0])
    assert world.connection.execute("SHOW lock_timeout").fetchone() == ("0",)
    assert world.connection.execute("SELECT version FROM fsdb.deployments").fetchone() == (1,)


def test_two_deploy_the_same_name_at_once(world: World, database: TestDatabase) -> None:
    register_model(world.connection, "flight_delay", gradient_boosted(200), inputs=INPUTS)
    outcomes: list[int | psycopg.Error] = []

    def first() -> None:
        with database.connect() as connection:
            outcomes.append(deploy(connection, "flight_delay", "flight_delay").deployment_id)

    threads = [threading.Thread(target=first) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes == [1, 1]


def test_two_register_at_once(world: World, database: TestDatabase) -> None:
    estimator = gradient_boosted(200)
    versions: list[int] = []

    def register() -> None:
        with database.connect() as connection:
            versions.append(register_model(connection, "flight_delay", estimator, inputs=INPUTS).version)

    threads = [threading.Thread(target=register) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(versions) == [1, 2, 3]


@pytest.mark.slow
def test_canaries_and_undeploying_during_inserts(world: World, database: TestDatabase) -> None:
    """Each row is one release's, whole; an insert finds the table as it is or finds none, and nothing in between."""
    registered(world, 2)
    stop = threading.Event()
    failures: list[BaseException] = []
    kept: list[tuple[int, int, object]] = []
    absent = 0

    def application(keep: bool) -> None:
        nonlocal absent
        try:
            with database.connect() as connection:
                for request in cycle(requests()):
                    if stop.is_set():
                        return
                    try:
                        row = connection.execute(
                            INSERT + " RETURNING model_release, model_version, prediction", request
                        )
                        found = row.fetchone()
                        assert found is not None
                        if keep:
                            kept.append(found)
                    except psycopg.errors.UndefinedTable:
                        absent += 1
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=application, args=(number == 0,)) for number in range(3)]
    for thread in threads:
        thread.start()
    try:
        with database.connect() as owner:
            for share in (0.2, 0.7):
                start_canary(owner, "flight_delay", version=2, share=share)
                time.sleep(0.2)
            stop_canary(owner, "flight_delay")
            start_canary(owner, "flight_delay", version=2, share=0.5)
            promote_canary(owner, "flight_delay")
            assert replay(owner, "flight_delay", None).different == 0
            released = dict(owner.execute("SELECT release, version FROM fsdb.deployment_releases").fetchall())
            so_far = len(kept)
            undeploy(owner, "flight_delay", drop_predictions=True)
            time.sleep(0.2)
            deploy(owner, "flight_delay", "flight_delay", version=2)
            time.sleep(0.2)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert not failures
    assert absent > 0
    assert so_far > 50
    assert all(
        prediction is not None and released[release] == version for release, version, prediction in kept[:so_far]
    )
    assert {version for _, version, _ in kept[:so_far]} == {1, 2}
    assert replay(world.connection, "flight_delay", None).different == 0
