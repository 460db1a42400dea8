"""The usual way to serve a model, which `python -m bench endpoint` measures: HTTP, features from Redis, onnxruntime, a log in PostgreSQL.

As FastAPI's documentation has it for clients that block: a plain function, which runs in a thread, and pools of connections. It is
kind to Redis: an entity's features are one value of packed numbers, and both entities' come in one round trip.
"""

import multiprocessing
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import redis
import uvicorn
from fastapi import FastAPI
from psycopg_pool import ConnectionPool
from pydantic import BaseModel

REDIS_PORT, DATABASE, MODEL = "BENCH_REDIS_PORT", "BENCH_DATABASE", "BENCH_MODEL"  # environment variables
LOG = (
    "INSERT INTO prediction_log (tailnum, origin, distance, hour, prediction, probability, scored_at)"
    " VALUES (%s, %s, %s, %s, %s, %s, clock_timestamp())"
)


class Request(BaseModel):
    """What a caller gives."""

    tailnum: str
    origin: str
    distance: float
    hour: int


class Answer(BaseModel):
    """What a caller gets."""

    prediction: bool
    probability: float


class Service:
    """The connections and the model of a worker process."""

    def __init__(self) -> None:
        self._redis: Any = redis.Redis(port=int(os.environ[REDIS_PORT]))
        settings = {"autocommit": True, "prepare_threshold": 0, "options": "-c synchronous_commit=off"}
        self._database = ConnectionPool(os.environ[DATABASE], min_size=2, max_size=4, kwargs=settings, open=True)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        model = Path(os.environ[MODEL]).read_bytes()
        self._session: Any = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def predict(self, request: Request) -> Answer:
        """Features, prediction, log."""
        plane, weather = self._redis.mget(f"plane:{request.tailnum}", f"weather:{request.origin}")
        given: list[Any] = [np.frombuffer(plane), np.frombuffer(weather), [request.distance, request.hour]]
        row = np.concatenate(given, dtype=np.float32)[None, :]
        labels, probabilities = self._session.run(None, {"x": row})
        answer = Answer(prediction=bool(labels[0]), probability=float(probabilities[0, 1]))
        asked = (request.tailnum, request.origin, request.distance, request.hour)
        with self._database.connection() as connection:
            connection.execute(LOG, (*asked, answer.prediction, answer.probability))
        return answer


def main(port: int, processes: int) -> None:
    """Serves until it is terminated.

    uvicorn's own worker processes listen on a socket that asyncio does not know for one of TCP, so that it leaves Nagle's
    algorithm on and each answer waits 40 ms for an acknowledgement: the socket is made here.
    """
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind(("127.0.0.1", port))
    listening.listen()
    children = [multiprocessing.get_context("fork").Process(target=_serve, args=(listening,)) for _ in range(processes)]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    try:
        for child in children:
            child.start()
        for child in children:
            child.join()
    finally:
        for child in children:
            child.terminate()
            child.join()


def _serve(listening: socket.socket) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    service = Service()
    app: Any = FastAPI()

    def predict(request: Request) -> Answer:
        return service.predict(request)

    app.add_api_route("/predict", predict, methods=["POST"], response_model=Answer)
    uvicorn.Server(uvicorn.Config(app, access_log=False, log_level="warning")).run(sockets=[listening])


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
