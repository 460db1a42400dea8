"""The runtime onnx on a server without PL/Python: refused with what to do, and warming up does nothing."""

import re

import psycopg
import pytest

from fsdb.deployments import deploy, register_model
from fsdb.deployments.runtimes.onnx import language_refusal
from tests.deployments.world import INPUTS, World, forest


def test_the_runtime_is_refused_with_what_to_do(other_server: str) -> None:
    with psycopg.connect(other_server) as connection:
        sentence = language_refusal(connection)
    assert sentence is not None
    assert re.fullmatch(
        r"this server has no PL/Python: install it .* postgresql-plpython3-\d+\), where the server is yours\.", sentence
    )


def test_warming_up_loads_nothing(world: World) -> None:
    register_model(world.connection, "flight_delay", forest(), inputs=INPUTS)
    deploy(world.connection, "flight_delay", "flight_delay", runtime="sql")
    assert world.connection.execute("SELECT fsdb.warm_up(), fsdb.warm_up('flight_delay')").fetchone() == (0, 0)
    with pytest.raises(psycopg.errors.UndefinedObject, match='no model is deployed as table "nothing"'):
        world.connection.execute("SELECT fsdb.warm_up('nothing')")
