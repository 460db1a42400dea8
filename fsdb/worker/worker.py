"""The worker: waits for rows of deployments with the runtime worker, and fills their predictions in."""

import logging
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from typing import Any, TypeVar

import psycopg
from psycopg import Connection

from fsdb import db, rights
from fsdb.deployments.runtimes.worker import check_installed
from fsdb.errors import ConnectionFailed
from fsdb.session import NOT_PREPARED, Session
from fsdb.worker import queue
from fsdb.worker.batch import Batch, is_transient, work
from fsdb.worker.models import Models

logger = logging.getLogger(__name__)

Told = TypeVar("Told")

BATCH = 1000
# Where no notice comes: after rows of a transaction that inserted before the wait began and is about to commit, rows that are
# tried again, and poolers that pass none on.
POLLS_SECONDS = (0.02, 0.2, 1.0)
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
SHORT_SECONDS = 0.5  # a batch that took less may be followed by a larger one
LONG_SECONDS = 2.0  # one that took longer, by a smaller one: replacing and undeploying wait for it


class Worker:
    """Scores the rows in the queue of a database. Several may work at once, on one machine or many."""

    def __init__(
        self,
        url: str,
        deployment: str | None = None,
        batch: int = BATCH,
        threads: int = 1,
        told: Callable[[Batch], None] = lambda _: None,
        noted: Callable[[str], None] = lambda _: None,
    ) -> None:
        """deployment: only that one's rows. batch: how many rows at most in one transaction. threads: of one batch.

        told: called after each batch; noted: with what else is worth a line. Raises EngineUnavailable without onnxruntime.
        """
        check_installed()
        self._url = url
        self._deployment = deployment
        self._batch = batch
        self._models = Models(threads)
        self._told = _logging(told, logger.info)
        self._noted = _logging(noted, logger.warning)
        self._sizes: dict[str, int] = {}
        self._shared = False
        self._stopping = False

    def stop(self) -> None:
        """Lets the batch that is under way be the last one. May be called from a signal handler or another thread."""
        self._stopping = True

    def run(self, once: bool = False) -> None:
        """Works until it is stopped; `once`: until no row is due that another worker does not have.

        A server that goes away is waited for, ever longer up to half a minute; with `once` it is ConnectionFailed, as it is
        when the first connection fails. Raises ChangeRefused where the database user may not fill predictions in, RightMissing
        without another right.
        """
        pause = FIRST_PAUSE_SECONDS
        connected = False
        while not self._stopping:
            try:
                with self._connected() as connection:
                    if not self._is_shared(connection):
                        queue.listen(connection)
                    connected, pause = True, FIRST_PAUSE_SECONDS
                    self._work(connection, once)
                    return
            except psycopg.Error as error:
                if isinstance(error, psycopg.errors.InsufficientPrivilege):
                    raise rights.explained(self._url, error) from error
                if not is_transient(error):
                    raise
                self._shared = self._shared or isinstance(error, NOT_PREPARED)
                sentence = f"The server went away: {str(error).strip().partition(chr(10))[0]}."
                if once or not connected:
                    raise ConnectionFailed(f"{sentence} Rows stay in its queue: run the worker again.") from error
                self._sizes.clear()
                self._noted(f"{sentence} Trying again in {pause:g} s.")
                self._sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    def _connected(self) -> Session:
        connection = db.connect(self._url, "fsdb worker", autocommit=True)
        # What is read once the table is locked must be what is there then, whatever the database's default.
        connection.isolation_level = psycopg.IsolationLevel.READ_COMMITTED
        if self._shared:
            connection.share()
        return connection

    def _is_shared(self, connection: Session) -> bool:
        """Whether a pooler gives the connection's session to others, too: it cannot listen there, and locks would stay."""
        connection.recognize()
        if connection.shared and not self._shared:
            self._shared = True
            self._noted("The connection goes through a pooler: rows are looked for each second, nothing tells of them.")
        return connection.shared

    def _work(self, connection: Session, once: bool) -> None:
        while not self._stopping:
            rows, passed_over = self._round(connection)
            if once and not rows and not passed_over:
                return
            if rows:
                _notified(connection, 0)  # notices must not pile up
                continue
            with nullcontext() if self._is_shared(connection) else queue.waiting(connection):
                for seconds in POLLS_SECONDS:
                    if self._stopping or self._round(connection)[0] or _notified(connection, seconds):
                        break

    def _round(self, connection: Session) -> tuple[int, bool]:
        """A batch of each deployment that has rows: how many were done, and whether one was passed over."""
        rows, passed_over = 0, False
        for name in queue.due(connection, self._deployment):
            if self._stopping:
                break
            size = min(self._sizes.get(name, 1), self._batch)
            try:
                batch = work(connection, name, size, self._models)
            except psycopg.Error as error:
                if connection.closed or not is_transient(error):
                    raise
                if isinstance(error, NOT_PREPARED):
                    connection.share()
                # A table that is being changed, a deadlock, a server short of something: the others go on.
                passed_over = True
                if not isinstance(error, psycopg.errors.LockNotAvailable):
                    self._noted(f"{name}: {str(error).strip().partition(chr(10))[0]}. Trying again.")
                continue
            if batch.rows:
                rows += batch.rows
                self._told(batch)
            if batch.seconds < SHORT_SECONDS:
                self._sizes[name] = size * 4
            elif batch.seconds > LONG_SECONDS:
                self._sizes[name] = max(1, size // 4)
        return rows, passed_over

    def _sleep(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while not self._stopping and time.monotonic() < until:
            time.sleep(min(0.1, seconds))


def _logging(told: Callable[[Told], None], log: Callable[[str, object], None]) -> Callable[[Told], None]:
    """Also writes into the log what is told; of a batch its numbers, not the reason, which quotes what the database said."""

    def both(what: Told) -> None:
        log("%s", replace(what, reason=None) if isinstance(what, Batch) else what)
        told(what)

    return both


def _notified(connection: Connection[Any], seconds: float) -> bool:
    """Whether a notice of rows has come or comes within so many seconds."""
    return any(True for _ in connection.notifies(timeout=seconds, stop_after=1))
