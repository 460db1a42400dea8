"""Stages of model versions, and deploying by stage."""

import pytest

from fsdb.deployments import deploy, get_deployment, register_model, set_stage
from fsdb.errors import InvalidDefinition, UnknownName
from tests.deployments.world import INPUTS, World, gradient_boosted


@pytest.fixture
def registered(world: World) -> World:
    """Three versions of flight_delay."""
    for seed in range(3):
        register_model(world.connection, "flight_delay", gradient_boosted(200, seed), inputs=INPUTS)
    return world


def stages(world: World) -> list[tuple[int, str]]:
    return world.connection.execute("SELECT version, stage FROM fsdb.model_stages ORDER BY version").fetchall()


def test_one_version_is_in_production(registered: World) -> None:
    assert stages(registered) == [(1, "none"), (2, "none"), (3, "none")]
    set_stage(registered.connection, "flight_delay", 1, "production")
    set_stage(registered.connection, "flight_delay", 2, "staging")
    set_stage(registered.connection, "flight_delay", 3, "staging")
    assert stages(registered) == [(1, "production"), (2, "staging"), (3, "staging")]
    set_stage(registered.connection, "flight_delay", 2, "production")
    set_stage(registered.connection, "flight_delay", 2, "production")
    assert stages(registered) == [(1, "archived"), (2, "production"), (3, "staging")]
    events = registered.connection.execute(
        "SELECT version, stage, by = session_user FROM fsdb.stage_events ORDER BY event_id"
    ).fetchall()
    assert events == [
        (1, "production", True),
        (2, "staging", True),
        (3, "staging", True),
        (1, "archived", True),
        (2, "production", True),
    ]


def test_deploying_by_stage(registered: World) -> None:
    connection = registered.connection
    set_stage(connection, "flight_delay", 2, "production")
    assert deploy(connection, "flight_delay", "flight_delay", version="production").version == 2
    set_stage(connection, "flight_delay", 1, "production")
    # What is deployed stays until it is deployed again.
    assert get_deployment(connection, "flight_delay").version == 2
    assert deploy(connection, "flight_delay", "flight_delay", version="production").version == 1


def test_refusals(registered: World) -> None:
    connection = registered.connection
    with pytest.raises(InvalidDefinition, match="no stage 'live'"):
        set_stage(connection, "flight_delay", 1, "live")
    with pytest.raises(UnknownName, match="has no version 9"):
        set_stage(connection, "flight_delay", 9, "production")
    for stage in ("production", "live"):
        with pytest.raises(UnknownName, match=f"in stage '{stage}'"):
            deploy(connection, "flight_delay", "flight_delay", version=stage)
    assert stages(registered) == [(1, "none"), (2, "none"), (3, "none")]
