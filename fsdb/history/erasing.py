"""The function of a set by which an erasure takes versions out of history."""

from collections.abc import Mapping, Sequence
from typing import Any

from psycopg import Connection
from psycopg.sql import SQL, Composable, Literal

from fsdb.catalog.feature_sets import RegisteredSet
from fsdb.config import HISTORY_SCHEMA
from fsdb.history.names import internal
from fsdb.history.objects import GeneratedObject
from fsdb.sql import query

FILE = "history/erasure"
_CHUNK = 50_000  # versions a call


def erase_function(registered: RegisteredSet, parts: Mapping[str, Composable]) -> GeneratedObject:
    """The function that takes versions away."""
    function = internal(registered.history_table, "erase")
    body = query(FILE, "erase", **parts).as_string()
    return GeneratedObject(
        "function",
        f"{HISTORY_SCHEMA}.{registered.history_table}:erase",
        SQL("{}(bigint[])").format(function),
        "takes versions away for good, for erasure and repair",
        query(FILE, "erase_function", function=function, body=Literal(body)),
        body,
        private=True,
    )


def erase_versions(connection: Connection[Any], registered: RegisteredSet, versions: Sequence[int]) -> int:
    """Takes versions out of a set's history, and returns how many were there. For who leaves the record in the same transaction."""
    call = SQL("SELECT {}(%(versions)s)").format(internal(registered.history_table, "erase"))
    removed = 0
    for start in range(0, len(versions), _CHUNK):
        row = connection.execute(call, {"versions": list(versions[start : start + _CHUNK])}).fetchone()
        assert row is not None
        removed += int(row[0])
    return removed
