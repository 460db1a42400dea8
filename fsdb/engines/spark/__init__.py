"""Point-in-time reading in Spark: the columnar copy's files and the tail, on a cluster or on this machine."""

from fsdb.engines.spark.engine import SparkEngine
from fsdb.engines.spark.frames import dataframe_of

__all__ = ["SparkEngine", "dataframe_of"]
