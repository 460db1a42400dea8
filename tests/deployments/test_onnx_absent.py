"""The runtime onnx on a server without PL/Python: refused with what to do, and warming up does nothing."""

import psycopg
import pytest

from fsdb.deployments import deploy, register_model
from fsdb.errors import UnsupportedModel
from tests.deployments.world import INPUTS, World, forest


def test_the_runtime_is_refused_with_what_to_do(world: World) -> None:
    register_model(world.connection, "flight_delay", forest(), inputs=INPUTS)
    with pytest.raises(
        UnsupportedModel, match=r"this server has no PL/Python: install it .* postgresql-plpython3-\d+.*is yours"
    ):
        deploy(world.connection, "flight_delay", "flight_delay", runtime="onnx")
    assert world.connection.execute("SELECT count(*) FROM fsdb.model_graphs").fetchone() == (0,)


def test_warming_up_loads_nothing(world: World) -> None:
    register_model(world.connection, "flight_delay", forest(), inputs=INPUTS)
    deploy(world.connection, "flight_delay", "flight_delay", runtime="sql")
    assert world.connection.execute("SELECT fsdb.warm_up(), fsdb.warm_up('flight_delay')").fetchone() == (0, 0)
    with pytest.raises(psycopg.errors.UndefinedObject, match='no model is deployed as table "nothing"'):
        world.connection.execute("SELECT fsdb.warm_up('nothing')")
