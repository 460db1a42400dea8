"""Point-in-time joins in DuckDB, on this machine, over the columnar copy and the tail that is not in it yet."""

from fsdb.engines.duckdb.engine import DuckdbEngine
from fsdb.engines.duckdb.report import ReadReport

__all__ = ["DuckdbEngine", "ReadReport"]
