"""The SQL back end: one PL/pgSQL function for a program."""

from fsdb.models.backends.sql.function import bulk_name, compile_functions, in_bulk
from fsdb.models.backends.sql.signature import function_call

__all__ = ["bulk_name", "compile_functions", "function_call", "in_bulk"]
