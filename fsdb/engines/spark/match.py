"""Which version holds at each moment of the spine: one sort by key and time, and a running maximum.

Versions and moments of one key are put in one row of time, versions first where both are at the same moment; the latest version so far by
(event_time, version_id) is the one that holds. A version counts from its event_time on; where only what was recorded
counts, from when it was both. Whatever the number of versions and moments of a key, the work is that of sorting them.
"""

from datetime import UTC, datetime, timedelta

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812

from fsdb.asof import At, Known, SetRead, Spine, Then
from fsdb.engines.spark.types import comparable
from fsdb.engines.spark.versions import Versions

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOST_AGE = 1 << 62  # microseconds, longer than all of PostgreSQL's time is from 1970
SMALL = 500_000  # rows of a spine that every executor can hold: then what it does not ask for need not be sorted


def match(versions: Versions, asked: DataFrame, known: Known, rows: int) -> DataFrame:
    """ordinal, version_id, late (recorded after the moment), bad: a row for each moment at which a version holds and is not too old.

    asked: ordinal, moment (microseconds) and the keys as k0…, of `moments_of`. rows: how many there are at most.
    """
    read = versions.read
    keys = [f"k{number}" for number in range(len(read.keys))]
    counted = versions.narrow()
    if isinstance(known, At):
        counted = counted.where(F.col("recorded") <= (known.moment - _EPOCH) // timedelta(microseconds=1))
    if rows <= SMALL:
        counted = counted.join(F.broadcast(asked.select(*keys).distinct()), keys, "left_semi")
    since = F.greatest("event", "recorded") if isinstance(known, Then) else F.col("event")
    version = F.struct("event", "version_id", "recorded", "deleted", "bad")
    nothing = F.lit(None)
    both = counted.select(
        *keys, since.alias("moment"), nothing.cast("bigint").alias("ordinal"), version.alias("version")
    )
    both = both.unionByName(asked.select(*keys, "moment", "ordinal"), allowMissingColumns=True)
    until_now = (
        Window.partitionBy(*keys)
        .orderBy("moment", F.col("ordinal").asc_nulls_first())
        .rowsBetween(Window.unboundedPreceding, Window.currentRow)
    )
    latest = both.withColumn("version", F.max("version").over(until_now)).where(F.col("ordinal").isNotNull())
    holding = latest.where(F.col("version").isNotNull() & ~F.col("version.deleted"))
    if read.max_age is not None:
        age = min(read.max_age // timedelta(microseconds=1), _MOST_AGE)
        holding = holding.where(F.col("version.event") >= F.col("moment") - age)
    return holding.select(
        "ordinal",
        "version.version_id",
        (F.col("version.recorded") > F.col("moment")).alias("late"),
        F.col("version.bad").alias("bad"),
    )


def moments_of(rows: DataFrame, read: SetRead, spine: Spine) -> DataFrame:
    """The moments that a read is asked for: ordinal, moment, and its keys as k0…; rows with a NULL key ask for nothing.

    rows: ordinal, and the spine's columns as s0….
    """
    names = {column.name: (f"s{number}", column.type) for number, column in enumerate(spine.columns)}
    keys = []
    for number, key in enumerate(read.keys):
        name, kind = names[key.spine_column]
        keys.append(comparable(F.col(name), kind).alias(f"k{number}"))
    asked = rows.select("ordinal", F.unix_micros(names[spine.timestamp][0]).alias("moment"), *keys)
    return asked.na.drop(subset=[f"k{number}" for number in range(len(keys))])
