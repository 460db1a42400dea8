"""A feature set's versions as Spark frames: the copy's files, without what the reader does not see, and the tail."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import reduce
from operator import or_
from typing import Any

import pyarrow as pa
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql import types as T  # noqa: N812

from fsdb.asof import SetRead, Snapshot
from fsdb.columnar.copies import Copy, CopyFile
from fsdb.columnar.types import WHOLE, copy_type
from fsdb.columnar.watermark import parsed
from fsdb.engines.spark.spine import Moments
from fsdb.engines.spark.staging import literally
from fsdb.engines.spark.tail import columns, schema
from fsdb.engines.spark.types import comparable, schema_of, spark_type, unusable

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIELD_ID = "parquet.field.id"
# Dates and times of any century as they are, neither Spark's old calendar nor Hive's; paths as they are.
_OPTIONS = {"datetimeRebaseMode": "CORRECTED", "int96RebaseMode": "CORRECTED"}


@dataclass(frozen=True)
class Versions:
    """The versions of one set that a reader sees: columns version_id, event_time, recorded_at, deleted, k0…, f0… in the copy's types.

    files: those of the copy that can hold what the spine asks for.
    """

    read: SetRead
    frame: DataFrame
    files: tuple[CopyFile, ...]

    def narrow(self) -> DataFrame:
        """What decides which version holds: k0… as they are compared, event and recorded (microseconds), version_id, deleted, bad.

        bad is the position of the first feature whose value Arrow cannot hold, NULL where all can be held.
        """
        keys = [comparable(F.col(f"k{n}"), key.type).alias(f"k{n}") for n, key in enumerate(self.read.keys)]
        return self.frame.select(
            *keys,
            F.unix_micros("event_time").alias("event"),
            F.unix_micros("recorded_at").alias("recorded"),
            "version_id",
            "deleted",
            self._bad().alias("bad"),
        )

    def payload(self) -> DataFrame:
        """version_id and the features."""
        return self.frame.select("version_id", *(f"f{n}" for n in range(len(self.read.features))))

    def _bad(self) -> Column:
        positions = [
            F.when(found, F.lit(n))
            for n, f in enumerate(self.read.features)
            if (found := unusable(F.col(f"f{n}"), f.type)) is not None
        ]
        return F.coalesce(*positions, F.lit(None).cast(T.IntegerType()))


def versions(
    session: SparkSession,
    read: SetRead,
    copy: Copy | None,
    tail: str | None,
    snapshot: Snapshot,
    moments: Moments,
) -> Versions:
    """The versions of copy and tail that `snapshot` holds. tail: a Parquet file as fsdb.engines.spark.tail makes it.

    Files that none of the spine's moments asks for are left out.
    """
    files = () if copy is None else tuple(file for file in copy.files if _asked(file, moments, read.max_age))
    parts = []
    if copy is not None and files:
        parts.append(_of_copy(session, read, copy, files, snapshot))
    if tail is not None:
        parts.append(parquet(session, schema_of([(field.name, field.type) for field in schema(read)]), [tail]))
    if not parts:
        nothing = [F.lit(None).cast(spark_type(field.type)).alias(field.name) for field in schema(read)]
        parts.append(session.range(0).select(*nothing))
    return Versions(read, reduce(lambda one, other: one.unionByName(other), parts), files)


def parquet(session: SparkSession, columns: T.StructType, paths: Sequence[str]) -> DataFrame:
    """Parquet files of these columns."""
    frame: DataFrame = session.read.schema(columns).options(**_OPTIONS).parquet(*map(literally, paths))
    return frame


def _of_copy(
    session: SparkSession, read: SetRead, copy: Copy, files: Sequence[CopyFile], snapshot: Snapshot
) -> DataFrame:
    """The files' rows, with columns found by field id: NULL where a file is older than the column, widened where it is older than its type."""
    held = {column.name: column for column in copy.columns}
    wanted = [("xid", "bigint", "xid"), *columns(read)]
    fields = [
        T.StructField(_read_as(name), spark_type(held[column].type), True, {_FIELD_ID: held[column].field_id})
        for column, _, name in wanted
        if column in held
    ]
    rows = parquet(session, T.StructType(fields), [file.path for file in files])
    if not copy.watermark.within(snapshot, read.feature_set):
        rows = rows.where(_seen(snapshot, read.feature_set))
    return rows.select(
        *(
            # Whoever writes these columns must not write the field ids of another table.
            (_given(F.col(_read_as(name)), held[column].type, kind) if column in held else F.lit(None))
            .cast(spark_type(copy_type(kind)))
            .alias(name, metadata={})
            for column, kind, name in columns(read)
        )
    )


def _given(value: Column, held: pa.DataType, kind: str) -> Column:
    """A value of the copy; whole numbers that history keeps as numeric by now as an integer's text."""
    whole = pa.types.is_string(held) and pa.types.is_integer(copy_type(kind))
    return F.regexp_replace(value, WHOLE, "") if whole else value


def _read_as(name: str) -> str:
    """A column of files under a name that none of theirs has: Spark reads it by field id, but skips row groups by names, whose case it folds."""
    return f"{name}#"


def _seen(snapshot: Snapshot, feature_set: str) -> Column:
    _, xmax, in_progress = parsed(snapshot.text)
    version, xid = F.col(_read_as("version_id")), F.col(_read_as("xid"))
    visible = (xid < xmax) & ~xid.isin(sorted(in_progress)) if in_progress else xid < xmax
    ways = [visible] if snapshot.own is None else [visible, xid == snapshot.own]
    in_snapshot = (version <= snapshot.high.get(feature_set, 0)) & reduce(or_, ways)
    restored = snapshot.restored.get(feature_set, 0)
    return in_snapshot | (version <= restored) if restored else in_snapshot


def _asked(file: CopyFile, moments: Moments, max_age: timedelta | None) -> bool:
    """Whether one of the moments may ask for a version of the file.

    One that is too old for every moment is not missed: whatever holds in its place is older still, and NULL as well.
    """
    if moments.last < moments.first:
        return False
    lower, upper = _micros(file.lower.get("event_time")), _micros(file.upper.get("event_time"))
    if lower is not None and lower > moments.last:
        return False
    return max_age is None or upper is None or upper >= moments.first - max_age // timedelta(microseconds=1)


def _micros(moment: Any) -> int | None:
    return None if moment is None else (moment - _EPOCH) // timedelta(microseconds=1)
