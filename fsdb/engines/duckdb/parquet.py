"""A copy's Parquet files as one join reads them: each footer once, and what is the matter with a file in the project's words."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from concurrent.futures import ThreadPoolExecutor as Pool
from contextlib import contextmanager
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from fsdb.columnar import broken
from fsdb.columnar.copies import Copy, CopyFile

WORKERS = pa.cpu_count() + 1  # one of them waits for the disk
_T = TypeVar("_T")
_R = TypeVar("_R")


class Files:
    """The files of a copy. Raises CopyBroken for those that cannot be read."""

    def __init__(self, copy: Copy) -> None:
        self.copy = copy
        self._footers: dict[str, pq.FileMetaData] = {}

    def footer(self, file: CopyFile) -> pq.FileMetaData:
        """What a file says of its row groups."""
        if file.path not in self._footers:
            with self.opened(file) as opened:
                self._footers[file.path] = opened.metadata
        return self._footers[file.path]

    @contextmanager
    def opened(self, file: CopyFile) -> Iterator[pq.ParquetFile]:
        """An open file, for a block that only reads it."""
        path = local(file.path)
        footer = self._footers.get(file.path)
        try:
            if "://" not in path:
                opened = pq.ParquetFile(path, metadata=footer)
            else:
                from fsdb.columnar.iceberg import file_system  # loads Iceberg's library

                system, inside = file_system(path)
                opened = pq.ParquetFile(inside, filesystem=system, metadata=footer, pre_buffer=True)
            with opened:
                yield opened
        except FileNotFoundError as error:
            raise broken(self.copy.feature_set, file.path, "is gone") from error
        except (OSError, pa.ArrowException) as error:
            raise self.damaged(file, error) from error

    def damaged(self, file: CopyFile, what: object) -> Exception:
        """What to raise for a file that holds something else than it should."""
        return broken(self.copy.feature_set, file.path, f"is damaged ({what})")


def row_counts(footer: pq.FileMetaData) -> list[int]:
    """How many rows each row group has."""
    return [footer.row_group(group).num_rows for group in range(footer.num_row_groups)]


def local(path: str) -> str:
    """A path as Arrow takes it: files of this machine without a scheme."""
    return path.removeprefix("file://")


def ahead(call: Callable[[_T], _R], given: Iterable[_T]) -> Iterator[_R]:
    """What `call` gives for each, in order, computed in threads ahead of whoever takes it, but not far."""
    under_way: deque[Future[Any]] = deque()
    with Pool(WORKERS) as pool:
        try:
            for one in given:
                under_way.append(pool.submit(call, one))
                if len(under_way) == WORKERS:
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()
        finally:
            for future in under_way:
                future.cancel()


def within(sizes: Sequence[tuple[int, int]], most: int) -> Iterator[list[int]]:
    """Numbers that follow each other in lists, each as many as do not exceed `most` together, and one at least. sizes: of each number."""
    held: list[int] = []
    size = 0
    for number, added in sizes:
        if held and (size + added > most or number != held[-1] + 1):
            yield held
            held, size = [], 0
        held.append(number)
        size += added
    if held:
        yield held
