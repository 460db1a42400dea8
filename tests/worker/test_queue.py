"""The queue: what gets into it, what is tried again, what dies, and that one bad row holds back no other."""

from datetime import timedelta
from typing import Any

import psycopg
import pytest

from fsdb.deployments import replay
from fsdb.errors import UnknownName
from fsdb.worker import queue, retry_dead
from fsdb.worker.queue import MOST_ATTEMPTS
from tests.conftest import TestDatabase
from tests.deployments.world import World, gradient_boosted
from tests.worker.served import MANY, SECONDS, deployed, rows, scalar, waiting, work_once

# The model's own rows have hours 0 to 23; the application does not take predictions for hour 13.
BAD = "SELECT prediction_id FROM flight_delay WHERE hour = 13 ORDER BY 1"
# A pause of a second may be over before a worker has been round, on a slow machine.
AN_HOUR_MORE = """
CREATE FUNCTION an_hour_more() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    NEW.not_before := NEW.not_before + interval '1 hour'; RETURN NEW; END $$;
CREATE TRIGGER an_hour_more BEFORE UPDATE ON fsdb.scoring_queue FOR EACH ROW WHEN (NEW.attempts > OLD.attempts) EXECUTE FUNCTION an_hour_more()
"""
NOW = "UPDATE fsdb.scoring_queue SET not_before = clock_timestamp()"


@pytest.fixture
def served(world: World) -> World:
    """flight_delay, scored by workers."""
    deployed(world.connection, gradient_boosted())
    return world


def told_until_now(listening: psycopg.Connection) -> list[str]:
    """What a session has been told: a notice of its own comes after those of all who have committed before."""
    listening.execute("NOTIFY fsdb_scoring, 'now'")
    found: list[str] = []
    for notice in listening.notifies(timeout=SECONDS):
        if notice.payload == "now":
            return found
        found.append(notice.payload)
    raise AssertionError("a session is not told of its own notice")


def test_a_row_is_queued_in_the_transaction_that_inserts_it(served: World, database: TestDatabase) -> None:
    connection = served.connection
    with connection.transaction(force_rollback=True):
        connection.execute(MANY, [5])
        assert waiting(connection) == 5
    assert waiting(connection) == 0
    with database.connect() as other, connection.transaction():
        connection.execute(MANY, [5])
        assert waiting(other) == 0
    with connection.cursor() as cursor, cursor.copy("COPY flight_delay (origin, hour) FROM STDIN") as copy:
        copy.write("JFK\t1\nEWR\t2\n")
    connection.execute(
        "MERGE INTO flight_delay AS f USING (VALUES (3), (4)) AS v (hour) ON false WHEN NOT MATCHED THEN INSERT (hour) VALUES (v.hour)"
    )
    text = "SELECT prediction_id, release, attempts, enqueued_at = not_before OR enqueued_at < not_before FROM fsdb.scoring_queue ORDER BY 1"
    numbers = [row[0] for row in connection.execute("SELECT prediction_id FROM flight_delay ORDER BY 1").fetchall()]
    assert len(numbers) == 9
    assert connection.execute(text).fetchall() == [(number, 1, 0, True) for number in numbers]


def test_an_insert_tells_nobody_where_no_worker_waits(served: World, database: TestDatabase) -> None:
    with database.connect() as listening:
        queue.listen(listening)
        served.connection.execute(MANY, [3])
        assert told_until_now(listening) == []
        with queue.waiting(listening), database.connect() as other, queue.waiting(other):
            served.connection.execute(MANY, [3])
        assert len(told_until_now(listening)) == 1
        served.connection.execute(MANY, [3])
        assert told_until_now(listening) == []
        retry_dead(served.connection, "flight_delay")
        assert len(told_until_now(listening)) == 1
    assert scalar(served.connection, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == 0


def test_an_insert_tells_workers_once_a_transaction(served: World, database: TestDatabase) -> None:
    with database.connect() as listening, queue.waiting(listening):
        queue.listen(listening)
        with served.connection.transaction():
            for _ in range(3):
                served.connection.execute(MANY, [10])
        with served.connection.transaction(force_rollback=True):
            served.connection.execute(MANY, [10])
        with served.connection.transaction():
            served.connection.execute(MANY, [0])
        number = scalar(served.connection, "SELECT deployment_id FROM fsdb.deployments")
        assert told_until_now(listening) == [str(number)]


def test_a_model_that_the_server_scores_has_no_queue(world: World) -> None:
    deployed(world.connection, gradient_boosted(), "sql")
    world.connection.execute(MANY, [5])
    assert waiting(world.connection) == 0
    names = {
        row[0] for row in world.connection.execute("SELECT tgname FROM pg_trigger WHERE NOT tgisinternal").fetchall()
    }
    assert not {"zz_fsdb_queue", "zz_fsdb_fill"} & names


@pytest.mark.parametrize(
    "obstacle",
    [
        "ALTER TABLE flight_delay ADD CONSTRAINT obstacle CHECK (hour <> 13 OR prediction IS NULL)",
        "CREATE FUNCTION obstacle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;"
        "CREATE TRIGGER obstacle BEFORE UPDATE ON flight_delay FOR EACH ROW WHEN (NEW.hour = 13 AND NEW.prediction IS NOT NULL) EXECUTE FUNCTION obstacle()",
        "CREATE FUNCTION obstacle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'obstacle'; END $$;"
        "CREATE CONSTRAINT TRIGGER obstacle AFTER UPDATE ON flight_delay DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.hour = 13) EXECUTE FUNCTION obstacle()",
    ],
    ids=["constraint", "suppressing trigger", "deferred trigger"],
)
def test_a_bad_row_is_tried_again_and_dies_alone(served: World, database: TestDatabase, obstacle: Any) -> None:
    connection = served.connection
    connection.execute(obstacle)
    connection.execute(AN_HOUR_MORE)
    connection.execute(MANY, [61])
    bad = [row[0] for row in connection.execute(BAD).fetchall()]
    assert len(bad) == 3
    hour = timedelta(hours=1)
    for attempt in range(1, MOST_ATTEMPTS + 1):
        before = scalar(connection, "SELECT clock_timestamp()")
        work_once(database)
        assert scalar(connection, "SELECT count(prediction) FROM flight_delay") == 58
        pause = timedelta(seconds=4 ** (attempt - 1))
        left = connection.execute(
            "SELECT prediction_id, attempts, last_error IS NOT NULL, not_before BETWEEN %s AND clock_timestamp() + %s"
            " FROM fsdb.scoring_queue ORDER BY 1",
            [before + hour + pause, hour + pause],
        ).fetchall()
        if attempt < MOST_ATTEMPTS:
            assert left == [(number, attempt, True, True) for number in bad]
            backlog = connection.execute(
                "SELECT deployment, waiting, failing, dead FROM fsdb.scoring_backlog"
            ).fetchall()
            assert backlog == [("flight_delay", 3, 3, 0)]
            connection.execute(NOW)
    assert left == []
    dead = connection.execute(
        "SELECT prediction_id, attempts, error FROM fsdb.scoring_dead_letters ORDER BY 1"
    ).fetchall()
    assert [row[:2] for row in dead] == [(number, MOST_ATTEMPTS) for number in bad]
    assert all("obstacle" in row[2] or "trigger of the table" in row[2] for row in dead)
    assert connection.execute("SELECT waiting, dead FROM fsdb.scoring_backlog").fetchall() == [(0, 3)]
    # The reason stands in the row, unless what keeps the prediction out keeps that out as well.
    found = rows(connection)
    told = "" if "DEFERRABLE" in obstacle else dead[0][2]
    assert {found[number]["error"] or "" for number in bad} == {told}
    assert {found[number]["predicted_at"] for number in bad} == {None}


def test_dead_letters_are_put_back(served: World, database: TestDatabase) -> None:
    connection = served.connection
    connection.execute("ALTER TABLE flight_delay ADD CONSTRAINT obstacle CHECK (hour <> 13 OR prediction IS NULL)")
    connection.execute(MANY, [30])
    for _ in range(MOST_ATTEMPTS):
        work_once(database)
        connection.execute(NOW)
    assert scalar(connection, "SELECT count(error) FROM flight_delay") == 1
    connection.execute("ALTER TABLE flight_delay DROP CONSTRAINT obstacle")
    work_once(database)
    assert scalar(connection, "SELECT count(prediction) FROM flight_delay") == 29
    with database.connect() as listening:
        listening.execute("LISTEN fsdb_scoring")
        assert retry_dead(connection, "flight_delay") == 1
        assert len(told_until_now(listening)) == 1
    assert scalar(connection, "SELECT attempts FROM fsdb.scoring_queue") == 0
    work_once(database)
    assert (scalar(connection, "SELECT count(prediction) FROM flight_delay"), waiting(connection)) == (30, 0)
    assert scalar(connection, "SELECT count(error) FROM flight_delay") == 0
    assert retry_dead(connection, "flight_delay") == 0
    assert replay(connection, "flight_delay").different == 0
    with pytest.raises(UnknownName, match="No model is deployed as table 'nothing'"):
        retry_dead(connection, "nothing")


def test_a_program_that_is_not_the_registered_one_is_put_off(served: World, database: TestDatabase) -> None:
    connection = served.connection
    connection.execute(MANY, [5])
    connection.execute("ALTER TABLE fsdb.model_programs DISABLE TRIGGER immutable")
    connection.execute("UPDATE fsdb.model_programs SET program = replace(program, '0.1', '0.2')")
    (batch, *_) = batches = work_once(database)
    assert sum(batch.later for batch in batches) == 5
    assert batch.reason is not None
    assert "is not the one that was registered" in batch.reason
    found = connection.execute("SELECT attempts, last_error FROM fsdb.scoring_queue").fetchall()
    assert found == [(0, batch.reason)] * 5


def test_a_table_that_was_dropped_by_hand_is_no_hindrance(served: World, database: TestDatabase) -> None:
    connection = served.connection
    connection.execute(MANY, [5])
    connection.execute("DROP TABLE flight_delay")
    assert sum(batch.later for batch in work_once(database)) == 5
    assert scalar(connection, "SELECT DISTINCT last_error FROM fsdb.scoring_queue") == "table flight_delay was dropped"


def test_rows_are_taken_by_an_index(served: World) -> None:
    connection = served.connection
    connection.execute(MANY, [20000])
    connection.execute("ANALYZE fsdb.scoring_queue")
    plan = "\n".join(
        row[0]
        for row in connection.execute(
            "EXPLAIN SELECT q.prediction_id, q.release FROM fsdb.scoring_queue AS q"
            " WHERE q.deployment_id = 1 AND q.not_before <= statement_timestamp()"
            " ORDER BY q.not_before LIMIT 1000 FOR UPDATE SKIP LOCKED"
        ).fetchall()
    )
    assert "Index Scan using scoring_queue_due" in plan
    assert "Sort" not in plan


def test_a_second_worker_takes_other_rows(served: World, database: TestDatabase) -> None:
    connection = served.connection
    connection.execute(MANY, [10])
    with database.connect() as other, other.transaction():
        other.execute("SELECT FROM fsdb.scoring_queue WHERE prediction_id <= 4 FOR UPDATE")
        assert sum(batch.predicted for batch in work_once(database)) == 6
    assert sum(batch.predicted for batch in work_once(database)) == 4


def test_a_table_that_is_being_changed_holds_up_its_own_rows_alone(served: World, database: TestDatabase) -> None:
    from fsdb.deployments import deploy

    connection = served.connection
    deploy(connection, "flight_delay", "other", runtime="worker")
    connection.execute(MANY, [5])
    connection.execute("INSERT INTO other (origin) VALUES ('JFK')")
    with database.connect() as changing:
        changing.execute("BEGIN")
        changing.execute("LOCK TABLE flight_delay IN SHARE ROW EXCLUSIVE MODE")
        told: list[Any] = []

        def done(batch: Any) -> None:
            told.append(batch.deployment)
            if batch.deployment == "other":
                changing.execute("COMMIT")

        from fsdb.worker import Worker

        Worker(database.url, told=done).run(once=True)
    assert told[0] == "other"
    assert waiting(connection) == 0


def test_the_queue_is_the_same_at_other_isolation_levels(served: World, database: TestDatabase) -> None:
    connection = served.connection
    name = psycopg.sql.Identifier(database.name)
    connection.execute(
        psycopg.sql.SQL("ALTER DATABASE {} SET default_transaction_isolation = 'serializable'").format(name)
    )
    connection.execute(MANY, [5])
    assert sum(batch.predicted for batch in work_once(database)) == 5
