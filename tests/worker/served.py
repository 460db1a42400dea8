"""A model deployed with the runtime worker, rows for it, workers in this process and in others, and what is to come out."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.rows import dict_row

from fsdb.catalog.models import program_text
from fsdb.deployments import deploy, register_model
from fsdb.models import Program, native_outputs, same_outputs
from fsdb.worker import Batch, Worker
from tests.conftest import TestDatabase
from tests.deployments.world import INPUTS, World, frame

INSERT = (
    "INSERT INTO flight_delay (origin, carrier, tailnum, distance, hour)"
    " VALUES (%(origin)s, %(carrier)s, %(tailnum)s, %(distance)s, %(hour)s) RETURNING *"
)
MANY = (
    "INSERT INTO flight_delay (origin, carrier, tailnum, distance, hour)"
    " SELECT (ARRAY['JFK', 'LGA', 'EWR', 'BOS'])[1 + n %% 4], '1', 11, n * 0.7, n %% 24 FROM generate_series(1, %s) AS n"
)
SECONDS = 60.0  # after which a test gives up


def deployed(connection: psycopg.Connection, estimator: Any, runtime: str = "worker") -> Program:
    """Registers the estimator as flight_delay and deploys it as the table of that name."""
    rows = frame(60, seed=5).astype(object).where(lambda data: data.notna(), None).to_dict("records")
    version = register_model(connection, "flight_delay", estimator, inputs=INPUTS, rows=rows)
    deploy(connection, "flight_delay", "flight_delay", runtime=runtime)
    return Program.from_json(program_text(connection, "flight_delay", version.version))


def rows(connection: psycopg.Connection) -> dict[int, dict[str, Any]]:
    """The table, by prediction_id."""
    with connection.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute("SELECT * FROM flight_delay ORDER BY prediction_id").fetchall()
    return {row["prediction_id"]: row for row in found}


def waiting(connection: psycopg.Connection) -> int:
    """How many rows are in the queue."""
    return scalar(connection, "SELECT count(*) FROM fsdb.scoring_queue")


def scalar(connection: psycopg.Connection, text: Any, values: Any = None) -> Any:
    """The one value of a query."""
    row = connection.execute(text, values).fetchone()
    assert row is not None
    return row[0]


def work_once(database: TestDatabase, **options: Any) -> list[Batch]:
    """A worker in this process until nothing is due."""
    told: list[Batch] = []
    Worker(database.url, told=told.append, **options).run(once=True)
    return told


def check_native(world: World, estimator: Any, program: Program, found: Mapping[int, Mapping[str, Any]]) -> None:
    """Each row has what the native predict gives for the features as they were when it was inserted."""
    given = {number: world.given(row, row["scored_at"]) for number, row in found.items()}
    natives = native_outputs(estimator, program, list(given.values()))
    for (number, row), native in zip(found.items(), natives, strict=True):
        assert "error" not in native
        assert row["error"] is None, (number, row)
        assert row["predicted_at"] >= row["scored_at"]
        recorded = {name: value for name, value in row.items() if name != "error"}
        assert same_outputs(native, recorded), (number, given[number], native, row)


def until(condition: Callable[[], bool], what: str, seconds: float = SECONDS) -> None:
    """Waits for a condition."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"{what} does not happen"
        time.sleep(0.02)


def backends(connection: psycopg.Connection) -> list[int]:
    """The server's processes that serve workers."""
    text = "SELECT pid FROM pg_stat_activity WHERE application_name = 'fsdb worker' AND datname = current_database()"
    return [row[0] for row in connection.execute(text).fetchall()]


def until_gone(connection: psycopg.Connection) -> None:
    """Waits until the server has noticed that workers are dead."""
    until(lambda: not backends(connection), "the end of the workers' sessions")


class Process:
    """`fsdb worker --json` as a process of its own."""

    def __init__(self, database: TestDatabase, *arguments: str) -> None:
        command = [sys.executable, "-m", "fsdb", "worker", "--json", "--url", database.url, *arguments]
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "NO_COLOR": "1"},
        )
        self.batches: list[dict[str, Any]] = []
        self.notes: list[str] = []
        self._readers = [
            threading.Thread(target=self._read_batches, daemon=True),
            threading.Thread(target=self._read_notes, daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    @property
    def predicted(self) -> int:
        """How many rows it says that it has done."""
        return sum(batch["predicted"] for batch in list(self.batches))

    def signal(self, number: signal.Signals) -> None:
        """Sends it a signal."""
        self.process.send_signal(number)

    def end(self) -> int:
        """Waits for its end; the exit status."""
        status = self.process.wait(SECONDS)
        for reader in self._readers:
            reader.join(SECONDS)
        return status

    def _read_batches(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.batches.append(json.loads(line))

    def _read_notes(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.notes.append(line)


@contextmanager
def process(database: TestDatabase, *arguments: str) -> Iterator[Process]:
    """A worker process that is gone afterwards."""
    running = Process(database, *arguments)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.process.kill()
        running.end()
        for stream in (running.process.stdout, running.process.stderr):
            assert stream is not None
            stream.close()
