"""Takes versions that are dated later than anything could be true out of a set, as a broken clock or an older fsdb left them."""

from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.sql import SQL, Composable, Identifier, Literal

from fsdb import history
from fsdb.access import erasures
from fsdb.catalog.feature_sets import RegisteredSet, get_set
from fsdb.catalog.training import get_saved
from fsdb.columnar import turns
from fsdb.config import HISTORY_SCHEMA, TRAINING_SCHEMA
from fsdb.erasure import keys as given
from fsdb.erasure import places
from fsdb.erasure.erase import analyze, has_copy, hold, require_read_committed
from fsdb.erasure.keys import FILE, K
from fsdb.erasure.result import ErasureResult
from fsdb.errors import ChangeRefused, InvalidData
from fsdb.history.columns import Columns
from fsdb.history.differences import seeing_all
from fsdb.history.erasing import erase_versions
from fsdb.sql import query
from fsdb.training.saved_asof import spine_columns
from fsdb.training.spine_table import names_in_table


def mend(
    connection: Connection[Any], feature_set: str, after: datetime, why: str = "", *, dry_run: bool = False
) -> ErasureResult:
    """Removes the versions of a set that are dated later than `after`, in the connection's transaction, and leaves the record.

    The live table becomes what the newest version that is left says; where it is an application's, it stays as it is, and what it
    holds is a version of now. Saved training sets and predictions that used such versions are named. dry_run: counts, and takes back.

    Raises InvalidData for a naive moment, ChangeRefused where versions from before `after` have left PostgreSQL.
    """
    if after.utcoffset() is None:
        raise InvalidData(f"dated_after={after} has no time zone: give a datetime that has one.")
    with connection.transaction(force_rollback=dry_run):
        require_read_committed(connection, feature_set)
        registered = get_set(connection, feature_set)
        turns.take(connection, registered.name)
        hold(connection, registered)
        registered = get_set(connection, feature_set)
        if registered.reach is not None and after < registered.reach:
            raise ChangeRefused(
                f"Versions of {feature_set} before {registered.reach} are in its columnar copy alone and stay there: give that time or a later one."
            )
        done = _mended(connection, registered, after, why.strip() or f"dated after {after.isoformat()}")
    return done if not dry_run else ErasureResult(**{**vars(done), "number": None, "pending": False})


def _mended(connection: Connection[Any], registered: RegisteredSet, after: datetime, why: str) -> ErasureResult:
    moment = SQL("{}::timestamptz").format(Literal(after))
    parts: dict[str, Composable] = {
        **K,
        "history": registered.history,
        "moment": moment,
        "h_keys": Columns(registered).keys("h"),
    }
    with seeing_all(connection, registered):
        versions = [number for (number,) in connection.execute(query(FILE, "dated_after", **parts)).fetchall()]
        if not versions:
            return ErasureResult(registered.name, "repair", None, 0, {"history": 0})
        connection.execute(query(FILE, "keep_dated_after", **parts))
        row = connection.execute(query(FILE, "count_keys", **K)).fetchone()
        assert row is not None
        using = {name: 0 for name in places.saved_sets(connection, registered) if _reads(connection, registered, name)}
        predictions = places.predictions_from(connection, registered, versions)
        removed = erase_versions(connection, registered, versions)
    source: history.Source = "live" if registered.tracked else "history"
    differing = history.repair(connection, registered, source, by_clock=True)
    files = has_copy(connection, registered)
    analyze(connection, [(registered.live_schema, registered.live_table), (HISTORY_SCHEMA, registered.history_table)])
    counts = {"history": removed, "live": differing.total}
    number = erasures.insert(
        connection,
        "repair",
        registered.name,
        row[0],
        why,
        counts,
        versions=versions,
        predictions=predictions,
        training_sets=using,
        files=registered.history_table if files else None,
    )
    connection.execute(query(FILE, "drop_keys", **K))
    by_deployment = {name: len(ids) for name, ids in predictions.items()}
    return ErasureResult(registered.name, "repair", number, row[0], counts, using, by_deployment, (), files)


def _reads(connection: Connection[Any], registered: RegisteredSet, name: str) -> bool:
    """Whether a row of a saved spine is of a moment at which a version that goes held, or a later one of them."""
    saved = get_saved(connection, name)
    timestamp = names_in_table(spine_columns(saved))[saved.timestamp_column]
    text = query(
        FILE,
        "spine_reads",
        **K,
        spine=Identifier(TRAINING_SCHEMA, name),
        s_is_k=given.same(registered, "s"),
        timestamp=Identifier(timestamp),
    )
    return connection.execute(text).fetchone() != (0,)
