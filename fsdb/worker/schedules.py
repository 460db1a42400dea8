"""The part of the worker that runs schedules at their times, on a connection of its own: a long run holds up no row that waits to be scored."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event
from typing import Any

import psycopg
from psycopg import Connection

from fsdb import db, jobs, rights
from fsdb.catalog.schedules import Run
from fsdb.errors import ConnectionFailed, FsdbError
from fsdb.session import NOT_PREPARED, Session
from fsdb.sql import query
from fsdb.worker.batch import is_transient

logger = logging.getLogger(__name__)

POLL_SECONDS = 5.0  # schedules are made, resumed and run by hand at any moment
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0


class Scheduler:
    """Runs what is due. Several may work at once, on one machine or many: a schedule that one runs the others pass over."""

    def __init__(
        self,
        url: str,
        warehouse: str | None = None,
        told: Callable[[Run], None] = lambda _: None,
        noted: Callable[[str], None] = lambda _: None,
    ) -> None:
        """told: called after each run; noted: with what else is worth a line."""
        self._url = url
        self._warehouse = warehouse
        self._told = told
        self._noted = noted
        self._stopping = Event()
        self._said: set[str] = set()
        self._shared = False

    def stop(self) -> None:
        """Lets the run that is under way be the last one. May be called from a signal handler or another thread."""
        self._stopping.set()

    def run(self, once: bool = False) -> None:
        """Runs schedules until it is stopped; `once`: until nothing is due that another session does not have.

        A server that goes away is waited for; with `once`, or when the first connection fails, it is ConnectionFailed. A user who may not run
        schedules is told so, and nothing is run.
        """
        pause, connected = FIRST_PAUSE_SECONDS, False
        while not self._stopping.is_set():
            try:
                with self._connected() as connection:
                    connected, pause = True, FIRST_PAUSE_SECONDS
                    self._work(connection, once)
                    return
            except (psycopg.Error, ConnectionFailed) as error:
                if isinstance(error, psycopg.errors.InsufficientPrivilege):
                    raise rights.explained(self._url, error) from error
                if isinstance(error, psycopg.Error) and not is_transient(error):
                    raise
                if isinstance(error, NOT_PREPARED):  # a pooler gives the session to others, too
                    self._shared = True
                    continue
                sentence = f"The server went away: {str(error).strip().partition(chr(10))[0].rstrip('.')}."
                if once or not connected:
                    raise ConnectionFailed(f"{sentence} What was not committed is not in the database.") from error
                self._noted(f"{sentence} Trying again in {pause:g} s.")
                self._stopping.wait(pause)
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    def _connected(self) -> Session:
        connection = db.connect(self._url, "fsdb worker", autocommit=True)
        # A run sees what others have committed, whatever the database's default.
        connection.isolation_level = psycopg.IsolationLevel.READ_COMMITTED
        if self._shared:
            connection.share()
        return connection

    def _work(self, connection: Session, once: bool) -> None:
        may, sees = connection.execute(query("jobs/schedules", "may_run")).fetchone() or (False, False)
        if not may:
            if sees and connection.execute(query("jobs/schedules", "any")).fetchone() == (True,):
                self._noted(
                    f"User {connection.info.user} may not run schedules: run fsdb worker as a member of fsdb's role."
                )
            return
        while not self._stopping.is_set():
            if not self._round(connection):
                if once:
                    return
                self._stopping.wait(POLL_SECONDS)

    def _round(self, connection: Session) -> int:
        """One slot of each schedule that has one to run; how many were run."""
        place = jobs.Place(lambda: _transaction(connection), self._url, self._warehouse)
        jobs.look_ahead(connection)
        count = 0
        for name in jobs.due_now(connection):
            if self._stopping.is_set():
                break
            try:
                done = jobs.run_due(place, name)
            except ConnectionFailed:
                raise
            except FsdbError as error:  # such as a zone that this machine does not know: the others go on
                if str(error) not in self._said:
                    self._said.add(str(error))
                    self._noted(f"{name}: {error}")
                continue
            if done is not None:
                count += 1
                self._told(done)
        return count


@contextmanager
def _transaction(connection: Session) -> Iterator[Connection[Any]]:
    with connection.transaction():
        yield connection
