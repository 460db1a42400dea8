"""Who may fill a prediction in: fsdb worker as the table's owner, once; no application, whatever it was granted."""

from collections.abc import Iterator

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from fsdb.errors import ChangeRefused
from fsdb.worker import Worker
from tests.conftest import TestDatabase
from tests.deployments.world import World, gradient_boosted
from tests.worker.served import MANY, deployed, rows, scalar, waiting, work_once


@pytest.fixture
def served(world: World) -> World:
    """flight_delay, scored by workers, with a row that waits."""
    deployed(world.connection, gradient_boosted())
    world.connection.execute("ALTER TABLE flight_delay ADD note text")
    world.connection.execute(MANY, [1])
    return world


@pytest.fixture
def application(served: World, database: TestDatabase) -> Iterator[psycopg.Connection]:
    """A session of a role that has every right on the table and none besides."""
    role = psycopg.sql.Identifier(f"app_{database.name}")
    served.connection.execute(psycopg.sql.SQL("CREATE ROLE {} LOGIN").format(role))
    served.connection.execute(psycopg.sql.SQL("GRANT ALL ON flight_delay TO {}").format(role))
    with psycopg.connect(make_conninfo(database.url, user=f"app_{database.name}"), autocommit=True) as session:
        yield session
    served.connection.execute(psycopg.sql.SQL("DROP OWNED BY {}").format(role))
    served.connection.execute(psycopg.sql.SQL("DROP ROLE {}").format(role))


def test_an_application_needs_rights_on_the_table_alone(
    served: World, application: psycopg.Connection, database: TestDatabase
) -> None:
    application.execute(MANY, [3])
    application.execute("UPDATE flight_delay SET note = 'mine'")
    assert waiting(served.connection) == 4
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        application.execute("SELECT * FROM fsdb.scoring_queue")
    work_once(database)
    application.execute("UPDATE flight_delay SET note = 'still mine'")
    assert scalar(application, "SELECT count(prediction) FROM flight_delay WHERE note = 'still mine'") == 4


@pytest.mark.parametrize(
    "change",
    [
        "prediction = true",
        "prediction = true, probability = 0.5, predicted_at = now()",
        "predicted_at = now()",
        "error = 'forged'",
        "probability = 0.5",
    ],
)
def test_an_application_cannot_forge_a_prediction(served: World, application: psycopg.Connection, change: str) -> None:
    text = psycopg.sql.SQL("UPDATE flight_delay SET ") + psycopg.sql.SQL(change)
    with pytest.raises(
        psycopg.errors.ObjectNotInPrerequisiteState, match="is filled in once, and by fsdb worker alone"
    ):
        application.execute(text)
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="cannot be changed"):
        application.execute("UPDATE flight_delay SET hour = 3")
    (row,) = rows(served.connection).values()
    assert (row["prediction"], row["error"], row["predicted_at"]) == (None, None, None)


def test_an_application_cannot_insert_a_prediction(served: World, application: psycopg.Connection) -> None:
    row = application.execute(
        "INSERT INTO flight_delay (origin, prediction, probability, error, predicted_at)"
        " VALUES ('JFK', true, 1, 'forged', now()) RETURNING prediction, probability, error, predicted_at"
    ).fetchone()
    assert row == (None, None, None, None)


def test_an_application_cannot_queue_rows_of_its_own(served: World, application: psycopg.Connection) -> None:
    role = psycopg.sql.Identifier(application.info.user)
    served.connection.execute(psycopg.sql.SQL("GRANT USAGE ON SCHEMA fsdb TO {}").format(role))
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="enqueue_scoring"):
        application.execute(
            "CREATE TRIGGER mine AFTER INSERT ON flight_delay REFERENCING NEW TABLE AS inserted"
            " FOR EACH STATEMENT EXECUTE FUNCTION fsdb.enqueue_scoring('1', '{1}')"
        )


def test_a_prediction_is_filled_in_once(served: World, database: TestDatabase) -> None:
    connection = served.connection
    with connection.transaction(force_rollback=True):
        connection.execute("DELETE FROM fsdb.scoring_queue")
        with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="once"):
            connection.execute("UPDATE flight_delay SET prediction = true")
    work_once(database)
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="once"):
        connection.execute("UPDATE flight_delay SET prediction = NOT prediction")
    connection.execute("INSERT INTO fsdb.scoring_queue (deployment_id, prediction_id, release) VALUES (1, 1, 1)")
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="once"):
        connection.execute("UPDATE flight_delay SET prediction = NOT prediction")
    # A row that is in the queue although it has its prediction is not scored again.
    before = rows(connection)
    work_once(database)
    assert (rows(connection), waiting(connection)) == (before, 0)


def test_a_worker_must_own_the_table(served: World, application: psycopg.Connection, database: TestDatabase) -> None:
    user = application.info.user
    role = psycopg.sql.Identifier(user)
    for rights in ("USAGE ON SCHEMA fsdb", "ALL ON ALL TABLES IN SCHEMA fsdb"):
        served.connection.execute(psycopg.sql.SQL("GRANT {} TO {}").format(psycopg.sql.SQL(rights), role))
    with pytest.raises(ChangeRefused, match="run fsdb worker as a role that owns it"):
        Worker(make_conninfo(database.url, user=user)).run(once=True)
    assert waiting(served.connection) == 1
