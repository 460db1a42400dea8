"""fsdb worker on the command line."""

import json
import signal

import pytest

from fsdb.cli import main
from fsdb.doctor import diagnose
from tests.conftest import TestDatabase
from tests.deployments.world import World, gradient_boosted, strict
from tests.worker.served import MANY, deployed, scalar, waiting


def test_prints_a_sum_and_what_is_wrong(
    world: World, database: TestDatabase, capsys: pytest.CaptureFixture[str]
) -> None:
    connection = world.connection
    deployed(connection, strict())
    connection.execute(
        "INSERT INTO flight_delay (origin, carrier, tailnum, distance, hour) VALUES ('JFK', '1', 11, 100, 3), ('x', '1', 11, 1, 3)"
    )
    handlers = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    assert main(["worker", "--once", "--url", database.url]) == 0
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == handlers
    printed = capsys.readouterr()
    assert printed.out.startswith("1 predictions in ")
    assert printed.out.endswith(" s, 1 refused by the model.\n")
    assert 'flight_delay: fsdb: input "temp" of the model is NULL' in printed.err.replace("\n", " ")


def test_prints_a_json_object_for_each_batch(
    world: World, database: TestDatabase, capsys: pytest.CaptureFixture[str]
) -> None:
    deployed(world.connection, gradient_boosted())
    world.connection.execute(MANY, [12])
    assert (
        main(["worker", "--once", "--json", "--batch", "5", "--deployment", "flight_delay", "--url", database.url]) == 0
    )
    batches = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [batch["predicted"] for batch in batches] == [1, 4, 5, 2]
    assert set(batches[0]) == {
        "deployment",
        "predicted",
        "refused",
        "failed",
        "dead",
        "gone",
        "later",
        "seconds",
        "reason",
    }


def test_dead_letters_are_put_back(world: World, database: TestDatabase, capsys: pytest.CaptureFixture[str]) -> None:
    connection = world.connection
    deployed(connection, gradient_boosted())
    connection.execute(MANY, [2])
    connection.execute("UPDATE fsdb.scoring_queue SET attempts = 4")
    connection.execute("ALTER TABLE flight_delay ADD CONSTRAINT obstacle CHECK (prediction IS NULL)")
    assert main(["worker", "--once", "--url", database.url]) == 0
    assert capsys.readouterr().out.endswith(" s, 2 dead letters.\n")
    assert main(["worker", "--retry-dead", "flight_delay", "--url", database.url]) == 0
    assert capsys.readouterr().out == "2 rows put back.\n"
    assert main(["worker", "--retry-dead", "flight_delay", "--json", "--url", database.url]) == 0
    assert json.loads(capsys.readouterr().out) == {"deployment": "flight_delay", "put_back": 0}
    assert (waiting(connection), scalar(connection, "SELECT max(attempts) FROM fsdb.scoring_queue")) == (2, 0)


@pytest.mark.parametrize("option", ["--deployment", "--retry-dead"])
def test_an_unknown_deployment_is_refused(
    world: World, database: TestDatabase, capsys: pytest.CaptureFixture[str], option: str
) -> None:
    deployed(world.connection, gradient_boosted())
    assert main(["worker", "--once", option, "flight_dely", "--url", database.url]) == 1
    assert "Did you mean flight_delay?" in capsys.readouterr().err.replace("\n", " ")


def test_a_batch_has_at_least_a_row(database: TestDatabase) -> None:
    assert main(["worker", "--once", "--batch", "0", "--url", database.url]) == 2


def test_doctor_tells_who_waits_in_vain(world: World) -> None:
    connection = world.connection

    def told() -> dict[str, tuple[str, str, str]]:
        return {check.name: (check.state, check.found, check.advice) for check in diagnose(connection).checks}

    name = "rows of flight_delay for a worker"
    assert name not in told()
    deployed(connection, gradient_boosted())
    assert told()[name] == ("good", "0 wait, 0 are dead", "")
    connection.execute(MANY, [2])
    assert told()[name][:2] == ("good", "2 wait, 0 are dead")
    connection.execute("UPDATE fsdb.scoring_queue SET enqueued_at = enqueued_at - interval '1 hour'")
    assert told()[name] == ("wrong", "2 wait, 0 are dead", "Run fsdb worker, or another one beside it.")
    connection.execute(
        "INSERT INTO fsdb.scoring_dead_letters (deployment_id, prediction_id, release, enqueued_at, attempts, error)"
        " SELECT deployment_id, prediction_id, release, enqueued_at, 5, 'x' FROM fsdb.scoring_queue LIMIT 1"
    )
    connection.execute("DELETE FROM fsdb.scoring_queue")
    state, found, advice = told()[name]
    assert (state, found) == ("wrong", "0 wait, 1 are dead")
    assert "fsdb worker --retry-dead flight_delay" in advice
