"""One batch: rows are taken from the queue, scored, filled in and done with in one transaction.

Whatever dies on the way, the transaction is there whole or not at all: a row is in the queue, or has its one prediction.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import Connection

from fsdb.catalog.deployments import RegisteredDeployment, Release, find_deployment
from fsdb.catalog.feature_sets import RegisteredSet, list_sets
from fsdb.deployments.recorded import RecordedRows, recorded_rows
from fsdb.deployments.refusals import told
from fsdb.deployments.runtimes.worker import scored
from fsdb.errors import ChangeRefused, FsdbError
from fsdb.models import Program
from fsdb.sql import query
from fsdb.worker import filling, queue
from fsdb.worker.models import Models

FILE = "worker/queue"
LOCK_MILLISECONDS = 1000  # a table that is being changed holds up its own rows alone
IDLE_SECONDS = 60  # how long scoring may take until the server gives the rows to another worker
LATER_SECONDS = 60.0  # until rows are looked at again that this worker cannot score
GONE = "fsdb: a version of features that the row recorded is gone from history, so it cannot be scored any more"


@dataclass
class Batch:
    """What became of rows of a deployment: predicted; refused by the model for good; failed and to be tried again; dead; gone
    from the table, or predicted before; later, where this worker cannot score them. `reason` is the last one why a row was not predicted."""

    deployment: str
    predicted: int = 0
    refused: int = 0
    failed: int = 0
    dead: int = 0
    gone: int = 0
    later: int = 0
    seconds: float = field(default=0.0, compare=False)
    reason: str | None = None

    @property
    def rows(self) -> int:
        """How many there were."""
        return self.predicted + self.refused + self.failed + self.dead + self.gone + self.later


def work(connection: Connection[Any], name: str, most: int, models: Models) -> Batch:
    """Does up to `most` rows of a deployment; fewer or none where other workers have them, or the deployment is gone.

    Raises ChangeRefused where the database user may not fill predictions in, and psycopg's errors where the server or the
    connection fails, or the table is being changed; nothing has happened then.
    """
    began = time.perf_counter()
    batch = Batch(name)
    with connection.transaction():
        settings = {"lock": f"{LOCK_MILLISECONDS}ms", "idle": f"{IDLE_SECONDS}s"}
        connection.execute(query(FILE, "settings"), settings)
        connection.execute(query(FILE, "immediate"))
        _work(connection, most, models, batch)
    batch.seconds = time.perf_counter() - began
    return batch


def is_transient(error: psycopg.Error) -> bool:
    """Whether the server or the connection failed, through no fault of a row: trying again may help."""
    state = error.sqlstate
    if state is None:
        return isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError))
    return state.startswith(("08", "40", "53", "57P")) or state in ("25P03", "55P03", "26000", "42P05")


def _work(connection: Connection[Any], most: int, models: Models, batch: Batch) -> None:
    deployed = find_deployment(connection, batch.deployment)
    if deployed is None:
        return
    if not _lock(connection, deployed):
        reason = f"table {deployed.name} was dropped"
        _put_off(connection, deployed, _all(queue.take(connection, deployed, most)), reason, batch)
        return
    deployed = find_deployment(connection, batch.deployment)  # as it is now that nobody can change it
    if deployed is None:
        return
    sets = list_sets(connection)
    for number, predictions in queue.take(connection, deployed, most).items():
        _release(connection, deployed, deployed.releases[number], sets, predictions, models, batch)


def _lock(connection: Connection[Any], deployed: RegisteredDeployment) -> bool:
    """Keeps the table from being changed until the transaction ends; False where it was dropped."""
    values = {"schema": deployed.schema_name, "table": deployed.table_name}
    row = connection.execute(query(FILE, "owned"), values).fetchone()
    if row is None:
        return False
    if not row[0]:
        raise ChangeRefused(
            f"User {connection.info.user} may not fill in the predictions of table {deployed.name}: run fsdb worker as a role that owns it."
        )
    try:
        with connection.transaction():
            connection.execute(query(FILE, "lock", table=deployed.table))
    except psycopg.errors.UndefinedTable:
        return False
    return True


def _release(
    connection: Connection[Any],
    deployed: RegisteredDeployment,
    release: Release,
    sets: Mapping[str, RegisteredSet],
    predictions: Sequence[int],
    models: Models,
    batch: Batch,
) -> None:
    """Does the rows of one release."""
    try:
        program, scorer = models.of(connection, deployed.model, release.version)
    except FsdbError as error:
        _put_off(connection, deployed, predictions, str(error), batch)
        return

    def done(part: Sequence[int]) -> None:
        with connection.transaction():
            rows, found = _outputs(connection, deployed, release, sets, part, lambda given: scored(scorer, given))
            outputs = [{**one, "error": told(one["error"], [release])} if "error" in one else one for one in found]
            _record(connection, deployed, program, part, rows, outputs, batch)

    _divided(connection, deployed, predictions, done, batch)


def _divided(
    connection: Connection[Any],
    deployed: RegisteredDeployment,
    predictions: Sequence[int],
    done: Callable[[Sequence[int]], None],
    batch: Batch,
) -> None:
    """Does rows together; where that fails, each half, and so on: a row that cannot be done does not hold back the others."""
    try:
        done(predictions)
    except psycopg.errors.InsufficientPrivilege as error:
        _put_off(connection, deployed, predictions, _sentence(error), batch)
    except Exception as error:  # whatever the model, its runtime or a trigger of the application raises
        if connection.closed or (isinstance(error, psycopg.Error) and is_transient(error)):
            raise
        if len(predictions) > 1:
            middle = len(predictions) // 2
            _divided(connection, deployed, predictions[:middle], done, batch)
            _divided(connection, deployed, predictions[middle:], done, batch)
        else:
            reason = shown = _sentence(error)
            if not isinstance(error, psycopg.Error) or isinstance(error, psycopg.DataError):
                shown = told(reason, deployed.releases.values())
            _fail(connection, deployed, predictions, reason, batch, shown)


def _outputs(
    connection: Connection[Any],
    deployed: RegisteredDeployment,
    release: Release,
    sets: Mapping[str, RegisteredSet],
    predictions: Sequence[int],
    score: Callable[[Mapping[str, Sequence[Any]]], list[dict[str, Any]]],
) -> tuple[list[int], list[dict[str, Any]]]:
    """Which of the rows are there without a prediction, and what the model gives for each."""
    try:
        with connection.transaction():
            rows: RecordedRows = recorded_rows(connection, deployed, release, sets, predictions, ("predicted_at",))
    except psycopg.DataError as error:
        if len(predictions) > 1:
            raise
        return list(predictions), [{"error": _sentence(error)}]
    outputs = score(rows.inputs) if rows.predictions else []
    found = zip(rows.predictions, rows.missing, rows.results["predicted_at"], outputs, strict=True)
    left = {
        number: {"error": GONE} if missing else output
        for number, missing, predicted_at, output in found
        if predicted_at is None
    }
    return list(left), list(left.values())


def _record(
    connection: Connection[Any],
    deployed: RegisteredDeployment,
    program: Program,
    taken: Sequence[int],
    rows: Sequence[int],
    outputs: Sequence[Mapping[str, Any]],
    batch: Batch,
) -> None:
    """Fills in, and takes out of the queue what was filled in or is not there any more."""
    filled = set(filling.fill(connection, deployed, program, rows, outputs))
    kept = [number for number in rows if number not in filled]
    queue.done(connection, deployed, [number for number in taken if number not in set(kept)])
    refused = [row["error"] for number, row in zip(rows, outputs, strict=True) if number in filled and "error" in row]
    if kept:
        _fail(connection, deployed, kept, "a trigger of the table kept the prediction from being filled in", batch)
    batch.refused += len(refused)
    batch.predicted += len(filled) - len(refused)
    batch.gone += len(taken) - len(rows)
    batch.reason = refused[-1] if refused else batch.reason


def _fail(
    connection: Connection[Any],
    deployed: RegisteredDeployment,
    predictions: Sequence[int],
    reason: str,
    batch: Batch,
    shown: str | None = None,
) -> None:
    """Counts an attempt; rows that have had all of them become dead letters, and tell the reason in their table.

    reason: for the queue and the dead letters, which are fsdb's own role's. shown: what may stand in the table, where that is less.
    """
    dead = queue.worn_out(connection, deployed, predictions)
    queue.again(connection, deployed, predictions, reason)
    if dead:
        try:
            with connection.transaction():
                filling.tell_reason(connection, deployed, dead, reason if shown is None else shown)
        except psycopg.Error as error:
            # What keeps the prediction from being filled in may keep the reason, too; the dead letter has it.
            if connection.closed or is_transient(error):
                raise
        queue.bury(connection, deployed, dead, reason)
    batch.failed += len(predictions) - len(dead)
    batch.dead += len(dead)
    batch.reason = reason


def _put_off(
    connection: Connection[Any], deployed: RegisteredDeployment, predictions: Sequence[int], reason: str, batch: Batch
) -> None:
    queue.later(connection, deployed, predictions, reason, LATER_SECONDS)
    batch.later += len(predictions)
    batch.reason = reason


def _all(taken: Mapping[int, Sequence[int]]) -> list[int]:
    return [number for numbers in taken.values() for number in numbers]


def _sentence(error: BaseException) -> str:
    """An error's first line, as the column `error` has it where a scoring function fails."""
    if isinstance(error, psycopg.Error) and error.diag.message_primary:
        return error.diag.message_primary
    return str(error).partition("\n")[0] or type(error).__name__
