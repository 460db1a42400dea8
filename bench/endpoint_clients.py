"""What asks for predictions in `python -m bench endpoint`: over HTTP, or by an INSERT into the model table."""

import http.client
import json
import multiprocessing
import random
import time
from multiprocessing.synchronize import Barrier
from typing import Any, Protocol

import psycopg

INSERT = "INSERT INTO delay (tailnum, origin, distance, hour) VALUES (%s, %s, %s, %s) RETURNING prediction, probability"
WARM_SECONDS = 1.0
Asked = tuple[str, str, float, int]


class Client(Protocol):
    """Asks for one prediction at a time over a connection that stays open."""

    def ask(self, asked: Asked) -> tuple[bool, float]:
        """Prediction and probability."""


class HttpClient:
    """Asks the service."""

    def __init__(self, port: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", int(port))

    def ask(self, asked: Asked) -> tuple[bool, float]:
        """A POST and its answer."""
        body = json.dumps(dict(zip(("tailnum", "origin", "distance", "hour"), asked, strict=True)))
        self._connection.request("POST", "/predict", body, {"Content-Type": "application/json"})
        response = self._connection.getresponse()
        answer = json.loads(response.read())
        if response.status != 200:
            raise AssertionError(f"the service answers {response.status}: {answer}")
        return answer["prediction"], answer["probability"]


class TableClient:
    """Inserts into the model table."""

    def __init__(self, url: str) -> None:
        self._cursor = psycopg.connect(url, autocommit=True).cursor()
        self._cursor.execute("SET synchronous_commit = off")

    def ask(self, asked: Asked) -> tuple[bool, float]:
        """An INSERT, which is a transaction of its own, and what it returns."""
        found = self._cursor.execute(INSERT, asked, prepare=True).fetchone()
        assert found is not None
        return found[0], found[1]


CLIENTS: dict[str, type[HttpClient] | type[TableClient]] = {"service": HttpClient, "fsdb": TableClient}


def some_request(chance: random.Random, entities: int) -> Asked:
    """A request for random entities."""
    return f"k{chance.randint(1, entities)}", f"k{chance.randint(1, entities)}", chance.random(), chance.randint(0, 23)


def throughput(way: str, where: str, entities: int, clients: int, seconds: float) -> float:
    """Predictions a second that so many processes get together."""
    context = multiprocessing.get_context("spawn")
    barrier, counts = context.Barrier(clients), context.Queue()
    given = (way, where, entities, seconds, barrier, counts)
    processes = [context.Process(target=_ask_on, args=(number, *given)) for number in range(clients)]
    for process in processes:
        process.start()
    total = sum(counts.get(timeout=seconds + 120) for _ in processes)
    for process in processes:
        process.join()
    return float(total)


def _ask_on(number: int, way: str, where: str, entities: int, seconds: float, barrier: Barrier, counts: Any) -> None:
    client, chance = CLIENTS[way](where), random.Random(number)
    _ask_for(client, chance, entities, WARM_SECONDS)
    barrier.wait()
    counts.put(_ask_for(client, chance, entities, seconds))


def _ask_for(client: Client, chance: random.Random, entities: int, seconds: float) -> float:
    """Asks for so long; gives predictions a second."""
    begin, count = time.perf_counter(), 0
    while time.perf_counter() < begin + seconds:
        client.ask(some_request(chance, entities))
        count += 1
    return count / (time.perf_counter() - begin)
