"""Which versions a copy holds, said in terms of the versions themselves: so it stays true after compaction, retention, dump and restore."""

from dataclasses import dataclass

from psycopg.sql import SQL, Composed, Identifier, Literal

from fsdb.asof import Snapshot
from fsdb.sql import query

FILE = "columnar/watermark"


@dataclass(frozen=True)
class Watermark:
    """What a sync saw of its set's history: versions up to `restored`, and those up to `high` whose xid is visible in `snapshot`.

    Exactly these are in the copy. floor: no version up to it is missing from the copy that could still be committed,
    because no transaction that had drawn one of them was open when the snapshot was taken.
    """

    snapshot: str
    high: int
    restored: int
    floor: int

    def tail(self, alias: str) -> Composed:
        """The condition that a version of history, under this alias, is not in the copy: a range of version_id, then a filter."""
        return query(
            FILE,
            "tail",
            version=Identifier(alias),
            floor=Literal(self.floor),
            restored=Literal(self.restored),
            high=Literal(self.high),
            snapshot=Literal(self.snapshot),
        )

    def within(self, snapshot: Snapshot, feature_set: str) -> bool:
        """Whether a reader with this snapshot sees every version of the copy, so that its rows need no filter."""
        restored = snapshot.restored.get(feature_set, 0)
        if self.high <= restored:
            return True
        if self.restored != restored or self.high > snapshot.high.get(feature_set, 0):
            return False
        _, ours_xmax, ours_open = parsed(self.snapshot)
        _, theirs_xmax, theirs_open = parsed(snapshot.text)
        return ours_xmax <= theirs_xmax and {xid for xid in theirs_open if xid < ours_xmax} <= ours_open


def parsed(snapshot: str) -> tuple[int, int, frozenset[int]]:
    """A pg_snapshot's xmin, xmax and the xids in progress: visible is what is below xmax and not among these."""
    xmin, xmax, listed = snapshot.split(":")
    return int(xmin), int(xmax), frozenset(int(xid) for xid in listed.split(",") if xid)


NOTHING = SQL("true")  # the tail of a set that was never synced is all of its history
