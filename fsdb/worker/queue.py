"""The queue of rows that wait for their prediction: what is due, taken, done, tried again, or dead."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from psycopg import Connection

from fsdb.catalog.deployments import RegisteredDeployment, get_deployment
from fsdb.sql import query

FILE = "worker/queue"
MOST_ATTEMPTS = 5
ASKED = 20  # times for a lock that inserts have for a moment
BACK_OFF = 4.0  # seconds to the power of the attempts that failed: 1, 4, 16, 64


def listen(connection: Connection[Any]) -> None:
    """Makes inserts into tables that workers score wake this connection while it is `waiting`."""
    connection.execute(query(FILE, "listen"))


@contextmanager
def waiting(connection: Connection[Any]) -> Iterator[None]:
    """A block in which inserts wake this connection; outside of it they do not, which lets them commit side by side.

    A transaction that inserted before the block and commits in it wakes nobody. Neither does any where a session that is no worker's holds
    the lock which tells that one waits: the queue is looked at now and then in any case.
    """
    is_told = any(connection.execute(query(FILE, "wait")).fetchone() == (True,) for _ in range(ASKED))
    try:
        yield
    finally:
        if is_told and not connection.closed:
            connection.execute(query(FILE, "awake"))


def due(connection: Connection[Any], deployment: str | None) -> list[str]:
    """The deployments that have rows to score now, all or the named one."""
    return [row[0] for row in connection.execute(query(FILE, "due"), {"deployment": deployment}).fetchall()]


def take(connection: Connection[Any], deployed: RegisteredDeployment, most: int) -> dict[int, list[int]]:
    """Locks up to `most` rows until the transaction ends; prediction_ids by the release that they were inserted under."""
    values = {"deployment_id": deployed.deployment_id, "most": most}
    taken: dict[int, list[int]] = {}
    for prediction_id, release in connection.execute(query(FILE, "take"), values).fetchall():
        taken.setdefault(release, []).append(prediction_id)
    return taken


def done(connection: Connection[Any], deployed: RegisteredDeployment, predictions: Sequence[int]) -> None:
    """Takes rows out of the queue."""
    connection.execute(query(FILE, "done"), _rows(deployed, predictions))


def again(connection: Connection[Any], deployed: RegisteredDeployment, predictions: Sequence[int], reason: str) -> None:
    """Counts a failed attempt of rows, and lets them wait; those that have none left stay as they are."""
    values = {"reason": reason, "factor": BACK_OFF, "most": MOST_ATTEMPTS}
    connection.execute(query(FILE, "again"), {**_rows(deployed, predictions), **values})


def later(
    connection: Connection[Any],
    deployed: RegisteredDeployment,
    predictions: Sequence[int],
    reason: str,
    seconds: float,
) -> None:
    """Lets rows wait that this worker cannot score, without counting an attempt."""
    connection.execute(query(FILE, "later"), {**_rows(deployed, predictions), "reason": reason, "seconds": seconds})


def worn_out(connection: Connection[Any], deployed: RegisteredDeployment, predictions: Sequence[int]) -> list[int]:
    """Which of the rows fail for the last time if they fail now."""
    values = {**_rows(deployed, predictions), "most": MOST_ATTEMPTS}
    return [row[0] for row in connection.execute(query(FILE, "worn_out"), values).fetchall()]


def bury(connection: Connection[Any], deployed: RegisteredDeployment, predictions: Sequence[int], reason: str) -> None:
    """Makes dead letters of rows."""
    connection.execute(query(FILE, "bury"), {**_rows(deployed, predictions), "reason": reason})


def retry_dead(connection: Connection[Any], name: str) -> int:
    """Puts the dead letters of a deployment back into the queue, with all attempts before them; how many. Raises UnknownName."""
    with connection.transaction():
        values = {"deployment_id": get_deployment(connection, name).deployment_id}
        count = connection.execute(query(FILE, "revive"), values).rowcount
        connection.execute(query(FILE, "wake"), values)
    return count


def _rows(deployed: RegisteredDeployment, predictions: Sequence[int]) -> dict[str, Any]:
    return {"deployment_id": deployed.deployment_id, "predictions": list(predictions)}
