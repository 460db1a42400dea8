"""What a sync did, for people and machines."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fsdb.table import Table

Progress = Callable[[str, int, int], None]  # a set, versions written so far, about how many in all


@dataclass(frozen=True)
class SetSync:
    """One set: versions written into its copy, versions in it now, and how long it took."""

    feature_set: str
    versions: int
    rows: int
    seconds: float


@dataclass(frozen=True)
class SyncResult:
    """All sets of a sync, in order, and in sentences what else should be known of it."""

    sets: tuple[SetSync, ...]
    notices: tuple[str, ...] = ()

    @property
    def table(self) -> Table:
        """One row a set."""
        rows = [
            (s.feature_set, s.versions, s.rows, round(s.seconds, 3), round(s.versions / s.seconds) if s.seconds else 0)
            for s in self.sets
        ]
        return Table.of(("feature_set", "versions", "rows_in_copy", "seconds", "versions_per_s"), rows, title="Synced")

    def __rich__(self) -> Any:
        return self.table.__rich__()

    def __repr__(self) -> str:
        return "\n".join((repr(self.table), *self.notices))

    def _repr_html_(self) -> str:
        return self.table._repr_html_()
