"""A training set: the rows, and all that is needed to say how they came about and to build them again."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from rich.console import Group
from rich.table import Table as RichTable
from rich.text import Text

from fsdb.arguments import checked_calls
from fsdb.asof import AsOf, At, Column, Then
from fsdb.db import Database
from fsdb.engines.protocol import Result
from fsdb.engines.routing import Routing
from fsdb.errors import FsdbError, InvalidArgument
from fsdb.table import Table
from fsdb.training import content, frames_out
from fsdb.training.coverage import SetCoverage, sentences
from fsdb.training.explanation import Explanation

if TYPE_CHECKING:
    from fsdb.training.saved import SavedTrainingSet

_ROWS_SHOWN, _COLUMNS_SHOWN = 10, 12


@checked_calls()
@dataclass(eq=False, repr=False)
class TrainingSet:
    """Rows of a spine with features as of each row's own moment.

    result: what the engine gave. label: the column to be predicted, if one was named. routing: how the engine was
    chosen. view: the training view, spine: the query, where there was one. name: under which it is saved, None before. coverage: for how
    many rows each set has a version; empty where the engine does not count.
    """

    result: Result
    description: AsOf
    label: str | None
    routing: Routing
    view: str | None = None
    spine: str | None = None
    name: str | None = None
    database: Database | None = field(default=None)
    coverage: tuple[SetCoverage, ...] = ()

    @cached_property
    def table(self) -> pa.Table:
        """The rows, in memory."""
        return self.result.table()

    @property
    def engine(self) -> str:
        """The engine that built it."""
        return self.routing.engine

    @property
    def plan(self) -> str:
        """How the engine computed it, for people."""
        return self.result.plan

    @property
    def late_values(self) -> int:
        """How many feature values came from versions that were recorded after their row's timestamp. 0 with known="then"."""
        return self.result.late_values

    @property
    def columns(self) -> tuple[Column, ...]:
        """All columns with their PostgreSQL types: the spine's, then the features."""
        return (*self.description.spine.columns, *self.description.results)

    @property
    def features(self) -> tuple[str, ...]:
        """The feature columns' names, in order."""
        return tuple(column.name for column in self.description.results)

    @property
    def feature_ids(self) -> dict[str, int]:
        """The catalog's feature_id of each feature column; expressions have none."""
        shown = set(self.features)
        return {f.output: f.feature_id for read in self.description.reads for f in read.features if f.output in shown}

    @property
    def timestamp(self) -> str:
        """The spine's column of moments."""
        return self.description.spine.timestamp

    @property
    def num_rows(self) -> int:
        """How many rows there are: as many as the spine has."""
        return self.description.spine.row_count

    @property
    def known(self) -> str:
        """Which versions counted: "now", "then", or a time in ISO format."""
        known = self.description.known
        return known.moment.isoformat() if isinstance(known, At) else "then" if isinstance(known, Then) else "now"

    @cached_property
    def column_hashes(self) -> tuple[str, ...]:
        """SHA-256 of each column's values."""
        return tuple(content.column_hash(column) for column in self.table.columns)

    @property
    def content_hash(self) -> str:
        """SHA-256 of the columns' names, types and values, whatever their layout in memory."""
        return content.content_hash(self.columns, self.column_hashes)

    @property
    def notice(self) -> str | None:
        """What you should know of it, in words: values that were not known at their row's moment, and sets without a version for some rows or all.

        None if there is nothing.
        """
        found = [*([] if self.late_notice is None else [self.late_notice]), *sentences(self.coverage)]
        return " ".join(found) or None

    @property
    def late_notice(self) -> str | None:
        """The part of `notice` about values that were not known at their row's moment."""
        if not self.late_values:
            return None
        values = self.num_rows * sum(len(read.features) for read in self.description.reads)
        return (
            f"{self.late_values:,} of {values:,} feature values were recorded only after their row's {self.timestamp}: "
            'a model in production would not have had them. known="then" leaves them out.'
        )

    @cached_property
    def null_counts(self) -> dict[str, int]:
        """How many rows have no value, by feature column. Defaults are values. Counted when you ask for it."""
        return dict(zip(self.features, self.result.nulls(len(self.description.spine.columns)), strict=True))

    def to_arrow(self) -> pa.Table:
        """The rows as an Arrow table, in the types that fsdb.exchange.types lists."""
        return self.table

    def to_pandas(self) -> Any:
        """The rows as a pandas data frame: numeric as the nearest float64, integers with NULLs as float64 with NaN, text as str.

        Whole numbers that float64 does not hold stay whole numbers (uint64, Int64 …).
        """
        return frames_out.to_pandas(self.table)

    def to_polars(self) -> Any:
        """The rows as a polars data frame."""
        return frames_out.to_polars(self.table)

    def to_spark(self) -> Any:
        """The rows as a Spark data frame, in the active session, or else in one that `$FSDB_SPARK` names or this machine runs.

        If Spark built the rows, they are read when you use the frame. They keep the spine's order until something reorders them.
        """
        from fsdb.engines.spark import dataframe_of

        return dataframe_of(self.result)

    def to_batches(self) -> pa.RecordBatchReader:
        """The rows in Arrow record batches, which need not all be in memory at once."""
        return self.result.batches()

    def to_parquet(self, path: str | Path) -> None:
        """Writes the rows to a Parquet file. They are not all in memory at once, if the engine can do without."""
        try:
            self.result.write_parquet(Path(path))
        except OSError as error:
            raise InvalidArgument(
                f"The rows cannot be written to {str(path)[:200]!r}: {error.strerror or error}. Give the path of a file in a folder that exists."
            ) from error

    def explain(self) -> Explanation:
        """How the training set was built: each engine's estimated cost, the engine that ran, how long it took, what it read, how many rows
        matched, and late values."""
        return Explanation(self.routing, self.known, self.notice, self.plan, self)

    def save(self, name: str) -> "SavedTrainingSet":
        """Keeps the spine, the definition and the snapshot under a name, so that the training set can be built again, hash for hash.

        Raises ChangeRefused if a saved training set has the name.
        """
        from fsdb.training.saved import save

        if self.database is None:
            raise FsdbError(
                "This training set was built on a bare connection: save it with fsdb.training.save(connection, training_set, name)."
            )
        with self.database.transaction() as connection:
            return save(connection, self, name, self.database)

    def _shown(self) -> Table:
        names = [column.name for column in self.columns]
        title = f"Training set {self.name or ''}".rstrip() + f": {self.num_rows:,} rows × {len(names)} columns"
        title += f", label {self.label}" if self.label else ""
        chosen = _middle_left_out(names)
        rows = self.table.select([n for n in range(len(names)) if names[n] in chosen]).slice(0, _ROWS_SHOWN)
        values = [_values(column) for column in rows.columns]
        left_out = len(names) - len(chosen)
        title += f" ({left_out} not shown)" if left_out else ""
        return Table.of(chosen, list(zip(*values, strict=True)), title)

    def __repr__(self) -> str:
        return repr(self._shown()) if self.notice is None else f"{repr(self._shown()).rstrip()}\n{self.notice}"

    def __rich__(self) -> RichTable | Group:
        table = self._shown().__rich__()
        return table if self.notice is None else Group(table, Text(self.notice))

    def _repr_html_(self) -> str:
        table = self._shown()._repr_html_()
        return table if self.notice is None else f"{table}<p>{escape(self.notice)}</p>"


def _values(column: pa.ChunkedArray) -> list[Any]:
    try:
        return list(column.to_pylist())
    except (OverflowError, ValueError):  # times that Python's datetime does not reach, shown as numbers
        return list(column.cast(pa.int64() if column.type.bit_width == 64 else pa.int32()).to_pylist())


def _middle_left_out(names: Sequence[str]) -> list[str]:
    if len(names) <= _COLUMNS_SHOWN:
        return list(names)
    return [*names[: _COLUMNS_SHOWN // 2], *names[-_COLUMNS_SHOWN // 2 :]]
