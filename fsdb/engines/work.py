"""What a point-in-time join has to do, in numbers that its cost follows from."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Protocol


class Counted(Protocol):
    """What an engine counted itself when it read a feature set."""

    @property
    def feature_set(self) -> str: ...
    @property
    def tail_rows(self) -> int: ...
    @property
    def files_read(self) -> int: ...
    @property
    def files_pruned(self) -> int: ...


@dataclass(frozen=True)
class ReadWork:
    """What reading one feature set means.

    versions: about how many PostgreSQL's history holds; bytes: how large history and its indexes are. features: how many
    are read; width: about how many bytes their values of one version take. per_key: about how many versions a key has.
    tail: about how many versions are not in the columnar copy: all without one; skipped: how many of the copy are in the range that is
    searched for the tail, because of transactions long open. copy_rows and copy_bytes: what the copy holds; kept_rows: what of
    it is in files that the spine's moments leave (files_read, where files_pruned could be left out). window: where windows over events
    are computed, about how many events the longest has; None where versions are read.
    """

    feature_set: str
    versions: int
    bytes: int
    features: int
    width: int
    per_key: float
    tail: int
    copy_rows: int = 0
    copy_bytes: int = 0
    kept_rows: int = 0
    files_read: int = 0
    files_pruned: int = 0
    skipped: int = 0
    window: float | None = None


@dataclass(frozen=True)
class Work:
    """What a join means. cache: how many bytes the server keeps in its memory. in_memory: where the spine is, in `spine_columns` columns."""

    spine_rows: int
    spine_columns: int
    in_memory: bool
    cache: int
    reads: tuple[ReadWork, ...]

    @property
    def features(self) -> int:
        """How many feature columns come out."""
        return sum(read.features for read in self.reads)

    @property
    def versions(self) -> int:
        """How many versions PostgreSQL holds of all sets."""
        return sum(read.versions for read in self.reads)

    @property
    def tail(self) -> int:
        """How many versions are not in the sets' copies."""
        return sum(read.tail for read in self.reads)

    @property
    def copy_rows(self) -> int:
        """How many versions the sets' copies hold."""
        return sum(read.copy_rows for read in self.reads)

    @property
    def files_read(self) -> int:
        """How many files of the copies are to be read."""
        return sum(read.files_read for read in self.reads)

    @property
    def files_pruned(self) -> int:
        """How many files of the copies need not be read."""
        return sum(read.files_pruned for read in self.reads)

    def with_counts(self, counts: Iterable[Counted]) -> "Work":
        """With what an engine counted in place of what statistics said of tails and files."""
        by_name = {count.feature_set: count for count in counts}
        reads = tuple(
            replace(read, tail=count.tail_rows, files_read=count.files_read, files_pruned=count.files_pruned)
            if (count := by_name.get(read.feature_set)) is not None
            else read
            for read in self.reads
        )
        return replace(self, reads=reads)
