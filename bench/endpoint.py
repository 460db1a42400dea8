"""One prediction for an application: an INSERT into the model table, against an HTTP service with Redis and onnxruntime.

Both get the same features and the same model (100 trees × depth 6), log each prediction in PostgreSQL, and commit without
waiting for the disk.
"""

import os
import random
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
from psycopg.sql import SQL, Identifier

from bench import endpoint_service as service
from bench.endpoint_clients import Client, HttpClient, TableClient, some_request, throughput
from bench.report import Case, at_least, at_most
from bench.serving_world import MODEL, SETS, TABLE, World, connected, features, make_world
from fsdb.deployments import deploy

ENTITIES = 1000
VERSIONS = 20  # of each
BENCH = "endpoint"
ROUNDS = 10
REQUESTS = 200  # of each way in a round
CLIENTS = 4
SECONDS = 4.0
TURNS = 3
WAIT_SECONDS = 60
_SAME = 1e-4  # the service's model computes in float32


def run(url: str) -> Iterator[Case]:
    """The cases p50 (ms of a request) and throughput_4 (requests a second of four client processes), each beside the service's."""
    program = shutil.which("redis-server")
    if program is None:
        sys.stderr.write(
            "The benchmark endpoint needs redis-server, which is not here: apt-get install redis-server.\n"
        )
        raise SystemExit(2)
    with connected(url) as connection, tempfile.TemporaryDirectory(prefix="fsdb-bench-") as folder:
        world = make_world(connection, entities=ENTITIES, versions=VERSIONS)
        deploy(connection, MODEL, TABLE)
        connection.execute(
            "CREATE TABLE prediction_log (prediction_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, tailnum text,"
            " origin text, distance float8, hour bigint, prediction boolean, probability float8, scored_at timestamptz)"
        )
        model = _model(world, folder)
        with _redis(program, folder, connection) as redis_port, _service(url, redis_port, model) as port:
            ways: dict[str, tuple[Client, str]] = {"fsdb": (TableClient(url), url), "service": (HttpClient(port), port)}
            _check_same(*(client for client, _ in ways.values()))
            latency = _latencies({way: client for way, (client, _) in ways.items()})
            yield at_most(BENCH, "p50", latency["fsdb"], unit="ms", baseline=latency["service"], target=0.2)
            speeds: dict[str, list[float]] = {way: [] for way in ways}
            for _ in range(TURNS):
                for way, (_, where) in ways.items():
                    speeds[way].append(throughput(way, where, ENTITIES, CLIENTS, SECONDS))
    value, baseline = (
        max(speeds[way]) for way in ("fsdb", "service")
    )  # by chance one process may get most connections
    yield at_least(BENCH, f"throughput_{CLIENTS}", value, unit="requests/s", baseline=baseline, target=5)


def _model(world: World, folder: str) -> Path:
    """The model as an ONNX file, as its users convert it."""
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType

    types = [("x", FloatTensorType([None, len(world.inputs)]))]
    converted: Any = to_onnx(world.estimator, initial_types=types, options={"zipmap": False})
    path = Path(folder) / "model.onnx"
    path.write_bytes(converted.SerializeToString())
    return path


@contextmanager
def _redis(program: str, folder: str, connection: psycopg.Connection[Any]) -> Iterator[str]:
    """A Redis of the benchmark's own with the features of every entity; its port."""
    import redis

    port = _free_port()
    arguments = ["--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", folder]
    with _running([program, *arguments], {}):
        client: Any = redis.Redis(port=int(port))
        _wait_for(client.ping, (redis.ConnectionError,), "redis-server")
        for name, key in SETS.items():
            columns = SQL(", ").join(Identifier(column) for column in (key, *features(name)))
            rows = connection.execute(SQL("SELECT {} FROM {}").format(columns, Identifier(name))).fetchall()
            client.mset({f"{name}:{entity}": np.array(values).tobytes() for entity, *values in rows})
        yield port


@contextmanager
def _service(url: str, redis_port: str, model: Path) -> Iterator[str]:
    """The service, a process for each core and at most two; its port."""
    port = _free_port()
    workers = str(min(2, os.cpu_count() or 1))
    arguments = ["-m", "bench.endpoint_service", port, workers]
    given = {service.REDIS_PORT: redis_port, service.DATABASE: url, service.MODEL: str(model)}
    with _running([sys.executable, *arguments], given):
        some = some_request(random.Random(0), ENTITIES)
        _wait_for(lambda: HttpClient(port).ask(some), (OSError,), "the service")
        yield port


@contextmanager
def _running(command: list[str], environment: dict[str, str]) -> Iterator[None]:
    process = subprocess.Popen(command, env={**os.environ, **environment}, stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def _wait_for(ask: Callable[[], object], errors: tuple[type[Exception], ...], what: str) -> None:
    until = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            ask()
        except errors as error:
            if time.monotonic() > until:
                raise AssertionError(f"{what} does not answer within {WAIT_SECONDS} s") from error
            time.sleep(0.1)
        else:
            return


def _free_port() -> str:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return str(found.getsockname()[1])


def _check_same(one: Client, other: Client) -> None:
    chance = random.Random(1)
    for _ in range(50):
        asked = some_request(chance, ENTITIES)
        (_, first), (_, second) = one.ask(asked), other.ask(asked)
        if abs(first - second) > _SAME:
            raise AssertionError(f"the two ways do not predict the same for {asked}: {first} and {second}")


def _latencies(clients: dict[str, Client]) -> dict[str, float]:
    """Median milliseconds of each way, asked in turns."""
    chance = random.Random(2)
    times: dict[str, list[float]] = {way: [] for way in clients}
    for turn in range(ROUNDS + 1):
        for way, client in clients.items():
            for _ in range(REQUESTS):
                asked = some_request(chance, ENTITIES)
                begin = time.perf_counter()
                client.ask(asked)
                if turn:  # the first is to warm up
                    times[way].append((time.perf_counter() - begin) * 1000)
    return {way: statistics.median(taken) for way, taken in times.items()}
