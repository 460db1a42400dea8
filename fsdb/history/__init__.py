"""Live and history tables, and the triggers that keep invariants 1 to 4.

Every change of a live row is one version in its history table, written in the same transaction: by triggers that fire once
a statement, and by row triggers only for rows that a WHEN clause singles out (event_time unset or unnamed, late values,
changes of the key).

Where the caller gives no event_time it is the clock, read while the row's lock is held, past the key's newest version. Three
things that PostgreSQL does not show to triggers bound this:

- A MERGE with several UPDATE actions names the columns of all of them: an action that leaves event_time alone then counts
  as naming it with the value that it had, a correction.
- A row whose event_time was taken from the clock in the running statement (INSERT … ON CONFLICT DO UPDATE SET event_time =
  excluded.event_time) and was overtaken by another session is moved past that session's version. It is known by an
  event_time between statement_timestamp() and the clock. Where both sessions read the same microsecond it
  is taken for a correction: the later version_id wins.
- At REPEATABLE READ and SERIALIZABLE a transaction does not see versions committed after its snapshot. An UPDATE or
  DELETE of a row that changed since fails, as always; an INSERT with an event_time of its own fails with
  serialization_failure where it can tell that another session deleted the key; TRUNCATE is refused. What it cannot
  tell: a key that was not there in the snapshot, and was inserted and deleted by others since. A late row for it becomes live.
"""

from fsdb.history.backfill import backfill
from fsdb.history.deletion import delete_as_of
from fsdb.history.differences import Differences, differences
from fsdb.history.differences import count as count_differences
from fsdb.history.features import add_feature, drop_feature, restore_feature, widen_feature
from fsdb.history.following import follow
from fsdb.history.glance import Sound, keep, sound
from fsdb.history.live import plain
from fsdb.history.locking import all_locks, hold, hold_history, track_locks
from fsdb.history.repair import Source, repair
from fsdb.history.status import ObjectStatus, live_status, status
from fsdb.history.tables import STANDING, can_remake, create, drop, locks_to_refresh, refresh, remake
from fsdb.history.tracking import notes, tracked_definition

__all__ = [
    "STANDING",
    "Differences",
    "ObjectStatus",
    "Sound",
    "Source",
    "add_feature",
    "all_locks",
    "backfill",
    "can_remake",
    "count_differences",
    "create",
    "delete_as_of",
    "differences",
    "drop",
    "drop_feature",
    "follow",
    "hold",
    "hold_history",
    "keep",
    "live_status",
    "locks_to_refresh",
    "notes",
    "plain",
    "refresh",
    "remake",
    "repair",
    "restore_feature",
    "sound",
    "status",
    "track_locks",
    "tracked_definition",
    "widen_feature",
]
