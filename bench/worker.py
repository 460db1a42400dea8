"""Clients that each insert row after row into a table whose rows `fsdb worker` scores, while one does; against the same with a NOTIFY in each transaction."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from bench.report import Case
from bench.scoring_models import estimator
from bench.serving_world import TABLE, connected, make_world
from fsdb.deployments import deploy

CLIENTS = 8
ROUNDS = 3
SECONDS = 4  # of each way in a round
_SCORED = "INSERT INTO delay (tailnum, origin, distance, hour) VALUES ('k1', 'k2', 0.5, 7)"
_NOTIFYING = "INSERT INTO notifying (tailnum, origin, distance, hour) VALUES ('k1', 'k2', 0.5, 7)"
_NOTIFY = """
CREATE TABLE notifying (LIKE delay INCLUDING IDENTITY INCLUDING INDEXES);
ALTER TABLE notifying ALTER model_version DROP NOT NULL, ALTER scored_at DROP NOT NULL, ALTER model_release DROP NOT NULL;
CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_notify('told', '1'); RETURN NULL; END $$;
CREATE TRIGGER tell AFTER INSERT ON notifying FOR EACH STATEMENT EXECUTE FUNCTION tell();
"""


def run(url: str) -> Iterator[Case]:
    """The case inserts_8: transactions a second, medians of rounds taken in turns. Each waits for the disk, as applications' do."""
    with connected(url) as connection:
        make_world(connection, entities=100, versions=2, estimator=estimator("gbdt100x6"))
        deploy(connection, "delay", TABLE, runtime="worker")
        connection.execute(_NOTIFY)
        speeds: dict[str, list[float]] = {_SCORED: [], _NOTIFYING: []}
        with _worker(url):
            for _ in range(ROUNDS):
                for statement, found in speeds.items():
                    found.append(_inserts(url, statement))
        value, baseline = (sorted(found)[ROUNDS // 2] for found in speeds.values())
        yield Case("worker", f"inserts_{CLIENTS}", value, "1/s", baseline, value / baseline, "", True)


@contextmanager
def _worker(url: str) -> Iterator[None]:
    process = subprocess.Popen(
        [sys.executable, "-m", "fsdb", "worker", "--json", "--url", url], stdout=subprocess.DEVNULL
    )
    try:
        time.sleep(SECONDS)
        yield
    finally:
        process.terminate()
        process.wait()


def _inserts(url: str, statement: str) -> float:
    """Transactions a second of all clients."""
    counts = [0] * CLIENTS
    until = time.perf_counter() + SECONDS

    def client(number: int) -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            while time.perf_counter() < until:
                connection.execute(statement, prepare=True)
                counts[number] += 1

    threads = [threading.Thread(target=client, args=(number,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / SECONDS
