"""Spark's answer: which versions hold is known, the values are read when somebody asks for them."""

from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout
from functools import cached_property
from io import StringIO
from pathlib import Path
from uuid import uuid4

import pyarrow as pa
from pyspark.sql import Column as SparkColumn
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from fsdb.asof import AsOf, SetRead
from fsdb.columnar.copies import Copy
from fsdb.engines.protocol import Result
from fsdb.engines.spark.failures import told
from fsdb.engines.spark.frames import collected
from fsdb.engines.spark.match import SMALL
from fsdb.engines.spark.report import ReadReport, shown
from fsdb.engines.spark.session import settings
from fsdb.engines.spark.staging import Staging, spark_path
from fsdb.engines.spark.types import came_out, constant
from fsdb.engines.spark.versions import Versions
from fsdb.errors import InvalidData
from fsdb.exchange.types import arrow_type

# Column names that differ only in case are different names; times are numbers of microseconds, not Hive's.
SPINE, MATCHED = "spine.parquet", "matched"  # what is staged under which name
_WRITING = {"spark.sql.caseSensitive": "true", "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS"}


class SparkResult(Result):
    """The spine's rows with the values of the versions that were found to hold.

    It reads the copy's files and what is staged, neither of which changes. The staged part goes when this object is
    closed or nothing refers to it; once a frame was given out, at the end of the process at the latest.
    """

    def __init__(
        self,
        session: SparkSession,
        description: AsOf,
        staging: Staging,
        spine: DataFrame,
        versions: Sequence[Versions],
        matched: DataFrame,
        defaults: dict[str, pa.Scalar],
        copies: Sequence[Copy | None],
        late_values: int,
        matched_rows: Sequence[int],
        reports: Sequence[ReadReport],
    ) -> None:
        self._session = session
        self._description = description
        self._staging = staging
        self._spine = spine
        self._versions = versions
        self._matched = matched
        self._defaults = defaults
        self._copies = copies
        self.reports = self._reports = reports
        self.late_values = late_values
        self.matched = matched_rows

    @property
    def plan(self) -> str:  # type: ignore[override]
        """What was read, and Spark's plan for the values."""
        return f"{shown(self._reports)}\n{self._spark_plan}"

    def dataframe(self) -> DataFrame:
        """The rows as a Spark frame, read when it is used, in the spine's order as long as nothing is done to it that reorders."""
        self._staging.keep_until_exit()
        return self._named(self._ordered)

    def table(self) -> pa.Table:
        """The rows, in memory: the values come from Spark by Arrow, in any order, and are put in the spine's here."""
        outputs = self._description.outputs
        fields = [pa.field(f"o{n}", arrow_type(column.type)) for n, column in enumerate(outputs)]
        with told(self._copies):
            values = collected(
                self._joined(self._spine.select("ordinal")), pa.schema([pa.field("ordinal", pa.int64()), *fields])
            )
        values = values.sort_by("ordinal").drop_columns("ordinal")
        spine = self._description.spine.rows
        if spine is None:
            spine = self._staging.whole(SPINE).drop_columns("ordinal")
        return pa.Table.from_arrays([*spine.columns, *values.columns], schema=self._schema)

    def batches(self) -> pa.RecordBatchReader:
        """The rows in record batches, from files that Spark puts them into."""
        folder = f"rows-{uuid4().hex}"
        with told(self._copies), settings(self._session, _WRITING):
            self._staging.write(self._ordered, folder)
        return pa.RecordBatchReader.from_batches(self._schema, self._read(folder))

    def write_parquet(self, path: Path) -> None:
        """Writes the rows to a folder of Parquet files, by the executors: read in the order of their names they are in the spine's order.

        Raises InvalidData where something is there already.
        """
        if path.exists():
            raise InvalidData(f"{path} exists already: Spark writes a folder of files, so name a new one.")
        with told(self._copies), settings(self._session, _WRITING):
            self._named(self._ordered).write.parquet(spark_path(str(path)))

    def close(self) -> None:
        """Removes what was staged: neither this object nor its frames can be used any more."""
        self._staging.close()

    @cached_property
    def _spark_plan(self) -> str:
        text = StringIO()
        with told(self._copies), redirect_stdout(text):
            self._ordered.explain()
        return text.getvalue().strip()

    @property
    def _schema(self) -> pa.Schema:
        return pa.schema(
            [
                pa.field(c.name, arrow_type(c.type), metadata={"postgresql_type": c.type})
                for c in (*self._description.spine.columns, *self._description.outputs)
            ]
        )

    @property
    def _ordered(self) -> DataFrame:
        """The columns as s0… and o0…, in the spine's order."""
        return self._joined(self._spine).orderBy("ordinal").drop("ordinal")

    def _named(self, frame: DataFrame) -> DataFrame:
        return frame.toDF(*self._schema.names)

    def _joined(self, spine: DataFrame) -> DataFrame:
        """The spine's columns, and what comes out as o0…."""
        wanted = [column for column in spine.columns if column != "ordinal"]
        joined = spine
        for number, versions in enumerate(self._versions):
            joined = joined.join(self._values(number, versions), "ordinal", "left")
        places = {f.output: (n, m) for n, v in enumerate(self._versions) for m, f in enumerate(v.read.features)}
        outputs = []
        for number, column in enumerate(self._description.outputs):
            read, feature = places[column.name]
            value = F.col(f"r{read}_f{feature}")
            default = self._defaults.get(column.name)
            value = value if default is None else F.coalesce(value, constant(default))
            outputs.append(value.alias(f"o{number}"))
        return joined.select("ordinal", *wanted, *outputs)

    def _values(self, number: int, versions: Versions) -> DataFrame:
        """ordinal, and the features of the version that holds as r<number>_f0…."""
        matched = self._matched.where(F.col("read") == number).select("ordinal", "version_id")
        small = self._description.spine.row_count <= SMALL
        found = versions.payload().join(F.broadcast(matched) if small else matched, "version_id")
        return found.select("ordinal", *_outputs(number, versions.read))

    def _read(self, folder: str) -> Iterator[pa.RecordBatch]:
        schema = self._schema
        for batch in self._staging.read(folder):
            columns = [c if c.type == f.type else c.cast(f.type) for c, f in zip(batch.columns, schema, strict=True)]
            yield pa.RecordBatch.from_arrays(columns, schema=schema)


def _outputs(number: int, read: SetRead) -> list[SparkColumn]:
    return [came_out(F.col(f"f{n}"), f.type).alias(f"r{number}_f{n}") for n, f in enumerate(read.features)]
