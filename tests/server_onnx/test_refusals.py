"""Where the runtime cannot be had, one sentence says why and what to do, and nothing is deployed."""

import re

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from sklearn.neighbors import KNeighborsRegressor

from fsdb.deployments import deploy, register_model, status
from fsdb.doctor import diagnose
from fsdb.errors import UnsupportedModel
from tests.conftest import TestDatabase
from tests.deployments.test_deploying import objects
from tests.deployments.world import INPUTS, World, frame, gradient_boosted


@pytest.fixture
def registered(world: World) -> psycopg.Connection:
    """A connection to a database where flight_delay is registered, and not deployed."""
    rows = frame(60, seed=5).astype(object).where(lambda data: data.notna(), None).to_dict("records")
    register_model(world.connection, "flight_delay", gradient_boosted(), inputs=INPUTS, rows=rows)
    return world.connection


def refused(connection: psycopg.Connection, sentence: str) -> None:
    """Deploying with the runtime onnx is refused with that sentence, leaves nothing, and "auto" takes another runtime."""
    before = objects(connection)
    with pytest.raises(UnsupportedModel, match=re.escape(sentence)):
        deploy(connection, "flight_delay", "flight_delay", runtime="onnx")
    assert objects(connection) == before
    assert deploy(connection, "flight_delay", "flight_delay").runtime == "sql"


def test_without_the_language(registered: psycopg.Connection) -> None:
    registered.execute("DROP EXTENSION plpython3u")
    refused(registered, "has no PL/Python: let a superuser run CREATE EXTENSION plpython3u in it.")


def test_language_dropped_under_a_deployment(registered: psycopg.Connection) -> None:
    deploy(registered, "flight_delay", "flight_delay", runtime="onnx")
    with pytest.raises(psycopg.errors.DependentObjectsStillExist):
        registered.execute("DROP EXTENSION plpython3u")
    registered.execute("DROP EXTENSION plpython3u CASCADE")
    assert {found.state for found in status(registered, "flight_delay")} == {"installed", "missing"}
    with pytest.raises(psycopg.errors.UndefinedFunction):
        registered.execute("INSERT INTO flight_delay (origin) VALUES ('JFK')")


def test_without_a_superuser(registered: psycopg.Connection, database: TestDatabase) -> None:
    registered.execute("CREATE ROLE onnx_engineer LOGIN PASSWORD 'secret'")
    try:
        registered.execute("GRANT ALL ON ALL TABLES IN SCHEMA fsdb TO onnx_engineer")
        registered.execute("GRANT ALL ON SCHEMA fsdb, fsdb_models, public TO onnx_engineer")
        url = make_conninfo(database.url, user="onnx_engineer", password="secret")
        with (
            psycopg.connect(url, autocommit=True) as connection,
            pytest.raises(
                UnsupportedModel, match="only a superuser may make functions in PL/Python, and onnx_engineer is"
            ),
        ):
            deploy(connection, "flight_delay", "flight_delay", runtime="onnx")
    finally:
        registered.execute("DROP OWNED BY onnx_engineer")
        registered.execute("DROP ROLE onnx_engineer")


def test_where_the_servers_python_has_no_onnxruntime(registered: psycopg.Connection, database: TestDatabase) -> None:
    # The Python of this connection alone does not find it: as on a server that was started without PYTHONPATH.
    with database.connect() as connection:
        connection.execute(
            "DO LANGUAGE plpython3u $$import sys; sys.path[:] = [p for p in sys.path if 'site-packages' not in p]$$"
        )
        with pytest.raises(UnsupportedModel) as refusal:
            deploy(connection, "flight_delay", "flight_delay", runtime="onnx")
        assert re.search(
            r"needs numpy and onnxruntime 1\.23 or newer in the server's Python 3\.\d+\.\d+, which cannot import it: No module named 'numpy'\. "
            r"Install them for that Python \(pip install --target FOLDER numpy onnxruntime\) and start the server with PYTHONPATH=FOLDER\.",
            str(refusal.value),
        )
        assert deploy(connection, "flight_delay", "flight_delay").runtime == "sql"


def test_the_doctor_tells_when_the_packages_are_gone(registered: psycopg.Connection, database: TestDatabase) -> None:
    def found(connection: psycopg.Connection) -> list[tuple[str, str]]:
        checks = diagnose(connection).checks
        return [(check.state, check.found) for check in checks if check.name == "models of runtime onnx"]

    assert found(registered) == []
    deploy(registered, "flight_delay", "flight_delay", runtime="onnx")
    assert found(registered) == [("good", "1 loaded")]
    with database.connect() as connection:
        connection.execute(
            "DO LANGUAGE plpython3u $$import sys; sys.path[:] = [p for p in sys.path if 'site-packages' not in p]$$"
        )
        assert found(connection) == [("wrong", "ModuleNotFoundError: No module named 'numpy'")]


def test_where_onnxruntime_is_too_old(registered: psycopg.Connection) -> None:
    registered.execute("DO LANGUAGE plpython3u $$import onnxruntime; onnxruntime.__version__ = '1.9.2'$$")
    refused(registered, "which has onnxruntime 1.9.2. Install them for that Python")


def test_a_model_without_a_graph(connection: psycopg.Connection) -> None:
    data = frame(60).dropna()[["temp", "distance"]]
    estimator = KNeighborsRegressor(3).fit(data, data.temp)
    inputs = {"temp": "float8", "distance": "float8"}
    register_model(connection, "flight_delay", estimator, inputs=inputs, rows=data.to_dict("records"))
    refused(connection, "has no ONNX form")
