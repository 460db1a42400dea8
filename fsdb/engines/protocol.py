"""What an engine is: something that runs the description of a point-in-time join."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq
from psycopg import Connection

from fsdb.asof import AsOf
from fsdb.engines.work import Counted


class Result(ABC):
    """An engine's answer, complete when `Engine.run` returns: what it still reads are files that do not change.

    The rows are the spine's columns and then the outputs, in the spine's order, in the types of fsdb.exchange.types.
    late_values: how many feature values came from versions that were recorded after their row's own timestamp.
    matched: for how many of the spine's rows each of the description's reads has a version that holds and is not too old; None where the
    engine does not count. plan: how it was computed, for people. reports: what was counted in each feature set, where the engine counts.
    """

    late_values: int
    plan: str
    reports: Sequence[Counted] = ()
    matched: Sequence[int] | None = None

    @abstractmethod
    def table(self) -> pa.Table:
        """The rows, in memory."""

    def batches(self) -> pa.RecordBatchReader:
        """The rows in record batches, which need not all be in memory at once."""
        return self.table().to_reader()

    def nulls(self, first: int) -> list[int]:
        """How many values are NULL in each column from the one numbered `first` on, without having all rows in memory."""
        with self.batches() as reader:
            counts = [0] * (len(reader.schema) - first)
            for batch in reader:
                counts = [n + column.null_count for n, column in zip(counts, batch.columns[first:], strict=True)]
        return counts

    def write_parquet(self, path: Path) -> None:
        """Writes the rows to a Parquet file, in the spine's order."""
        with self.batches() as reader, pq.ParquetWriter(path, reader.schema) as writer:
            for batch in reader:
                writer.write_batch(batch)


class InMemory(Result):
    """A result that is an Arrow table."""

    def __init__(self, rows: pa.Table, late_values: int, plan: str, matched: Sequence[int] | None = None) -> None:
        self._rows = rows
        self.late_values = late_values
        self.plan = plan
        self.matched = matched

    def table(self) -> pa.Table:
        """The rows, in memory."""
        return self._rows


class Absence(str):
    """A refusal for want of something that could be there, such as a package or a sound copy: users are warned of it."""

    __slots__ = ()


class Engine(Protocol):
    """Runs a point-in-time join; reads what `connection` sees, the caller's uncommitted changes included."""

    name: str

    def refusal(self, connection: Connection[Any], description: AsOf) -> str | None:
        """Why this engine cannot give the exact answer, in one sentence; None where it can. Cheap to ask.

        An `Absence` where it could if something were there or in order, which users should hear of.
        """

    def run(self, connection: Connection[Any], description: AsOf) -> Result:
        """The description's rows. Raises InvalidData for values that no engine gives.

        Raises EngineUnavailable or CopyBroken where the engine fails, but another one would not.
        """
