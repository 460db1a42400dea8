"""What workers fill in: the native predict on the features as of the insert, and the reason where there is nothing to fill in."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from fsdb.deployments import deploy, get_deployment, lineage, register_model, replay, rollback, status, undeploy
from fsdb.errors import ChangeRefused
from tests.conftest import TestDatabase
from tests.deployments.test_deploying import objects
from tests.deployments.world import HOUR, INPUTS, World, forest, gradient_boosted, requests, strict, three_classes
from tests.worker.served import INSERT, MANY, check_native, deployed, rows, scalar, waiting, work_once


@pytest.mark.parametrize("make", [gradient_boosted, three_classes, forest])
def test_fills_in_what_the_native_predict_gives(world: World, database: TestDatabase, make: Callable[[], Any]) -> None:
    connection, estimator = world.connection, make()
    program = deployed(connection, estimator)
    for request in requests():
        connection.execute(INSERT, request)
    before = rows(connection)
    assert {row["prediction"] for row in before.values()} == {None}
    assert {row["predicted_at"] for row in before.values()} == {None}
    assert waiting(connection) == len(before)
    batches = work_once(database)
    assert sum(batch.predicted for batch in batches) == sum(batch.rows for batch in batches) == len(before)
    after = rows(connection)
    check_native(world, estimator, program, after)
    filled = {"prediction", "probability", "probabilities", "predicted_at"}
    for number, row in after.items():
        assert {name: value for name, value in row.items() if name not in filled} == {
            name: value for name, value in before[number].items() if name not in filled
        }
    assert waiting(connection) == 0
    assert {found.state for found in status(connection, "flight_delay")} == {"installed"}


def test_features_are_as_of_the_insert_not_of_the_worker(world: World, database: TestDatabase) -> None:
    connection, estimator = world.connection, gradient_boosted()
    program = deployed(connection, estimator)
    for request in requests():
        connection.execute(INSERT, request)
    now = datetime.now(UTC)
    for origin in ("JFK", "LGA", "EWR", "BOS", "nowhere"):
        world.write("weather", (origin,), now - 5 * HOUR, temp=-40.0, wind=1)
        world.write("weather", (origin,), now, temp=-41.0, wind=2)
    for key in (("1", 11), ("11", 1), ("UA", 7), ("UA", 8)):
        world.write("plane", key, now, age=99, kind="glider", old=True)
    late = {v.version_id for v in world.versions["weather"] if v.values["temp"] in (-40.0, -41.0)}
    work_once(database)
    found = rows(connection)
    assert not late & {row["weather_version"] for row in found.values()}
    # The oracle is asked for the moment of the insert; late values were recorded after it, so it must not know them.
    world.versions = {
        name: [v for v in versions if name != "weather" or v.version_id not in late]
        for name, versions in world.versions.items()
    }
    check_native(world, estimator, program, found)
    assert [row["input"] for row in lineage(connection, "flight_delay", 1)] == list(INPUTS)
    result = replay(connection, "flight_delay")
    assert (result.checked, result.different) == (len(found), 0)


def test_what_waits_is_not_replayed_and_what_was_changed_is_found(world: World, database: TestDatabase) -> None:
    connection = world.connection
    deployed(connection, gradient_boosted())
    for request in requests():
        connection.execute(INSERT, request)
    work_once(database)
    connection.execute(MANY, [10])
    assert (replay(connection, "flight_delay").checked, replay(connection, "flight_delay", 5).checked) == (36, 5)
    connection.execute("ALTER TABLE flight_delay DISABLE TRIGGER zz_fsdb_fill")
    connection.execute("UPDATE flight_delay SET probability = probability + 1e-6 WHERE prediction_id = 3")
    connection.execute("UPDATE flight_delay SET prediction = NOT prediction WHERE prediction_id = 5")
    connection.execute("DELETE FROM fsdb_history.plane WHERE carrier = '11'")
    result = replay(connection, "flight_delay")
    gone = {number for number, request in enumerate(requests(), start=1) if request["carrier"] == "11"}
    assert {row["prediction_id"]: row["reason"] for row in result.rows} == {
        3: "result differs",
        5: "result differs",
    } | dict.fromkeys(gone, "version is gone")
    (row,) = (row for row in result.rows if row["prediction_id"] == 5)
    assert {row["recorded"], row["replayed"]} == {"true", "false"}


@pytest.mark.parametrize("on_error", ["reject", "null"])
def test_a_row_that_the_model_refuses_has_the_reason(world: World, database: TestDatabase, on_error: str) -> None:
    connection = world.connection
    register_model(connection, "flight_delay", strict(), inputs=INPUTS)
    deploy(connection, "flight_delay", "flight_delay", runtime="worker", on_error=on_error)
    connection.execute(
        "INSERT INTO flight_delay (origin, carrier, tailnum, distance, hour) VALUES ('JFK', '1', 11, 100, 3),"
        " ('nowhere', '1', 11, 100, 3), ('JFK', '1', 11, NULL, 3), ('JFK', '11', 1, 5, 6), ('JFK', '1', 11, 'inf', 6)"
    )
    batches = work_once(database)
    assert (sum(batch.predicted for batch in batches), sum(batch.refused for batch in batches)) == (2, 3)
    found = rows(connection)
    assert [row["prediction"] is None for row in found.values()] == [False, True, True, False, True]
    assert [row["probability"] is None for row in found.values()] == [False, True, True, False, True]
    assert [row["predicted_at"] is None for row in found.values()] == [False] * 5
    assert 'input "temp" of the model is NULL' in found[2]["error"]
    assert 'input "distance" of the model is NULL' in found[3]["error"]
    assert 'input "distance" of the model is infinite' in found[5]["error"]
    assert waiting(connection) == 0
    assert replay(connection, "flight_delay").checked == 2


def test_a_row_whose_versions_are_gone_says_so(world: World, database: TestDatabase) -> None:
    connection = world.connection
    deployed(connection, gradient_boosted())
    for request in requests()[:6]:
        connection.execute(INSERT, request)
    connection.execute("DELETE FROM fsdb_history.plane WHERE carrier = '11'")
    work_once(database)
    found = rows(connection)
    assert [number for number, row in found.items() if row["prediction"] is None] == [2]
    assert "gone from history" in found[2]["error"]


def test_an_input_that_is_no_float64_is_refused_alone(world: World, database: TestDatabase) -> None:
    connection = world.connection
    register_model(connection, "flight_delay", gradient_boosted(), inputs={**INPUTS, "distance": "numeric"})
    deploy(connection, "flight_delay", "flight_delay", runtime="worker")
    connection.execute(MANY, [20])
    connection.execute(
        "INSERT INTO flight_delay (origin, carrier, tailnum, distance, hour) VALUES ('JFK', '1', 11, 1e400, 3)"
    )
    work_once(database)
    found = rows(connection)
    assert [number for number, row in found.items() if row["prediction"] is None] == [21]
    assert (
        "has a value that the model does not take" in found[21]["error"]
    )  # features are looked up, so no value is told
    assert waiting(connection) == 0


def test_rows_that_were_deleted_meanwhile_are_let_go(world: World, database: TestDatabase) -> None:
    connection = world.connection
    deployed(connection, gradient_boosted())
    connection.execute(MANY, [10])
    connection.execute("DELETE FROM flight_delay WHERE prediction_id IN (2, 3)")
    batches = work_once(database)
    assert (sum(batch.predicted for batch in batches), sum(batch.gone for batch in batches)) == (8, 2)
    assert waiting(connection) == 0


def test_rows_are_scored_by_the_release_that_they_were_inserted_under(world: World, database: TestDatabase) -> None:
    connection = world.connection
    models = [gradient_boosted(seed=seed) for seed in range(3)]
    programs = [deployed(connection, models[0])]
    connection.execute(MANY, [8])
    programs.append(deployed(connection, models[1], "sql"))
    connection.execute(MANY, [8])
    programs.append(deployed(connection, models[2]))
    connection.execute(MANY, [8])
    rollback(connection, "flight_delay")
    connection.execute(MANY, [8])
    assert scalar(connection, "SELECT count(*) FROM flight_delay WHERE prediction IS NULL") == waiting(connection) == 16
    work_once(database, batch=5)
    found = rows(connection)
    assert [row["model_version"] for row in found.values()] == [1] * 8 + [2] * 8 + [3] * 8 + [2] * 8
    for version, (model, program) in enumerate(zip(models, programs, strict=True), start=1):
        of = {n: {**row, "predicted_at": row["predicted_at"] or row["scored_at"]} for n, row in found.items()}
        check_native(world, model, program, {n: row for n, row in of.items() if row["model_version"] == version})
    assert {row["predicted_at"] is None for row in found.values() if row["model_version"] == 2} == {True}
    result = replay(connection, "flight_delay")
    assert (result.checked, result.different) == (32, 0)


def test_undeploying_takes_the_queue_with_it(world: World, database: TestDatabase) -> None:
    connection = world.connection
    deployed(connection, gradient_boosted())
    connection.execute(MANY, [8])
    with pytest.raises(ChangeRefused, match="holds predictions"):
        undeploy(connection, "flight_delay")
    assert waiting(connection) == 8
    undeploy(connection, "flight_delay", drop_predictions=True)
    assert waiting(connection) == 0
    assert work_once(database) == []
    deployed(connection, gradient_boosted())
    connection.execute(MANY, [3])
    work_once(database)
    assert scalar(connection, "SELECT count(prediction) FROM flight_delay") == 3


def test_deploying_and_undeploying_leave_nothing(world: World) -> None:
    connection = world.connection
    register_model(connection, "flight_delay", gradient_boosted(), inputs=INPUTS)
    before = objects(connection)
    with connection.transaction(force_rollback=True):
        deploy(connection, "flight_delay", "flight_delay", runtime="worker")
        connection.execute(MANY, [8])
        assert objects(connection) > before
    assert objects(connection) == before
    deploy(connection, "flight_delay", "flight_delay", runtime="worker")
    connection.execute(MANY, [8])
    undeploy(connection, "flight_delay", drop_predictions=True)
    assert objects(connection) == before


def test_only_the_named_deployment_is_worked_on(world: World, database: TestDatabase) -> None:
    connection = world.connection
    deployed(connection, gradient_boosted())
    deploy(connection, "flight_delay", "other", runtime="worker")
    connection.execute(MANY, [5])
    connection.execute("INSERT INTO other (origin) VALUES ('JFK'), ('EWR')")
    assert {batch.deployment for batch in work_once(database, deployment="other")} == {"other"}
    assert scalar(connection, "SELECT count(prediction) FROM other") == 2
    assert waiting(connection) == 5
    assert get_deployment(connection, "flight_delay").runtime == "worker"


def test_a_canary_may_be_scored_by_workers_alone(world: World, database: TestDatabase) -> None:
    from fsdb.deployments.canary import start_canary

    connection = world.connection
    live, canary = gradient_boosted(), gradient_boosted(seed=1)
    program = deployed(connection, live, "sql")
    register_model(connection, "flight_delay", canary, inputs=INPUTS)
    start_canary(connection, "flight_delay", 2, 0.5, ("distance",), "worker")
    connection.execute(MANY, [100])
    of = dict(connection.execute("SELECT model_version, count(*) FROM flight_delay GROUP BY 1").fetchall())
    assert 20 < of[2] < 80
    assert of[1] + of[2] == 100
    assert waiting(connection) == of[2]
    assert (
        scalar(connection, "SELECT count(*) FROM flight_delay WHERE (model_version = 2) <> (prediction IS NULL)") == 0
    )
    work_once(database)
    found = rows(connection)
    check_native(world, canary, program, {n: row for n, row in found.items() if row["model_version"] == 2})
    assert replay(connection, "flight_delay").different == 0
