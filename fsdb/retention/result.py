"""What a run of retention did, for people and machines."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fsdb.table import Table


@dataclass(frozen=True)
class SetRetention:
    """One set: versions that left, versions that could have but stay, and why; and its reach afterwards (None: all of time)."""

    feature_set: str
    removed: int
    reach: datetime | None
    note: str = ""


@dataclass(frozen=True)
class RetentionResult:
    """All sets of a run, in order."""

    sets: tuple[SetRetention, ...]

    @property
    def removed(self) -> int:
        """How many versions left PostgreSQL."""
        return sum(found.removed for found in self.sets)

    @property
    def table(self) -> Table:
        """One row a set."""
        rows = [(found.feature_set, found.removed, found.reach, found.note) for found in self.sets]
        return Table.of(("feature_set", "removed", "reach", "note"), rows, title="Retention")

    def __rich__(self) -> Any:
        return self.table.__rich__()

    def __repr__(self) -> str:
        return repr(self.table)

    def _repr_html_(self) -> str:
        return self.table._repr_html_()
