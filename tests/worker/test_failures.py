"""What fails while a worker computes: its model for one row, its time, its server."""

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
import pytest

from fsdb.errors import ConnectionFailed
from fsdb.worker import Worker, batch
from fsdb.worker.queue import MOST_ATTEMPTS
from tests.conftest import TestDatabase
from tests.deployments.world import World, gradient_boosted
from tests.worker.served import MANY, check_native, deployed, rows, scalar, until_gone, waiting, work_once

SCORED = batch.scored


def test_a_row_that_breaks_the_model_does_not_hold_back_others(
    world: World, database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaking(scorer: Any, columns: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
        if 4.9 in columns["distance"]:
            raise RuntimeError("out of memory\nand more")
        return SCORED(scorer, columns)

    connection, estimator = world.connection, gradient_boosted()
    program = deployed(connection, estimator)
    connection.execute(MANY, [40])
    monkeypatch.setattr(batch, "scored", breaking)
    batches = work_once(database)
    assert (sum(one.predicted for one in batches), sum(one.failed for one in batches)) == (39, 1)
    left = connection.execute("SELECT prediction_id, attempts, last_error FROM fsdb.scoring_queue").fetchall()
    assert left == [(7, 1, "out of memory")]
    found = rows(connection)
    assert found[7]["prediction"] is None
    check_native(world, estimator, program, {number: row for number, row in found.items() if number != 7})


def test_the_table_tells_less_than_the_dead_letter(
    world: World, database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a model's own failure says may hold a feature that was looked up: fsdb's role reads it, readers of the table do not."""

    def breaking(scorer: Any, columns: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
        raise RuntimeError("no such wind as 4711")

    connection = world.connection
    deployed(connection, gradient_boosted())
    connection.execute(MANY, [1])
    monkeypatch.setattr(batch, "scored", breaking)
    connection.execute("UPDATE fsdb.scoring_queue SET attempts = %s", [MOST_ATTEMPTS - 1])
    assert [one.dead for one in work_once(database)] == [1]
    assert connection.execute("SELECT error FROM fsdb.scoring_dead_letters").fetchall() == [("no such wind as 4711",)]
    told = rows(connection)[1]["error"]
    assert told is not None
    assert "4711" not in told


def test_a_worker_that_hangs_loses_its_rows_to_others(
    world: World, database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(scorer: Any, columns: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
        monkeypatch.setattr(batch, "scored", SCORED)
        until_gone(connection)
        return SCORED(scorer, columns)

    connection = world.connection
    deployed(connection, gradient_boosted())
    connection.execute(MANY, [5])
    monkeypatch.setattr(batch, "IDLE_SECONDS", 1)
    monkeypatch.setattr(batch, "scored", slow)
    with pytest.raises(ConnectionFailed, match="Rows stay in its queue"):
        Worker(database.url).run(once=True)
    assert scalar(connection, "SELECT count(prediction) FROM flight_delay") == 0
    assert connection.execute("SELECT DISTINCT attempts FROM fsdb.scoring_queue").fetchall() == [(0,)]
    monkeypatch.undo()
    work_once(database)
    assert waiting(connection) == 0


def test_a_server_that_is_short_of_something_is_tried_again(world: World, database: TestDatabase) -> None:
    """Through no fault of the row: no attempt is counted."""
    connection = world.connection
    deployed(connection, gradient_boosted())
    connection.execute(
        "CREATE SEQUENCE tries;"
        "CREATE FUNCTION short() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " IF nextval('tries') < 3 THEN RAISE 'no space left' USING ERRCODE = 'disk_full'; END IF; RETURN NEW; END $$;"
        "CREATE TRIGGER short BEFORE UPDATE ON flight_delay FOR EACH ROW EXECUTE FUNCTION short()"
    )
    connection.execute(MANY, [1])
    notes: list[str] = []
    assert [one.predicted for one in work_once(database, noted=notes.append)] == [1]
    assert notes == ["flight_delay: no space left. Trying again."] * 2


@pytest.mark.parametrize(
    ("error", "transient"),
    [
        (psycopg.OperationalError("connection lost"), True),
        (psycopg.InterfaceError("the connection is closed"), True),
        (psycopg.errors.AdminShutdown(), True),
        (psycopg.errors.DeadlockDetected(), True),
        (psycopg.errors.IdleInTransactionSessionTimeout(), True),
        (psycopg.errors.LockNotAvailable(), True),
        (psycopg.DataError("text fields cannot contain NUL"), False),
        (psycopg.errors.CheckViolation(), False),
        (psycopg.errors.QueryCanceled(), False),
        (psycopg.errors.ProgramLimitExceeded(), False),
    ],
)
def test_which_errors_are_no_fault_of_a_row(error: psycopg.Error, transient: bool) -> None:
    assert batch.is_transient(error) is transient
