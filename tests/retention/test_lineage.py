"""Lineage and replay after retention: what a prediction was made from stays, whenever it was made."""

import threading
import time
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from fsdb import history
from fsdb.catalog.feature_sets import get_set
from fsdb.columnar import sync
from fsdb.deployments import deploy, lineage, register_model, replay, undeploy
from fsdb.errors import RetentionRefused
from fsdb.retention import removal, retain
from tests.conftest import TestDatabase
from tests.deployments.world import INPUTS, PLANE, WEATHER, gradient_boosted

SCORE = "INSERT INTO flight_delay (origin, carrier, tailnum, distance, hour) VALUES (%s, '1', 11, 700, 12) RETURNING weather_version"
NEWEST = "SELECT max(version_id) FROM weather_history WHERE origin = 'JFK'"


@pytest.fixture
def scored(database: TestDatabase, connection: psycopg.Connection) -> psycopg.Connection:
    """A deployment that has scored JFK as of its second and fourth version; six there are, and each is superseded at once."""
    with connection.transaction():
        for definition in (WEATHER, PLANE):
            history.create(connection, replace(definition, retention="100 milliseconds"))
        register_model(connection, "flight_delay", gradient_boosted(), inputs=INPUTS)
        deploy(connection, "flight_delay", "flight_delay")
    connection.execute("INSERT INTO plane (carrier, tailnum, age, kind, old) VALUES ('1', 11, 3.5, 'jet', false)")
    connection.execute("INSERT INTO weather (origin, temp, wind) VALUES ('JFK', 1, 1)")
    for number in range(2, 7):
        connection.execute("UPDATE weather SET temp = %s", [number])
        if number in (2, 4):
            connection.execute(SCORE, ["JFK"])
    time.sleep(0.15)
    sync(database.url)
    return connection


def told(connection: psycopg.Connection) -> list[Any]:
    """The lineage of every prediction, from Python and from SQL."""
    numbers = [n for (n,) in connection.execute("SELECT prediction_id FROM flight_delay ORDER BY 1").fetchall()]
    rows = "SELECT * FROM fsdb.prediction_lineage('flight_delay', %s)"
    return [
        (lineage(connection, "flight_delay", n).to_dicts(), connection.execute(rows, [n]).fetchall()) for n in numbers
    ]


def left(connection: psycopg.Connection) -> list[int]:
    """The temperatures of the versions that history has, which tell them apart."""
    return [int(t) for (t,) in connection.execute("SELECT temp FROM weather_history ORDER BY version_id").fetchall()]


def test_what_predictions_were_made_from_stays(scored: psycopg.Connection) -> None:
    before = told(scored)
    (plane, weather) = retain(scored).sets
    assert (plane.removed, weather.removed) == (0, 3)
    assert weather.note == "2 stay for lineage of predictions"
    assert left(scored) == [2, 4, 6]
    assert told(scored) == before
    done = replay(scored, "flight_delay")
    assert (done.checked, done.different) == (2, 0)
    assert scored.execute(SCORE, ["JFK"]).fetchone() == scored.execute(NEWEST).fetchone()


def test_once_the_predictions_are_gone_so_may_they(scored: psycopg.Connection, database: TestDatabase) -> None:
    retain(scored)
    undeploy(scored, "flight_delay", drop_predictions=True)
    assert retain(scored, ["weather"]).removed == 2
    assert left(scored) == [6]


def test_releases_of_the_past_count(scored: psycopg.Connection) -> None:
    """A version that no longer scores has made predictions all the same."""
    register_model(scored, "flight_delay", gradient_boosted(rows=300), inputs=INPUTS)
    deploy(scored, "flight_delay", "flight_delay")
    before = told(scored)
    assert retain(scored, ["weather"]).removed == 3
    assert told(scored) == before
    assert replay(scored, "flight_delay").different == 0


def test_an_open_transaction_that_may_score_is_waited_for(
    scored: psycopg.Connection, database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(removal, "PATIENCE_SECONDS", 0.2)
    with database.connect() as application:
        application.execute("BEGIN")
        application.execute("SELECT 1")
        with pytest.raises(RetentionRefused, match="Deployment flight_delay reads weather, and a transaction"):
            retain(scored, ["weather"])
        application.execute("COMMIT")
    assert left(scored) == [1, 2, 3, 4, 5, 6]
    assert get_set(scored, "weather").reach is None
    assert retain(scored, ["weather"]).removed == 3


def test_a_prediction_of_an_older_snapshot_keeps_its_version(
    scored: psycopg.Connection, database: TestDatabase
) -> None:
    """A transaction at REPEATABLE READ scores with what it sees, which was superseded long since."""
    removed: list[int] = []

    def run() -> None:
        with database.connect() as connection:
            removed.append(retain(connection, ["weather"]).removed)

    with database.connect() as application:
        application.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        with application.transaction():
            seen = application.execute(NEWEST).fetchone()
            scored.execute("UPDATE weather SET temp = 7")
            scored.execute("UPDATE weather SET temp = 8")
            time.sleep(0.15)
            sync(database.url)
            thread = threading.Thread(target=run)
            thread.start()
            time.sleep(0.7)
            assert left(scored) == [1, 2, 3, 4, 5, 6, 7, 8]
            assert application.execute(SCORE, ["JFK"]).fetchone() == seen
        thread.join(20)
    assert removed == [4]
    assert left(scored) == [2, 4, 6, 8]
    assert replay(scored, "flight_delay").different == 0


def test_a_model_table_dropped_by_hand_is_in_nobodys_way(scored: psycopg.Connection) -> None:
    scored.execute("DROP TABLE flight_delay")
    assert retain(scored, ["weather"]).removed == 5
    assert left(scored) == [6]
