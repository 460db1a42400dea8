"""What becomes of rows that cannot be scored: rejected and counted, or recorded with NULL and the reason (invariant 10)."""

import psycopg
import pytest
from psycopg.rows import dict_row

from fsdb.deployments import deploy, get_deployment, lineage, register_model, replay, status, undeploy
from fsdb.errors import InvalidDefinition
from tests.deployments.test_deploying import objects
from tests.deployments.world import INPUTS, World, strict

ROWS = """
INSERT INTO flight_delay (origin, carrier, tailnum, distance, hour)
VALUES ('JFK', '1', 11, 100, 3), ('nowhere', '1', 11, 100, 3), ('JFK', '1', 11, NULL, 3), ('JFK', '11', 1, 5, 6) RETURNING *
"""
GOOD = "INSERT INTO flight_delay (origin, carrier, tailnum, distance, hour) VALUES ('JFK', '1', 11, 100, 3)"


@pytest.fixture
def registered(world: World) -> World:
    """A model that takes no missing values."""
    register_model(world.connection, "flight_delay", strict(), inputs=INPUTS)
    return world


def test_null_records_the_reason(registered: World) -> None:
    connection = registered.connection
    deploy(connection, "flight_delay", "flight_delay", on_error="null")
    with connection.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute(ROWS).fetchall()
    assert [row["prediction"] is None for row in found] == [False, True, True, False]
    assert [row["probability"] is None for row in found] == [False, True, True, False]
    reasons = [row["error"] for row in found]
    assert reasons[0] is None
    assert reasons[3] is None
    assert 'input "temp"' in reasons[1]
    assert 'input "distance"' in reasons[2]
    # what was read is recorded all the same
    assert [row["weather_version"] for row in found] == [2, None, 2, 2]
    assert {row["model_version"] for row in found} == {1}
    assert replay(connection, "flight_delay").checked == 2
    assert len(lineage(connection, "flight_delay", found[2]["prediction_id"]).rows) == len(INPUTS)


def test_an_error_is_not_taken_from_the_caller(registered: World) -> None:
    deploy(registered.connection, "flight_delay", "flight_delay", on_error="null")
    found = registered.connection.execute(
        "INSERT INTO flight_delay (origin, carrier, tailnum, distance, hour, error, scoring_us)"
        " VALUES ('JFK', '1', 11, 100, 3, 'forged', -1) RETURNING prediction, error, scoring_us"
    ).fetchone()
    assert found is not None
    assert found[0] is not None
    assert found[1] is None
    assert found[2] >= 0
    with pytest.raises(psycopg.Error, match="cannot be changed"):
        registered.connection.execute("UPDATE flight_delay SET error = 'forged'")


def test_reject_counts_what_is_rolled_back(registered: World) -> None:
    connection = registered.connection
    deploy(connection, "flight_delay", "flight_delay")
    connection.execute(GOOD)
    for _ in range(3):
        with pytest.raises(psycopg.DataError, match='input "distance"'):
            connection.execute(GOOD.replace("100", "NULL"))
    assert connection.execute("SELECT count(*) FROM flight_delay").fetchone() == (1,)
    assert connection.execute(
        "SELECT rows, errors, rejected FROM fsdb.deployment_costs('flight_delay')"
    ).fetchone() == (1, 0, 3)


def test_other_failures_are_never_recorded_as_a_reason(registered: World) -> None:
    """What is no refusal of the model, such as a lock that is not to be had, fails the statement under both policies."""
    connection = registered.connection
    deploy(connection, "flight_delay", "flight_delay", on_error="null")
    connection.execute("ALTER FUNCTION fsdb_models.flight_delay_v1 RENAME TO gone")
    with pytest.raises(psycopg.errors.UndefinedFunction):
        connection.execute(GOOD)
    assert connection.execute("SELECT count(*) FROM flight_delay").fetchone() == (0,)


def test_the_policy_can_be_changed(registered: World) -> None:
    connection = registered.connection
    deploy(connection, "flight_delay", "flight_delay")
    deploy(connection, "flight_delay", "flight_delay", on_error="null")
    connection.execute(ROWS)
    deploy(connection, "flight_delay", "flight_delay", on_error="reject")
    with pytest.raises(psycopg.DataError):
        connection.execute(ROWS)
    assert connection.execute("SELECT count(*), count(error) FROM flight_delay").fetchone() == (4, 2)
    deploy(connection, "flight_delay", "flight_delay")
    assert get_deployment(connection, "flight_delay").on_error == "reject"
    assert {item.state for item in status(connection, "flight_delay")} == {"installed"}
    actions = connection.execute("SELECT action FROM fsdb.deployment_events ORDER BY event_id").fetchall()
    assert actions == [("deploy",), ("on error",), ("on error",)]


def test_an_unknown_policy_is_refused(registered: World) -> None:
    before = objects(registered.connection)
    with pytest.raises(InvalidDefinition, match="use 'reject' or 'null'"):
        deploy(registered.connection, "flight_delay", "flight_delay", on_error="ignore")
    assert objects(registered.connection) == before


@pytest.mark.parametrize("policy", ["reject", "null"])
def test_undeploying_leaves_no_object(registered: World, policy: str) -> None:
    before = objects(registered.connection)
    deploy(registered.connection, "flight_delay", "flight_delay", on_error=policy)
    undeploy(registered.connection, "flight_delay")
    assert objects(registered.connection) == before
