"""Taking versions out of PostgreSQL: chosen, read back from the copy, and removed with their record, in one transaction a set.

What may leave was superseded by the cutoff, the moment that lies the set's retention back: another version of its key, later
by (event_time, version_id), has an event_time not after it. So for every key the version that holds at the cutoff stays, and with it
its newest one, tombstone or not: reads as of the cutoff or later, the live table, and the triggers, which look at the newest
version alone, see no difference. The cutoff becomes the set's reach.
"""

import logging
import time
from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg import Connection
from psycopg.pq import TransactionStatus
from psycopg.sql import Composable, Composed, Identifier, Literal

from fsdb.access.rows import require_all
from fsdb.asof import snapshots
from fsdb.catalog.feature_sets import RegisteredSet, get_set, list_sets
from fsdb.columnar import Copy, read_copy, turns
from fsdb.columnar.folders import elsewhere
from fsdb.errors import ConnectionFailed, RetentionRefused
from fsdb.history.columns import Columns
from fsdb.history.names import internal
from fsdb.history.tables import owner
from fsdb.retention.result import RetentionResult, SetRetention
from fsdb.retention.verification import verify
from fsdb.sql import query

logger = logging.getLogger(__name__)

FILE = "retention/retention"
CANDIDATES = Identifier("_fsdb_leaving")
PATIENCE_SECONDS = 10.0  # for transactions and training sets that are under way
_INTERVAL_SECONDS = 0.05


def retain(connection: Connection[Any], feature_sets: Sequence[str] | None = None) -> RetentionResult:
    """Removes from the named sets (else from all that have a retention) what may leave, in a transaction for each set.

    What is not in the columnar copy stays, and so does what a prediction was made from. Nothing leaves before each version was
    read back from the copy's files and found the same. To be called outside a transaction.

    Raises RetentionRefused for a set without retention and where others are in the way for too long, CopyBroken where the copy does
    not hold what it should; sets before it are done then, the set itself is as it was.
    """
    if connection.info.transaction_status != TransactionStatus.IDLE or not connection.autocommit:
        raise RetentionRefused("Retention commits set by set: call it outside a transaction.")
    with connection.transaction():
        snapshots.adopt(connection)
    if feature_sets is None:
        chosen = limited(connection)
    else:
        chosen = [get_set(connection, name).name for name in dict.fromkeys(feature_sets)]
    result = RetentionResult(tuple(_retained(connection, name) for name in chosen))
    for one in result.sets:
        said = f" ({one.note})" if one.note else ""
        logger.info("Retention of %s: %s versions left PostgreSQL%s.", one.feature_set, one.removed, said)
    return result


def limited(connection: Connection[Any], feature_sets: Sequence[str] | None = None) -> list[str]:
    """Of the named sets, else of all, those that have a retention."""
    names = None if feature_sets is None else list(feature_sets)
    return [name for name, found in list_sets(connection, names).items() if found.retention is not None]


def _retained(connection: Connection[Any], name: str) -> SetRetention:
    try:
        with connection.transaction():
            connection.execute(query(FILE, "read_committed"))
            connection.execute(query(FILE, "patience"))
            # Neither sync nor compaction nor a second retention works on this copy meanwhile.
            turns.take(connection, name)
            return _removed(connection, get_set(connection, name))
    except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected) as error:
        raise RetentionRefused(
            f"Other sessions have been working on training sets, deployments or definitions that use {name} for {PATIENCE_SECONDS:.0f} s: no version was removed. Run fsdb retain {name} again when they are done."
        ) from error
    except psycopg.errors.InsufficientPrivilege as error:
        raise ConnectionFailed(
            f"This database user may not remove versions of {name}: {error.diag.message_primary}. Run fsdb retain as the owner of its history table."
        ) from error


def _removed(connection: Connection[Any], registered: RegisteredSet) -> SetRetention:
    name = registered.name
    if registered.retention is None:
        raise RetentionRefused(
            f"Feature set {name} has no retention: define it with retention=, such as FeatureSet(…, retention='90 days'), and apply that first."
        )
    require_all(connection, [name], f"Retention of {name}")
    copy = read_copy(connection, name)
    if copy is None:
        return SetRetention(name, 0, registered.reach, "never synced: run fsdb sync first")
    cutoff = _one(connection, query(FILE, "cutoff"), {"seconds": registered.retention.total_seconds()})
    parts: dict[str, Composable] = {
        "candidates": CANDIDATES,
        "history": registered.history,
        "h_keys": Columns(registered).keys("h"),
        "cutoff": Literal(cutoff),
        "tail": copy.watermark.tail("h"),
        "owner": Identifier(owner(connection, registered)),
    }
    for step in ("candidates", "index_candidates", "analyze_candidates", "show_candidates"):
        connection.execute(query(FILE, step, **parts))
    kept = _keep_referred(connection, name) if _count(connection) else 0
    note = f"{kept:,} stay for lineage of predictions" if kept else ""
    if not _count(connection):
        connection.execute(query(FILE, "drop_candidates", candidates=CANDIDATES))
        return SetRetention(name, 0, registered.reach, note)
    if elsewhere(connection, copy) is not None:
        connection.execute(query(FILE, "drop_candidates", candidates=CANDIDATES))
        note = f"files of the copy are in the folder of another database, which may clean them up: run fsdb sync --rebuild {name} first"
        return SetRetention(name, 0, registered.reach, note)
    verify(connection, registered, copy, CANDIDATES)
    removed, reach = _remove(connection, registered, copy, cutoff)
    return SetRetention(name, removed, reach, note)


def _keep_referred(connection: Connection[Any], name: str) -> int:
    """Takes those out of the candidates that predictions refer to, and returns their number.

    Scoring reads as of now, so it reads a candidate only in a transaction whose snapshot is older than the version which
    supersedes it, and that one is committed. Such transactions are open now: once they have ended, their predictions
    are seen here, and no later one refers to a candidate.
    """
    connection.execute(query(FILE, "impatience"), {"milliseconds": str(round(PATIENCE_SECONDS * 1000))})
    with connection.transaction(force_rollback=True):  # which lets go of the lock again
        connection.execute(query(FILE, "await_deployments"))
    tables = connection.execute(query(FILE, "predictions"), {"feature_set": name}).fetchall()
    if not tables:
        return 0
    _await_others(connection, name, sorted({deployment for deployment, *_ in tables}))
    before = _count(connection)
    for _, schema, table, column in tables:
        parts = {"predictions": Identifier(schema, table), "version_column": Identifier(column)}
        connection.execute(query(FILE, "keep_referred", candidates=CANDIDATES, **parts))
    return before - _count(connection)


def _await_others(connection: Connection[Any], name: str, deployments: Sequence[str]) -> None:
    waiting = _others(connection)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while waiting:
        if time.monotonic() > deadline:
            raise RetentionRefused(
                f"Deployment {', '.join(deployments)} reads {name}, and a transaction that may be scoring is still open: no version was removed. End it (pg_stat_activity shows it), then run fsdb retain {name} again."
            )
        time.sleep(_INTERVAL_SECONDS)
        waiting &= _others(connection)


def _others(connection: Connection[Any]) -> set[str]:
    return {transaction for (transaction,) in connection.execute(query(FILE, "others"))}


def _remove(connection: Connection[Any], registered: RegisteredSet, copy: Copy, cutoff: Any) -> tuple[int, Any]:
    connection.execute(query(FILE, "impatience"), {"milliseconds": str(round(PATIENCE_SECONDS * 1000))})
    text = query(
        FILE,
        "remove",
        function=internal(registered.history_table, "remove"),
        candidates=Literal(f"pg_temp.{CANDIDATES.as_string()}"),
    )
    removed = _one(connection, text, {"reach": cutoff, "copy_snapshot": copy.snapshot_id})
    return int(removed), _one(connection, query(FILE, "reach"), {"name": registered.name})


def _count(connection: Connection[Any]) -> int:
    return int(_one(connection, query(FILE, "count", candidates=CANDIDATES)))


def _one(connection: Connection[Any], text: Composed, values: dict[str, Any] | None = None) -> Any:
    row = connection.execute(text, values).fetchone()
    assert row is not None
    return row[0]
