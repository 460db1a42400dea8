"""Rows that `score` records: those that it computes itself, the same records as the trigger makes, and who may make them."""

import threading
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import psycopg
import pyarrow as pa
import pytest
from psycopg.rows import dict_row
from psycopg.sql import SQL, Identifier

from fsdb.deployments import costs, deploy, register_model, replay, shadow
from fsdb.deployments.bulk import outside, score
from fsdb.errors import InvalidData
from fsdb.models import native_outputs, same_outputs
from tests.conftest import TestDatabase
from tests.deployments.test_bulk import NAME, TYPES, VERSIONS, deployed, given, inserted, results
from tests.deployments.world import INPUTS, World, gradient_boosted, requests, strict, three_classes


def records(connection: psycopg.Connection) -> list[dict[str, Any]]:
    """The rows of the model table in order."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute("SELECT * FROM flight_delay ORDER BY prediction_id").fetchall()


@pytest.mark.parametrize("make", [gradient_boosted, three_classes])
def test_the_records_are_those_that_inserts_make(world: World, make: Any) -> None:
    program = deployed(world.connection, make())
    one_by_one = inserted(world.connection, requests())
    begin = datetime.now(UTC)
    found = score(world.connection, NAME, given(), record=True)
    assert found.schema.metadata[b"fsdb_scored_by"] == b"onnx"
    together = records(world.connection)[len(one_by_one) :]
    assert [row["prediction_id"] for row in together] == found.column("prediction_id").to_pylist()
    estimator = make()
    for request, one, other in zip(requests(), one_by_one, together, strict=True):
        assert (one["scored_by"], other["scored_by"]) == (None, "onnxruntime")
        assert same_outputs(results(one), results(other), program.tolerance)
        for name in (*request, *VERSIONS, "model_version", "model_release", "error"):
            assert one[name] == other[name]
        assert begin < other["scored_at"] < datetime.now(UTC)
        assert other["scoring_us"] > 0
        (native,) = native_outputs(estimator, program, [world.given(request, other["scored_at"])])
        assert same_outputs(native, results(other), program.tolerance)
    lineage = "SELECT * FROM fsdb.prediction_lineage('flight_delay', %s)"
    for one, other in zip(one_by_one, together, strict=True):
        of_one, of_other = (
            world.connection.execute(lineage, [row["prediction_id"]]).fetchall() for row in (one, other)
        )
        assert of_one == of_other


def test_they_are_replayed_by_what_made_them(world: World) -> None:
    deployed(world.connection, gradient_boosted())
    inserted(world.connection, requests())
    score(world.connection, NAME, given(), record=True)
    world.write("weather", ("JFK",), datetime.now(UTC), temp=-40.0)
    world.write("weather", ("JFK",), datetime.now(UTC))
    report = replay(world.connection, NAME, None)
    assert (report.checked, report.different) == (2 * len(requests()), 0)
    # What is not what the model gives is found, of either kind.
    world.connection.execute("ALTER TABLE flight_delay DISABLE TRIGGER USER")
    world.connection.execute("UPDATE flight_delay SET probability = probability + 1e-6 WHERE prediction_id IN (1, 37)")
    assert replay(world.connection, NAME, None).different == 2


def test_a_version_that_is_gone_is_told(world: World) -> None:
    deployed(world.connection, gradient_boosted())
    score(world.connection, NAME, given(), record=True)
    world.connection.execute("ALTER TABLE flight_delay DISABLE TRIGGER USER")
    world.connection.execute("UPDATE flight_delay SET plane_version = 1000000 WHERE prediction_id = 1")
    report = replay(world.connection, NAME, None)
    assert [row[3] for row in report.rows.rows] == ["version is gone"]


def test_who_does_not_own_the_table_cannot_record_a_result(world: World, database: TestDatabase) -> None:
    deployed(world.connection, gradient_boosted())
    (honest,) = inserted(world.connection, requests()[:1])
    role = Identifier(f"fsdb_test_{uuid4().hex[:8]}")
    world.connection.execute(SQL("CREATE ROLE {}").format(role))
    for grant in (
        "ALL ON flight_delay",
        "USAGE ON SCHEMA fsdb, fsdb_models, fsdb_history",
        "SELECT ON ALL TABLES IN SCHEMA fsdb, fsdb_history",
        "EXECUTE ON ALL FUNCTIONS IN SCHEMA fsdb_models",
    ):
        world.connection.execute(SQL("GRANT {} TO {}").format(SQL(grant), role))
    try:
        with database.connect() as application:
            application.execute(SQL("SET ROLE {}").format(role))
            forged = application.execute(
                "INSERT INTO flight_delay (origin, carrier, tailnum, distance, hour, scored_by, prediction, probability, model_version,"
                " model_release, scored_at, plane_version) SELECT origin, carrier, tailnum, distance, hour, 'onnxruntime', NOT prediction,"
                " 0.123, 7, 7, now(), 1 FROM flight_delay RETURNING scored_by, prediction, probability, model_version, plane_version"
            ).fetchone()
            assert forged == (None, honest["prediction"], honest["probability"], 1, honest["plane_version"])
            found = score(application, NAME, given(), record=True)
            assert found.schema.metadata[b"fsdb_scored_by"] == b"sql"
    finally:
        world.connection.execute(SQL("DROP OWNED BY {role} CASCADE; DROP ROLE {role}").format(role=role))
    assert [row["scored_by"] for row in records(world.connection)] == [None] * (2 + len(requests()))


def test_what_is_recorded_stays(world: World) -> None:
    deployed(world.connection, gradient_boosted())
    score(world.connection, NAME, given(), record=True)
    for change in ("scored_by = NULL", "probability = 0.5", "plane_version = 1"):
        with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="is a record"):
            world.connection.execute(SQL("UPDATE flight_delay SET {}").format(SQL(change)))


def test_an_applications_own_trigger_has_its_say(world: World) -> None:
    deployed(world.connection, gradient_boosted())
    world.connection.execute(
        "CREATE FUNCTION farther() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.distance := NEW.distance + 5000; RETURN NEW; END'"
    )
    world.connection.execute("CREATE TRIGGER a BEFORE INSERT ON flight_delay FOR EACH ROW EXECUTE FUNCTION farther()")
    found = score(world.connection, NAME, given(), record=True)
    assert found.schema.metadata[b"fsdb_scored_by"] == b"sql"
    for row, request in zip(records(world.connection), requests(), strict=True):
        assert row["distance"] == (None if request["distance"] is None else request["distance"] + 5000)
    assert replay(world.connection, NAME, None).different == 0


def test_a_trigger_after_the_rows_sees_them_scored(world: World) -> None:
    deployed(world.connection, gradient_boosted())
    world.connection.execute("CREATE TABLE seen AS SELECT prediction_id, probability FROM flight_delay")
    world.connection.execute(
        "CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN INSERT INTO seen VALUES (NEW.prediction_id, NEW.probability); RETURN NULL; END'"
    )
    world.connection.execute("CREATE TRIGGER a AFTER INSERT ON flight_delay FOR EACH ROW EXECUTE FUNCTION look()")
    found = score(world.connection, NAME, given(), record=True)
    assert found.schema.metadata[b"fsdb_scored_by"] == b"onnx"
    seen = world.connection.execute("SELECT probability FROM seen ORDER BY prediction_id").fetchall()
    assert [row[0] for row in seen] == found.column("probability").to_pylist()


def test_a_row_that_cannot_be_scored_counts_as_one_that_the_trigger_rejects(world: World) -> None:
    deployed(world.connection, strict())
    rows = [{**request, "distance": None} for request in requests()]
    with pytest.raises(InvalidData, match="row 0 of the data"):
        score(world.connection, NAME, given(rows), record=True)
    assert records(world.connection) == []
    told = costs(world.connection, NAME)
    assert dict(zip(told.columns, told.rows[0], strict=True))["rejected"] == 1


def test_a_reason_is_recorded_where_the_deployment_says_so(world: World) -> None:
    deployed(world.connection, strict(), on_error="null")
    rows = [{**request, "distance": 1.0 if number % 2 else None} for number, request in enumerate(requests())]
    one_by_one = inserted(world.connection, rows)
    found = score(world.connection, NAME, given(rows), record=True)
    assert found.schema.metadata[b"fsdb_scored_by"] == b"onnx"
    together = records(world.connection)[len(rows) :]
    assert [row["error"] for row in together] == [row["error"] for row in one_by_one]
    assert [row["prediction"] is None for row in together] == [row["error"] is not None for row in together]
    assert {row["error"] is None for row in together} == {True, False}


def test_a_shadow_scores_them_too(world: World) -> None:
    deployed(world.connection, gradient_boosted())
    register_model(world.connection, NAME, gradient_boosted(300, seed=3), inputs=INPUTS)
    shadow(world.connection, NAME, version=2)
    found = score(world.connection, NAME, given(), record=True)
    beside = world.connection.execute(
        "SELECT of_prediction, model_version FROM flight_delay_shadow ORDER BY 1"
    ).fetchall()
    assert beside == [(number, 2) for number in found.column("prediction_id").to_pylist()]


def test_without_onnxruntime_the_trigger_scores(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    deployed(world.connection, gradient_boosted())
    monkeypatch.setattr(outside, "scorer_of", lambda *_: None)
    found = score(world.connection, NAME, given(), record=True)
    assert found.schema.metadata[b"fsdb_scored_by"] == b"sql"
    assert {row["scored_by"] for row in records(world.connection)} == {None}


def test_a_model_is_not_replaced_in_the_middle(world: World, database: TestDatabase) -> None:
    """Whichever of them comes first: the rows of a call are of one version, and none is of a version that was gone before."""
    for seed in range(2):
        register_model(world.connection, NAME, gradient_boosted(200, seed), inputs=INPUTS)
    deploy(world.connection, NAME, NAME, version=1)
    stop = threading.Event()
    failures: list[BaseException] = []
    seen: list[set[int]] = []

    def scoring() -> None:
        try:
            with database.connect() as connection:
                while not stop.is_set():
                    found = score(connection, NAME, given(), record=True)
                    seen.append(set(found.column("model_version").to_pylist()))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=scoring) for _ in range(2)]
    for thread in threads:
        thread.start()
    with database.connect() as connection:
        for number in range(8):
            version = 2 - number % 2
            deploy(connection, NAME, NAME, version=version)
            last = connection.execute("SELECT coalesce(max(prediction_id), 0) FROM flight_delay").fetchone()
            with connection.transaction():
                # Nobody has inserted since and is not committed.
                connection.execute("LOCK TABLE flight_delay IN SHARE MODE")
                later = connection.execute(
                    "SELECT DISTINCT model_version FROM flight_delay WHERE prediction_id > %s", last
                ).fetchall()
            assert later in ([], [(version,)])
    stop.set()
    for thread in threads:
        thread.join()
    assert failures == []
    assert {frozenset(versions) for versions in seen} == {frozenset({1}), frozenset({2})}
    assert replay(world.connection, NAME, None).different == 0


def test_an_older_snapshot_records_what_it_sees(world: World, database: TestDatabase) -> None:
    deployed(world.connection, gradient_boosted())
    with database.connect() as connection, connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        connection.execute("SELECT 1 FROM fsdb.deployments").fetchone()
        world.write("weather", ("JFK",), datetime.now(UTC), temp=-40.0)
        found = score(connection, NAME, given(), record=True)
    assert found.num_rows == len(requests())
    assert replay(world.connection, NAME, None).different == 0


def test_no_rows_are_none(world: World) -> None:
    deployed(world.connection, gradient_boosted())
    empty = score(world.connection, NAME, given()[:0], record=True)
    full = score(world.connection, NAME, given(), record=True)
    assert empty.num_rows == 0
    assert empty.schema.names == full.schema.names


def test_records_what_it_scores(world: World) -> None:
    program = deployed(world.connection, three_classes())
    world.connection.execute("ALTER TABLE flight_delay ADD remark text")
    rows = (
        given()
        .append_column("remark", pa.array([f"r{n}" for n in range(36)]))
        .append_column("other", pa.array(range(36)))
    )
    found = score(world.connection, NAME, rows, record=True)
    assert found.column("prediction_id").to_pylist() == list(range(1, 37))
    assert found.select([*TYPES.names, "remark", "other"]).equals(rows)
    with world.connection.cursor(row_factory=dict_row) as cursor:
        kept = cursor.execute("SELECT * FROM flight_delay ORDER BY prediction_id").fetchall()
    for one, record, request in zip(found.to_pylist(), kept, requests(), strict=True):
        assert all(record[name] == value for name, value in one.items() if name != "other")
        assert {name: record[name] for name in request} == request
    asked = score(world.connection, NAME, given()).to_pylist()
    assert all(same_outputs(results(a), results(b), program.tolerance) for a, b in zip(kept, asked, strict=True))


def test_recording_goes_by_the_deployments_own_policy(world: World) -> None:
    deployed(world.connection, strict(), on_error="null")
    good = {"origin": "JFK", "carrier": "1", "tailnum": 11, "distance": 100.0, "hour": 3}
    found = score(world.connection, NAME, given([good, {**good, "distance": None}]), record=True)
    assert found.column("prediction").null_count == 1
    assert '"distance"' in found.column("error")[1].as_py()
    assert found.column("prediction_id").to_pylist() == [1, 2]


def test_a_trigger_that_leaves_rows_out_is_found_out(world: World) -> None:
    deployed(world.connection, gradient_boosted())
    world.connection.execute(
        "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN CASE WHEN new.hour > 3 THEN new END; END'"
    )
    world.connection.execute("CREATE TRIGGER a BEFORE INSERT ON flight_delay FOR EACH ROW EXECUTE FUNCTION no()")
    with pytest.raises(InvalidData, match="36 rows were given, but table flight_delay took"):
        score(world.connection, NAME, given(), record=True)
    assert world.connection.execute("SELECT count(*) FROM flight_delay").fetchone() == (0,)
