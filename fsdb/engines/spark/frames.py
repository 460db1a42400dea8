"""Arrow tables as Spark frames, and Spark frames as Arrow tables."""

from typing import TYPE_CHECKING

import pyarrow as pa

from fsdb.engines.protocol import Result
from fsdb.errors import EngineUnavailable

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def dataframe_of(result: Result) -> "DataFrame":
    """A training set's rows as a frame of the session that is there, or is started.

    What Spark built is read when the frame is used; what another engine built travels through this process. Raises
    EngineUnavailable where there is no Spark.
    """
    from fsdb.engines.spark.session import absence, quietly, session

    missing = absence()
    if missing is not None:
        raise EngineUnavailable(missing)
    from fsdb.engines.spark.result import SparkResult
    from fsdb.engines.spark.types import schema_of

    if isinstance(result, SparkResult):
        return result.dataframe()
    rows = result.table()
    fields = [(field.name, field.type) for field in rows.schema]
    with quietly():
        frame: DataFrame = session().createDataFrame(rows.replace_schema_metadata(), schema_of(fields))
    return frame


def collected(frame: "DataFrame", schema: pa.Schema) -> pa.Table:
    """A frame's rows in exactly the types of `schema`, column by column."""
    rows: pa.Table = frame.toArrow()
    return pa.Table.from_arrays(
        [c if c.type == f.type else c.cast(f.type) for c, f in zip(rows.columns, schema, strict=True)], schema=schema
    )
