"""What a sync did, for people and machines."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fsdb.table import Table

Progress = Callable[[str, int, int], None]  # a set, versions written so far, about how many in all


@dataclass(frozen=True)
class SetSync:
    """One set: versions written into its copy, versions in it now, and how long it took; how many files hold them, their bytes, and their folder."""

    feature_set: str
    versions: int
    rows: int
    seconds: float
    files: int = 0
    bytes: int = 0
    location: str = ""

    @property
    def sentence(self) -> str:
        """What the copy's files are."""
        return f"{self.feature_set}: {self.files:,} files of {self.bytes:,} bytes in {self.location}."


@dataclass(frozen=True)
class SyncResult:
    """All sets of a sync, in order, and in sentences what else should be known of it."""

    sets: tuple[SetSync, ...]
    notices: tuple[str, ...] = ()

    @property
    def table(self) -> Table:
        """One row a set."""
        rows = [
            (
                *(s.feature_set, s.versions, s.rows, s.files, s.bytes),
                *(round(s.seconds, 3), round(s.versions / s.seconds) if s.seconds else 0),
            )
            for s in self.sets
        ]
        columns = ("feature_set", "versions", "rows_in_copy", "files", "bytes", "seconds", "versions_per_s")
        return Table.of(columns, rows, title="Synced")

    def to_dicts(self) -> list[dict[str, Any]]:
        """The table's rows with each copy's folder, as JSON can carry them."""
        return [row | {"location": s.location} for row, s in zip(self.table.to_dicts(), self.sets, strict=True)]

    def __rich__(self) -> Any:
        return self.table.__rich__()

    def __repr__(self) -> str:
        return "\n".join((repr(self.table), *self.notices))

    def _repr_html_(self) -> str:
        return self.table._repr_html_()
