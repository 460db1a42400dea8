"""Brings a set's live table and its history together again: history from what is live, or the live table from history."""

import logging
from typing import Any, Literal

from psycopg import Connection, errors
from psycopg.sql import SQL, Composable, Identifier

from fsdb import locks
from fsdb.access import audit, foreign_code
from fsdb.catalog import sequences
from fsdb.catalog.feature_sets import RegisteredSet
from fsdb.config import HISTORY_SCHEMA
from fsdb.errors import ChangeRefused
from fsdb.history import bounds
from fsdb.history.columns import Columns
from fsdb.history.compiler import KEEPS_TIME
from fsdb.history.differences import FILE, Differences, count, filling, kept, parts_of
from fsdb.history.locking import track_locks
from fsdb.history.names import internal
from fsdb.history.refusals import may_write, refusals
from fsdb.history.status import live_status, live_triggers
from fsdb.history.versions import version_row
from fsdb.search_path import of_user
from fsdb.sql import query

logger = logging.getLogger(__name__)

Source = Literal["live", "history"]


def repair(
    connection: Connection[Any], registered: RegisteredSet, source: Source, *, by_clock: bool = False
) -> Differences:
    """Brings both together, and returns how they differed.

    source="live": rows that differ get a version at their own event_time where that is later than their newest version, else at
    the moment of the repair; rows that are gone get a tombstone at that moment. The past stays as it was known. source="history":
    live rows become what their newest versions say, without new versions; other triggers of the table fire. Writers wait meanwhile.
    Where the sequence that numbers versions is behind them it is set past them. by_clock: with source="live", every version is of the
    moment of the repair.

    Raises ChangeRefused where the table has become one that history cannot follow, or its own triggers keep it from being so.
    """
    sequences.advance(connection, [(HISTORY_SCHEMA, registered.history_table)])
    problems = live_status(connection, registered).problems
    if problems:
        raise ChangeRefused(
            f"Feature set {registered.name} cannot be repaired while history cannot follow its table. {' '.join(map(str, problems))}"
        )
    with refusals(registered.name), connection.transaction():
        locks.take(connection, track_locks(registered.live_schema, registered.live_table))
        foreign_code.refuse(connection, registered.live_schema, registered.live_table, f"A repair of {registered.name}")
        with kept(connection, registered) as differing:
            if differing:
                if source == "live":
                    _history_from_live(connection, registered, by_clock)
                else:
                    _live_from_history(connection, registered)
        left = count(connection, registered)
        if left:
            raise ChangeRefused(
                f"{left} The repair was rolled back: the table's own triggers change what fsdb writes. Repair it from live, or disable those triggers."
            )
        if differing:
            counts = {
                "changed": differing.changed,
                "only_live": differing.only_live,
                "only_history": differing.only_history,
            }
            audit.record(connection, "repair", registered.name, {"source": source, **counts})
            logger.info("Repaired %s from %s: %s rows differed.", registered.name, source, differing.total)
    return differing


def _history_from_live(connection: Connection[Any], registered: RegisteredSet, by_clock: bool) -> None:
    columns = Columns(registered)
    now = query(FILE, "now")
    parts = parts_of(registered) | {"write": internal(registered.history_table, "write"), "now": now}
    keys = [Identifier("r", key) for key in columns.key_names]
    at: Composable = now
    if columns.time is not None:
        live_time = SQL("(r.{}).{}").format(Identifier("l:row"), Identifier(columns.time))
        parts |= {"time": Identifier(columns.time), "l_time": columns.at("l"), "live_time": live_time}
        if not by_clock:
            at = query(FILE, "when_live", **parts, **bounds.parts(registered.ahead))
    values = {
        feature.history_column: SQL("(r.{}).{}").format(Identifier("l:row"), Identifier(feature.name))
        for feature in registered.features
    }
    others = SQL("(r.{})").format(Identifier("h:row"))
    parts["version"] = version_row(registered, keys=keys, features=values, others=others, event_time=at)
    parts["tombstone"] = version_row(registered, keys=keys, features={}, event_time=now, deleted=True)
    with may_write(registered):
        if columns.time is not None and not registered.tracked:
            kept_by = [] if registered.event_time_rule is None else [KEEPS_TIME]
            switch(connection, registered, "DISABLE", kept_by)
            with of_user(connection):  # under which the table's other triggers were written
                connection.execute(query(FILE, "later", **parts))
            switch(connection, registered, "ENABLE", kept_by)
            connection.execute(query(FILE, "settled", **parts))
        connection.execute(query(FILE, "write_versions", **parts))


def _live_from_history(connection: Connection[Any], registered: RegisteredSet) -> None:
    parts = parts_of(registered) | filling(registered)
    triggers = live_triggers(connection, registered)
    try:
        switch(connection, registered, "DISABLE", triggers)
        for text in ("delete_live", "update_live", "insert_live"):
            with of_user(connection):
                connection.execute(query(FILE, text, **parts))
        switch(connection, registered, "ENABLE", triggers)
    except errors.IntegrityError as error:
        raise ChangeRefused(
            f"The live table of {registered.name} does not take what history has: {error.diag.message_primary}. "
            f"Repair the set from live, or make room for these rows first."
        ) from error


def switch(connection: Connection[Any], registered: RegisteredSet, switch: str, triggers: list[str]) -> None:
    """Switches triggers of the live table off ("DISABLE") or on again ("ENABLE"). For who owns the table and holds off its writers."""
    for trigger in triggers:
        names = {"table": registered.live, "switch": SQL(switch), "trigger": Identifier(trigger)}
        connection.execute(query(FILE, "switch", **names))
