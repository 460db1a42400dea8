"""What an INSERT into a model table gives, against the native predict on features found by brute force."""

import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import numpy as np
import psycopg
import pytest
from psycopg.rows import dict_row
from psycopg.sql import SQL, Identifier
from sklearn.ensemble import HistGradientBoostingRegressor

from fsdb.catalog.feature_sets import get_set
from fsdb.catalog.models import program_text
from fsdb.definitions import Feature, FeatureSet
from fsdb.deployments import deploy, register_model
from fsdb.models import Program, native_outputs, same_outputs
from tests.conftest import TestDatabase
from tests.deployments.world import INPUTS, World, forest, frame, gradient_boosted, requests, strict, three_classes
from tests.oracle import Version
from tests.training.made import made_set, put

INSERT = (
    "INSERT INTO flight_delay (origin, carrier, tailnum, distance, hour)"
    " VALUES (%(origin)s, %(carrier)s, %(tailnum)s, %(distance)s, %(hour)s) RETURNING *"
)


def deployed(connection: psycopg.Connection, estimator: Any) -> Program:
    """Registers the estimator as flight_delay and deploys it as the table of that name."""
    rows = frame(60, seed=5).astype(object).where(lambda data: data.notna(), None).to_dict("records")
    version = register_model(connection, "flight_delay", estimator, inputs=INPUTS, rows=rows)
    deploy(connection, "flight_delay", "flight_delay")
    return Program.from_json(program_text(connection, "flight_delay", version.version))


def insert(connection: psycopg.Connection, row: dict[str, Any]) -> dict[str, Any]:
    """Inserts a request and returns the recorded row."""
    with connection.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute(INSERT, row).fetchone()
    assert found is not None
    assert found.pop("error") is None
    return found


def test_sets_without_defaults_are_looked_up_each_for_itself(world: World) -> None:
    """Of three sets any may have no row, and all: what the others have is read all the same."""
    connection = world.connection
    made_set(connection, FeatureSet("rush", {"hour": "integer"}, (Feature("crowd", "real"),)))
    rush = [Version(1, (7,), {"crowd": 2.5}, datetime(2024, 1, 1, tzinfo=UTC), datetime.now(UTC), deleted=False)]
    put(connection, get_set(connection, "rush"), rush)
    inputs = {"temp": "weather.temp", "age": "plane.age", "crowd": "rush.crowd", "distance": "double precision"}
    data = frame(80, seed=5)[["temp", "age", "distance"]].astype(float).assign(crowd=np.arange(80.0) % 7)[list(inputs)]
    estimator = HistGradientBoostingRegressor(max_iter=8, min_samples_leaf=5, random_state=0)
    estimator.fit(data, np.arange(80.0))
    rows = data.astype(object).where(data.notna(), None).to_dict("records")
    version = register_model(connection, "crowded", estimator, inputs=inputs, rows=rows)
    deploy(connection, "crowded", "crowded")
    program = Program.from_json(program_text(connection, "crowded", version.version))
    statement = (
        "INSERT INTO crowded (origin, carrier, tailnum, distance, hour)"
        " VALUES (%(origin)s, %(carrier)s, %(tailnum)s, %(distance)s, %(hour)s) RETURNING *"
    )
    read = set()
    with connection.cursor(row_factory=dict_row) as cursor:
        for request in [one | {"hour": hour} for one in requests() for hour in (7, 8)]:
            row = cursor.execute(statement, request).fetchone()
            assert row is not None
            assert row.pop("error") is None
            known = world.given(request, row["scored_at"])
            given = {name: known.get(name) for name in ("temp", "age", "distance")}
            given["crowd"] = 2.5 if request["hour"] == 7 else None
            (native,) = native_outputs(estimator, program, [given])
            assert same_outputs(native, row), (request, given, native, row)
            assert row["rush_version"] == (1 if request["hour"] == 7 else None)
            read.add(tuple(row[f"{name}_version"] is not None for name in ("weather", "plane", "rush")))
    assert len(read) == 8


@pytest.mark.parametrize("make", [gradient_boosted, three_classes, forest])
def test_scores_as_the_native_predict_on_features_as_of_the_moment(world: World, make: Callable[[], Any]) -> None:
    estimator = make()
    program = deployed(world.connection, estimator)
    for request in requests():
        row = insert(world.connection, request)
        given = world.given(request, row["scored_at"])
        (native,) = native_outputs(estimator, program, [given])
        assert "error" not in native
        assert same_outputs(native, row), (request, given, native, row)
        assert (row["model_version"], row["model_release"]) == (1, 1)
    results = {"prediction", "probability", "probabilities"} & set(row)
    assert (
        results
        == {
            gradient_boosted: {"prediction", "probability"},
            three_classes: {"prediction", "probability", "probabilities"},
            forest: {"prediction"},
        }[make]
    )


def test_records_the_versions_that_were_read(world: World) -> None:
    deployed(world.connection, gradient_boosted())
    read = {
        origin: insert(world.connection, {**requests()[0], "origin": origin})["weather_version"]
        for origin in ("JFK", "LGA", "EWR", "BOS", "nowhere", None)
    }
    # of a value that is too old or deleted the version tells why it did not count
    assert read == {"JFK": 2, "LGA": 3, "EWR": 5, "BOS": 7, "nowhere": None, None: None}
    assert insert(world.connection, {**requests()[0], "carrier": "11", "tailnum": 1})["plane_version"] == 2
    assert insert(world.connection, {**requests()[0], "carrier": "1", "tailnum": 11})["plane_version"] == 1


def test_nothing_that_is_recorded_is_taken_from_the_caller(world: World) -> None:
    deployed(world.connection, gradient_boosted())
    honest = insert(world.connection, requests()[0])
    with world.connection.cursor(row_factory=dict_row) as cursor:
        forged = cursor.execute(
            "INSERT INTO flight_delay (origin, carrier, tailnum, distance, hour, prediction, probability, model_version,"
            " model_release, scored_at, weather_version, plane_version)"
            " SELECT origin, carrier, tailnum, distance, hour, NOT prediction, 0.123, 99, 99, '2001-01-01Z', 999, 999"
            " FROM flight_delay RETURNING *"
        ).fetchone()
    assert forged is not None
    same = ("prediction", "probability", "model_version", "model_release", "weather_version", "plane_version")
    assert [forged[name] for name in same] == [honest[name] for name in same]
    assert forged["scored_at"] > honest["scored_at"]


def test_a_row_that_the_model_does_not_take_is_rejected(world: World) -> None:
    deployed(world.connection, strict())
    good = {"origin": "JFK", "carrier": "1", "tailnum": 11, "distance": 100.0, "hour": 3}
    refused: list[tuple[dict[str, Any], str]] = [
        ({"distance": None}, 'input "distance"'),
        ({"distance": math.nan}, 'input "distance"'),
        ({"distance": math.inf}, 'input "distance"'),
        ({"origin": "nowhere"}, 'input "temp"'),
        ({"carrier": "UA", "tailnum": 7}, 'input "age"'),
    ]
    for change, message in refused:
        with pytest.raises(psycopg.DataError, match=message):
            insert(world.connection, {**good, **change})
    assert insert(world.connection, good)["prediction"] in (True, False)
    assert world.connection.execute("SELECT count(*) FROM flight_delay").fetchone() == (1,)


def test_an_unseen_category_is_rejected_where_the_model_takes_none(world: World) -> None:
    deployed(world.connection, strict())
    world.write("plane", ("ZZ", 1), datetime.now(UTC), age=1, kind="rocket", old=False)
    with pytest.raises(psycopg.DataError, match=r'"kind".*has a category') as refused:
        insert(world.connection, {"origin": "JFK", "carrier": "ZZ", "tailnum": 1, "distance": 1.0, "hour": 3})
    assert "rocket" not in str(refused.value)  # who may insert need not be one who may read features


def test_predictions_are_records(world: World) -> None:
    deployed(world.connection, gradient_boosted())
    insert(world.connection, requests()[0])
    for change in ("prediction = NOT prediction", "distance = 7", "scored_at = now()", "weather_version = NULL"):
        with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="prediction 1 of public"):
            world.connection.execute(SQL("UPDATE flight_delay SET {}").format(SQL(change)))
    world.connection.execute("ALTER TABLE flight_delay ADD COLUMN outcome boolean")
    world.connection.execute("UPDATE flight_delay SET outcome = true, distance = distance")
    assert world.connection.execute("SELECT outcome FROM flight_delay").fetchone() == (True,)
    world.connection.execute("DELETE FROM flight_delay")


def test_an_application_needs_rights_on_the_model_table_alone(world: World, database: TestDatabase) -> None:
    deployed(world.connection, gradient_boosted())
    role = f"fsdb_test_{uuid4().hex[:8]}"
    world.connection.execute(SQL("CREATE ROLE {}").format(Identifier(role)))
    world.connection.execute(SQL("GRANT INSERT, SELECT ON flight_delay TO {}").format(Identifier(role)))
    honest = insert(world.connection, requests()[0])
    with database.connect() as application:
        application.execute(SQL("CREATE SCHEMA evil AUTHORIZATION {}").format(Identifier(role)))
        application.execute(SQL("SET ROLE {}").format(Identifier(role)))
        application.execute(
            "CREATE FUNCTION evil.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS $$ SELECT timestamptz '2001-01-01Z' $$;"
            "CREATE FUNCTION evil.at_most(float8, float8) RETURNS boolean LANGUAGE sql AS 'SELECT false';"
            "CREATE OPERATOR evil.<= (LEFTARG = float8, RIGHTARG = float8, FUNCTION = evil.at_most);"
            "CREATE TABLE evil.own (a int); SET search_path = evil, pg_catalog, public"
        )
        row = insert(application, requests()[0])
        assert (row["probability"], row["weather_version"]) == (honest["probability"], honest["weather_version"])
        assert row["scored_at"] > honest["scored_at"]
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            application.execute("SELECT * FROM fsdb_history.weather")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            application.execute(
                "CREATE TRIGGER own BEFORE INSERT ON evil.own FOR EACH ROW EXECUTE FUNCTION fsdb_models.flight_delay__score_1()"
            )
    world.connection.execute(SQL("DROP OWNED BY {role} CASCADE; DROP ROLE {role}").format(role=Identifier(role)))


def test_a_statement_may_score_many_rows(world: World) -> None:
    deployed(world.connection, gradient_boosted())
    expected = [insert(world.connection, request)["probability"] for request in requests()]
    found = world.connection.execute(
        "INSERT INTO flight_delay (origin, carrier, tailnum, distance, hour)"
        " SELECT origin, carrier, tailnum, distance, hour FROM flight_delay ORDER BY prediction_id RETURNING probability"
    ).fetchall()
    assert [row[0] for row in found] == expected
    text = "COPY flight_delay (origin, carrier, tailnum, distance, hour) FROM STDIN"
    with world.connection.cursor() as cursor, cursor.copy(text) as copy:
        for request in requests():
            copy.write_row(list(request.values()))
    copied = world.connection.execute(
        "SELECT probability FROM flight_delay ORDER BY prediction_id DESC LIMIT %s", [len(expected)]
    ).fetchall()
    assert [row[0] for row in reversed(copied)] == expected
