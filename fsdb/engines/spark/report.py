"""What a join reads of each feature set, for people and for the router."""

from collections.abc import Sequence
from dataclasses import dataclass

from fsdb.table import Table


@dataclass(frozen=True)
class ReadReport:
    """One feature set's read.

    copy_rows: versions in the copy's files that are read, files_read; files_pruned could be left out. tail_rows: versions
    taken from PostgreSQL.
    """

    feature_set: str
    copy_rows: int
    tail_rows: int
    files_read: int
    files_pruned: int


def shown(reports: Sequence[ReadReport]) -> str:
    """The reads as a table."""
    columns = ("feature set", "rows of copy", "rows in tail", "files read", "pruned")
    rows = tuple(
        (r.feature_set, f"{r.copy_rows:,}", f"{r.tail_rows:,}", f"{r.files_read:,}", f"{r.files_pruned:,}")
        for r in reports
    )
    return str(Table(columns, rows, "Spark"))
