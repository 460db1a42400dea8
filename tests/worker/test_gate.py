"""The parity gate outside of the server, and models that workers cannot have."""

import importlib.util
from typing import Any

import psycopg
import pytest

from fsdb.catalog.models import get_version
from fsdb.deployments import deploy, get_deployment, register_model, registry, replay
from fsdb.deployments.registry import load_program
from fsdb.deployments.runtimes import worker
from fsdb.errors import EngineUnavailable, ParityFailed, UnsupportedModel
from fsdb.models import Program, same_outputs
from fsdb.worker import Worker
from tests.conftest import TestDatabase
from tests.deployments.world import INPUTS, World, frame, gradient_boosted, strict, three_classes
from tests.worker.served import MANY, check_native, deployed, rows, work_once


@pytest.mark.parametrize("make", [gradient_boosted, three_classes, strict])
def test_the_gate_compares_the_stored_rows(world: World, make: Any) -> None:
    connection = world.connection
    version = register_model(connection, "flight_delay", make(), inputs=INPUTS)
    found = worker.check(connection, version, load_program(connection, version))
    assert found.rows_checked == version.rows_checked
    assert 0 <= found.largest_difference < 1e-9


def test_a_model_that_gives_something_else_is_not_deployed(world: World) -> None:
    connection = world.connection
    register_model(connection, "flight_delay", gradient_boosted(), inputs=INPUTS)
    connection.execute("ALTER TABLE fsdb.model_checks DISABLE TRIGGER immutable")
    connection.execute("UPDATE fsdb.model_checks SET probability = probability + 1e-6 WHERE position = 7")
    with pytest.raises(ParityFailed, match="does not compute what the native predict gives"):
        deploy(connection, "flight_delay", "flight_delay", runtime="worker")
    assert connection.execute("SELECT count(*) FROM fsdb.deployments").fetchone() == (0,)


def test_a_model_without_an_sql_form_is_checked_and_deployed_outside(
    world: World, database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: Any) -> Any:
        raise UnsupportedModel("the model has too many nodes for SQL")

    connection, estimator = world.connection, gradient_boosted()
    monkeypatch.setattr(registry, "compile_functions", refused)
    monkeypatch.setattr("fsdb.deployments.runtimes.sql._compiled", refused)  # which may remember this model
    version = register_model(connection, "flight_delay", estimator, inputs=INPUTS)
    assert version.rows_checked > 0
    with pytest.raises(UnsupportedModel, match="too many nodes"):
        deploy(connection, "flight_delay", "flight_delay", runtime="sql")
    deploy(connection, "flight_delay", "flight_delay")
    found = get_deployment(connection, "flight_delay")
    assert found.runtime == "worker"
    assert "too many nodes for SQL" in found.current.reason
    monkeypatch.undo()
    connection.execute(MANY, [20])
    work_once(database)
    check_native(world, estimator, load_program(connection, version), rows(connection))
    assert replay(connection, "flight_delay").different == 0


def test_without_onnxruntime_it_is_said_so(
    world: World, database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = world.connection
    deployed(connection, gradient_boosted())
    connection.execute(MANY, [1])
    work_once(database)
    found = importlib.util.find_spec

    def hidden(name: str, package: str | None = None) -> Any:
        return None if name == "onnxruntime" else found(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", hidden)
    with pytest.raises(EngineUnavailable, match=r"pip install 'fsdb-postgres\[onnx\]'"):
        Worker(database.url)
    with pytest.raises(EngineUnavailable, match="no onnxruntime"):
        replay(connection, "flight_delay")
    with pytest.raises(UnsupportedModel, match="worker: this machine has no onnxruntime"):
        deploy(connection, "flight_delay", "another", runtime="worker")


def test_a_refused_row_is_held_against_a_refused_one(world: World) -> None:
    """Rows that the native model takes and the scorer refuses, and the other way round, fail the gate."""
    connection = world.connection
    given = frame(60, seed=5).astype(object).where(lambda data: data.notna(), None).to_dict("records")
    version = register_model(connection, "flight_delay", strict(), inputs=INPUTS, rows=given)
    program = load_program(connection, version)
    refused = connection.execute("SELECT count(*) FROM fsdb.model_checks WHERE refused").fetchone()
    assert refused is not None
    assert refused[0] > 0
    connection.execute("ALTER TABLE fsdb.model_checks DISABLE TRIGGER immutable")
    for change in (
        "UPDATE fsdb.model_checks SET inputs[1] = NULL WHERE NOT refused",
        "UPDATE fsdb.model_checks SET inputs = (SELECT inputs FROM fsdb.model_checks WHERE NOT refused LIMIT 1) WHERE refused",
    ):
        with connection.transaction(force_rollback=True):
            connection.execute(psycopg.sql.SQL(change))
            with pytest.raises(ParityFailed):
                worker.check(connection, version, program)


def test_scored_gives_python_values(world: World) -> None:
    connection = world.connection
    register_model(connection, "flight_delay", three_classes(), inputs=INPUTS)
    program: Program = load_program(connection, get_version(connection, "flight_delay"))
    columns = {given.name: [None, 1.0] if given.type != "text" else [None, "jet"] for given in program.inputs}
    for row in worker.scored(worker.scorer_of(program), columns):
        assert type(row["prediction"]) is str
        assert type(row["probability"]) is float
        assert [type(share) for share in row["probabilities"]] == [float] * 3
        assert same_outputs(row, row)
