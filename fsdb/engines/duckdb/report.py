"""What reading a feature set took, for people and for the router."""

from collections.abc import Sequence
from dataclasses import dataclass

from fsdb.table import Table


@dataclass(frozen=True)
class ReadReport:
    """One feature set's read.

    copy_rows: versions in the copy, of which files_read files were read and files_pruned could be left out; tail_rows:
    versions taken from PostgreSQL; groups_read: row groups of these files of which keys and times were read, groups_pruned: those that
    none of the spine's keys could be in; matched: spine rows that a version holds for; seconds: what it took.
    """

    feature_set: str
    copy_rows: int
    tail_rows: int
    files_read: int
    files_pruned: int
    groups_read: int
    groups_pruned: int
    matched: int
    seconds: float


def plan(reads: Sequence[ReadReport]) -> str:
    """The reads as a table."""
    columns = (
        "feature set", "rows in copy", "rows in tail", "files read", "pruned", "row groups read", "pruned", "rows matched", "s"
    )  # fmt: skip
    rows = tuple(
        (
            read.feature_set,
            f"{read.copy_rows:,}",
            f"{read.tail_rows:,}",
            f"{read.files_read:,}",
            f"{read.files_pruned:,}",
            f"{read.groups_read:,}",
            f"{read.groups_pruned:,}",
            f"{read.matched:,}",
            f"{read.seconds:.3f}",
        )
        for read in reads
    )
    return str(Table(columns, rows, "DuckDB"))
