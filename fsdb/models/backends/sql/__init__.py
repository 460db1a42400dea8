"""The SQL back end: one PL/pgSQL function for a program."""

from fsdb.models.backends.sql.function import compile_functions

__all__ = ["compile_functions"]
