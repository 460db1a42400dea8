"""One join: the copies looked at, spine and tails staged, the match run; what is left to read is the matched versions' values."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from psycopg import Connection
from psycopg.sql import SQL
from pyspark.sql import DataFrame, Observation, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from fsdb.asof import AsOf, Column
from fsdb.columnar.copies import Copy
from fsdb.engines.postgres.lookup import typed_literal
from fsdb.engines.spark.failures import told
from fsdb.engines.spark.match import match, moments_of
from fsdb.engines.spark.reach import copies_of, removals
from fsdb.engines.spark.report import ReadReport
from fsdb.engines.spark.result import MATCHED, SPINE, SparkResult
from fsdb.engines.spark.session import session
from fsdb.engines.spark.spine import Moments, stage_spine
from fsdb.engines.spark.staging import Staging, staging_for
from fsdb.engines.spark.tail import schema, tail
from fsdb.engines.spark.types import schema_of
from fsdb.engines.spark.versions import Versions, parquet, versions
from fsdb.errors import EngineUnavailable, InvalidData
from fsdb.exchange import copy_out
from fsdb.exchange.types import arrow_type

_ATTEMPTS = 5
_FOUND = [("ordinal", pa.int64()), ("version_id", pa.int64()), ("read", pa.int32())]


@dataclass(frozen=True)
class _Staged:
    """What is read: the reads' copies, and the folder with the spine and the tails; how many rows these have."""

    folder: Staging
    copies: tuple[Copy | None, ...]
    tails: tuple[int, ...]
    moments: Moments


def run(connection: Connection[Any], description: AsOf) -> SparkResult:
    """The description's rows. All that needs the connection is read here and the match is made; the values are not fetched."""
    spark = session()
    staged = _stage(connection, spark, description)
    defaults = _defaults(connection, description)
    with told(staged.copies):
        spine = _spine(spark, description, staged.folder)
        found = [
            versions(
                spark, read, copy, staged.folder.path(_tail(n)) if rows else None, description.snapshot, staged.moments
            )
            for n, (read, copy, rows) in enumerate(zip(description.reads, staged.copies, staged.tails, strict=True))
        ]
        late_values, held = _match(description, spine, found, staged)
        matched = parquet(spark, schema_of(_FOUND), [staged.folder.path(MATCHED)])
    return SparkResult(
        spark,
        description,
        staged.folder,
        spine,
        found,
        matched,
        defaults,
        staged.copies,
        late_values,
        held,
        _reports(found, staged),
    )


def _stage(connection: Connection[Any], spark: SparkSession, description: AsOf) -> _Staged:
    """Versions may leave history between a look at the copy and one at the tail: then both are looked at again."""
    for _ in range(_ATTEMPTS):
        before = removals(connection)
        copies = copies_of(connection, description)
        folder = staging_for(spark, copies)
        moments = stage_spine(connection, description.spine, folder, SPINE)
        tails = []
        for number, (read, copy) in enumerate(zip(description.reads, copies, strict=True)):
            with tail(connection, description, read, copy, moments) as batches:
                tails.append(folder.put(_tail(number), schema(read), batches))
        if removals(connection) == before:
            return _Staged(folder, tuple(copies), tuple(tails), moments)
        folder.close()
    raise EngineUnavailable(
        "Versions leave history faster than fsdb can give Spark what the copy lacks: use another engine, or try again."
    )


def _tail(number: int) -> str:
    return f"tail-{number}.parquet"


def _spine(spark: SparkSession, description: AsOf, folder: Staging) -> DataFrame:
    """ordinal, and the spine's columns as s0…."""
    fields = [(f"s{n}", arrow_type(column.type)) for n, column in enumerate(description.spine.columns)]
    return parquet(spark, schema_of([("ordinal", pa.int64()), *fields]), [folder.path(SPINE)])


def _match(description: AsOf, spine: DataFrame, found: Sequence[Versions], staged: _Staged) -> tuple[int, list[int]]:
    """Writes which version holds for each row and read; gives the count of late values, and of each read's rows. Raises InvalidData for values that Arrow cannot hold."""
    parts, first = [], 0
    for number, versions_of in enumerate(found):
        features = len(versions_of.read.features)
        asked = moments_of(spine, versions_of.read, description.spine)
        part = match(versions_of, asked, description.known, description.spine.row_count)
        parts.append(
            part.select(
                "ordinal",
                "version_id",
                F.lit(number).alias("read"),
                F.when(F.col("late"), F.lit(features)).otherwise(F.lit(0)).alias("late"),
                (F.col("bad") + first).alias("bad"),
            )
        )
        first += features
    whole, *others = parts
    for other in others:
        whole = whole.unionByName(other)
    counted = Observation()
    of_reads = [F.sum((F.col("read") == number).cast("bigint")).alias(f"read_{number}") for number in range(len(found))]
    counting = whole.observe(counted, F.sum("late").alias("late"), F.min("bad").alias("bad"), *of_reads)
    staged.folder.write(counting.drop("late", "bad"), MATCHED, by="read")
    if counted.get["bad"] is not None:
        feature = [f for read in description.reads for f in read.features][counted.get["bad"]]
        raise InvalidData(
            f"Column {feature.output!r} holds NaN in its type {feature.type}, which Arrow's decimals cannot hold: cast it to double precision or numeric."
            if feature.type.startswith("numeric")
            else f"A time or date among {feature.output!r} is infinite, which Arrow cannot hold: leave such rows out, or cast the column to text."
        )
    return counted.get["late"] or 0, [counted.get[f"read_{number}"] or 0 for number in range(len(found))]


def _defaults(connection: Connection[Any], description: AsOf) -> dict[str, pa.Scalar]:
    """What stands for NULL in each output that has a default, as PostgreSQL reads its text."""
    given = [f for read in description.reads for f in read.features if f.default is not None]
    if not given:
        return {}
    columns = [Column(f.output, f.type) for f in given]
    row = copy_out.read(connection, columns, [typed_literal(f.default, f.type) for f in given], SQL(""))
    return {f.output: row.column(n)[0] for n, f in enumerate(given)}


def _reports(found: Sequence[Versions], staged: _Staged) -> tuple[ReadReport, ...]:
    reports = []
    for v, copy, tail_rows in zip(found, staged.copies, staged.tails, strict=True):
        files = 0 if copy is None else len(copy.files)
        rows = sum(file.rows for file in v.files)
        reports.append(ReadReport(v.read.feature_set, rows, tail_rows, len(v.files), files - len(v.files)))
    return tuple(reports)
