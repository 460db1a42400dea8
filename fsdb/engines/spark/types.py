"""Arrow's types in Spark, constants of them, and what of a copy's types becomes what comes out."""

from typing import Any

import pyarrow as pa
from pyspark.sql import Column
from pyspark.sql import functions as F  # noqa: N812 - Spark's documents call it so
from pyspark.sql import types as T  # noqa: N812

from fsdb.asof.description import plain_type
from fsdb.exchange.types import arrow_type

FUTURE, LAST_DAY = 2**63 - 1, 2**31 - 1  # infinite times and dates in a copy; their negatives are -infinity
_PLAIN: dict[pa.DataType, T.DataType] = {
    pa.int16(): T.ShortType(),
    pa.int32(): T.IntegerType(),
    pa.int64(): T.LongType(),
    pa.float32(): T.FloatType(),
    pa.float64(): T.DoubleType(),
    pa.bool_(): T.BooleanType(),
    pa.date32(): T.DateType(),
    pa.timestamp("us", "UTC"): T.TimestampType(),
    pa.timestamp("us"): T.TimestampNTZType(),
    pa.string(): T.StringType(),
    pa.binary(): T.BinaryType(),
}


def spark_type(kind: pa.DataType) -> T.DataType:
    """The type of a column that is of this Arrow type: one of fsdb.exchange.types or fsdb.columnar.types."""
    if pa.types.is_decimal(kind):
        return T.DecimalType(kind.precision, kind.scale)
    if pa.types.is_list(kind):
        return T.ArrayType(spark_type(kind.value_type))
    return _PLAIN[kind]


def schema_of(fields: list[tuple[str, pa.DataType]]) -> T.StructType:
    """A schema of named columns, whose values may all be NULL."""
    return T.StructType([T.StructField(name, spark_type(kind)) for name, kind in fields])


def came_out(value: Column, kind: str) -> Column:
    """A value as a copy holds it, in the type of fsdb.exchange.types for PostgreSQL's type `kind`.

    NaN in a numeric(p, s) that is a decimal is NULL: `unusable` tells of it.
    """
    wanted = arrow_type(kind)
    if pa.types.is_decimal(wanted):
        return value.try_cast(spark_type(wanted))
    if plain_type(kind) == "smallint":
        return value.cast(T.ShortType())
    return value


def unusable(value: Column, kind: str) -> Column | None:
    """Whether a value, as a copy holds it, is one that Arrow's type for `kind` cannot hold; None where every value can be held."""
    plain = plain_type(kind)
    if plain == "timestamp with time zone":
        return F.abs(F.unix_micros(value)) == FUTURE
    if plain == "date":
        return F.abs(F.unix_date(value)) == LAST_DAY
    if pa.types.is_decimal(arrow_type(kind)):
        return value == "NaN"
    return None


def comparable(value: Column, kind: str) -> Column:
    """A key in the form in which keys of one family are compared: integers as bigint, times in microseconds, character(n) without blanks."""
    plain = plain_type(kind)
    if plain in ("smallint", "integer", "bigint"):
        return value.cast(T.LongType())
    if plain == "timestamp with time zone":
        return F.unix_micros(value)
    return F.rtrim(value) if plain == "character" else value


def constant(value: pa.Scalar) -> Column:
    """A literal, exact for every type."""
    kind = value.type
    if not value.is_valid:
        return F.lit(None).cast(spark_type(kind))
    if pa.types.is_timestamp(kind):
        return F.timestamp_micros(F.lit(value.cast(pa.int64()).as_py()))
    if pa.types.is_date(kind):
        return F.date_from_unix_date(F.lit(value.cast(pa.int32()).as_py()))
    if pa.types.is_list(kind):
        items: list[Any] = value.as_py()
        return F.array(*(F.lit(item) for item in items)).cast(spark_type(kind))
    if pa.types.is_decimal(kind):
        return F.lit(str(value.as_py())).cast(spark_type(kind))
    return F.lit(value.as_py()).cast(spark_type(kind))
