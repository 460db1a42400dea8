"""One session of onnxruntime in each connection: when it is loaded, with what, and who may."""

import psycopg
import pytest
from psycopg import sql

from fsdb.deployments import deploy, register_model
from fsdb.deployments.canary import start_canary
from tests.conftest import TestDatabase
from tests.deployments.world import INPUTS, World, frame, gradient_boosted, three_classes

INSERT = "INSERT INTO flight_delay (origin, distance, hour) VALUES ('JFK', 5, 7) RETURNING prediction"

# How many sessions this connection's Python holds, with how many threads of the process.
_SESSIONS = """
import gc, sys
module = sys.modules.get("onnxruntime")
sessions = [] if module is None else [held for held in gc.get_objects() if isinstance(held, module.InferenceSession)]
threads = {(held.get_session_options().intra_op_num_threads, held.get_session_options().inter_op_num_threads) for held in sessions}
with open("/proc/self/status") as status:
    (running,) = [int(line.split()[1]) for line in status if line.startswith("Threads:")]
return len(sessions), running, sorted(threads)
"""


def sessions(connection: psycopg.Connection) -> tuple[int, int, str]:
    """Sessions of onnxruntime in the connection, threads of its process, threads that the sessions may use."""
    connection.execute(
        sql.SQL(
            "CREATE OR REPLACE FUNCTION pg_temp.sessions(OUT int, OUT int, OUT text) LANGUAGE plpython3u AS {}"
        ).format(sql.Literal(_SESSIONS))
    )
    row = connection.execute("SELECT * FROM pg_temp.sessions()").fetchone()
    assert row is not None
    return row[0], row[1], row[2]


@pytest.fixture
def deployed(world: World) -> World:
    """flight_delay with the runtime onnx, and other_delay with sql."""
    rows = frame(60, seed=5).astype(object).where(lambda data: data.notna(), None).to_dict("records")
    for name, estimator, runtime in (
        ("flight_delay", gradient_boosted(), "onnx"),
        ("other_delay", three_classes(), "sql"),
    ):
        register_model(world.connection, name, estimator, inputs=INPUTS, rows=rows)
        deploy(world.connection, name, name, runtime=runtime)
    return world


def test_a_connection_loads_a_model_once(deployed: World, database: TestDatabase) -> None:
    with database.connect() as connection:
        assert sessions(connection)[0] == 0
        for _ in range(5):
            connection.execute(INSERT)
            assert sessions(connection) == (1, 1, "[(1, 1)]")


def test_warm_up_loads_what_the_first_insert_would(deployed: World, database: TestDatabase) -> None:
    with database.connect() as connection:
        assert connection.execute("SELECT fsdb.warm_up()").fetchone() == (1,)
        assert sessions(connection)[0] == 1
        assert connection.execute("SELECT fsdb.warm_up('flight_delay')").fetchone() == (1,)
        assert connection.execute("SELECT fsdb.warm_up('public.flight_delay')").fetchone() == (1,)
        assert connection.execute("SELECT fsdb.warm_up('other_delay')").fetchone() == (0,)
        connection.execute(INSERT)
        assert sessions(connection)[0] == 1
        with pytest.raises(psycopg.errors.UndefinedObject, match='no model is deployed as table "nothing"'):
            connection.execute("SELECT fsdb.warm_up('nothing')")


def test_a_canary_is_warmed_up_too(deployed: World, database: TestDatabase) -> None:
    rows = frame(60, seed=5).astype(object).where(lambda data: data.notna(), None).to_dict("records")
    register_model(deployed.connection, "flight_delay", gradient_boosted(300, 1), inputs=INPUTS, rows=rows)
    start_canary(deployed.connection, "flight_delay", 2, share=0.5, runtime="onnx")
    with database.connect() as connection:
        assert connection.execute("SELECT fsdb.warm_up('flight_delay')").fetchone() == (2,)
        assert sessions(connection)[0] == 2


def test_an_application_needs_rights_on_the_table_alone(deployed: World, database: TestDatabase) -> None:
    deployed.connection.execute("CREATE ROLE onnx_shop")
    try:
        deployed.connection.execute("GRANT INSERT, SELECT ON flight_delay TO onnx_shop")
        deployed.connection.execute("GRANT USAGE ON SCHEMA fsdb TO onnx_shop")
        with database.connect() as connection:
            connection.execute("SET ROLE onnx_shop")
            assert connection.execute("SELECT fsdb.warm_up()").fetchone() == (1,)
            connection.execute(INSERT)
        with database.connect() as connection:
            connection.execute("SET ROLE onnx_shop")
            connection.execute(INSERT)
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("UPDATE fsdb.model_graphs SET graph = ''")
    finally:
        deployed.connection.execute("DROP OWNED BY onnx_shop")
        deployed.connection.execute("DROP ROLE onnx_shop")


def test_graphs_stay_as_they_are_while_a_function_scores_by_them(deployed: World) -> None:
    connection = deployed.connection
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="flight_delay_v1__onnx scores by this graph"):
        connection.execute("DELETE FROM fsdb.model_graphs")
    for change in ("UPDATE fsdb.model_graphs SET graph = ''", "TRUNCATE fsdb.model_graphs"):
        with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="immutable"):
            connection.execute(change)
    with pytest.raises(psycopg.errors.CheckViolation):
        connection.execute("INSERT INTO fsdb.model_graphs VALUES ('other', 'abc', 'def')")


def test_a_transaction_from_before_the_deployment_is_told_to_run_again(world: World, database: TestDatabase) -> None:
    rows = frame(60, seed=5).astype(object).where(lambda data: data.notna(), None).to_dict("records")
    register_model(world.connection, "flight_delay", gradient_boosted(), inputs=INPUTS, rows=rows)
    deploy(world.connection, "flight_delay", "flight_delay", runtime="sql")
    with database.connect() as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.autocommit = False
        connection.execute("SELECT 1 FROM fsdb.models")
        deploy(world.connection, "flight_delay", "flight_delay", runtime="onnx")
        with pytest.raises(psycopg.errors.SerializationFailure, match="fsdb: the model was deployed after"):
            connection.execute(INSERT)
        connection.rollback()
        with connection.transaction():
            connection.execute(INSERT)
