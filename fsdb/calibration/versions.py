"""Made-up versions in bulk, for measuring: a feature set whose history is written at the speed of a table."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np
import psycopg
import pyarrow as pa
from psycopg import Connection
from psycopg.sql import SQL, Identifier

from fsdb import history
from fsdb.catalog.feature_sets import RegisteredSet
from fsdb.definitions import Feature, FeatureSet
from fsdb.history.names import internal
from fsdb.sql import joined, query

FILE = "calibration/versions"
START = datetime(2020, 1, 1, tzinfo=UTC)
_CHUNK = 1_000_000


def load(
    connection: Connection[Any],
    name: str,
    versions: int,
    *,
    features: int = 10,
    keys: int | None = None,
    padded: bool = False,
    progress: Callable[[int], None] | None = None,
) -> RegisteredSet:
    """A new feature set with the key `id` (bigint), features f1, f2, … (double precision), and that many versions.

    The keys 0, 1, … (a twentieth as many as versions, unless given) take turns, a second apart from START on; values are random.
    padded: each version fills a page, with a text as the feature `padding`. The live table stays empty, so this is
    for a database that is for nothing else. `connection` is in autocommit mode. progress is called with the versions written.
    """
    columns = [f"f{number}" for number in range(1, features + 1)]
    defined = [Feature(column, "double precision") for column in columns]
    values = [query(FILE, "value")] * features
    if padded:
        columns.append("padding")
        defined.append(Feature("padding", "text"))
        values.append(query(FILE, "padding"))
    with connection.transaction():
        registered = history.create(connection, FeatureSet(name, {"id": "bigint"}, tuple(defined)))
    table = registered.history
    named = [Identifier("id"), *map(Identifier, columns)]
    pkey = Identifier(f"{registered.history_table}:pkey")
    newest = internal(registered.history_table, "newest")
    fill = query(FILE, "fill", history=table, columns=joined(named), values=joined(values))
    connection.execute(query(FILE, "guards", history=table, switch=SQL("DISABLE")))
    connection.execute(query(FILE, "unlogged", history=table))
    if padded:
        connection.execute(query(FILE, "in_line", history=table))
    connection.execute(query(FILE, "drop_index", index=newest))
    connection.execute(query(FILE, "drop_primary_key", history=table, pkey=pkey))
    for start in range(0, versions, _CHUNK):
        stop = min(versions, start + _CHUNK)
        connection.execute(fill, {"keys": keys or max(1, versions // 20), "start": start, "stop": stop})
        if progress is not None:
            progress(stop)
    connection.execute(query(FILE, "add_primary_key", history=table, pkey=pkey))
    connection.execute(
        query(
            "history/tables",
            "create_newest_index",
            index=Identifier(f"{registered.history_table}:newest"),
            history=table,
            keys=Identifier("id"),
        )
    )
    connection.execute(query(FILE, "guards", history=table, switch=SQL("ENABLE")))
    psycopg.Cursor(connection).execute(query(FILE, "settle", history=table))  # VACUUM cannot be in a transaction
    return registered


def spine(rows: int, versions: int, keys: int | None = None, seed: int = 0) -> pa.Table:
    """That many rows of a random key of such a set and a random moment `at` of its history."""
    chance = np.random.default_rng(seed)
    ids = chance.integers(0, keys or max(1, versions // 20), rows)
    seconds = chance.integers(0, max(1, versions), rows)
    first = int(START.timestamp()) * 1_000_000
    at = pa.array(first + seconds * 1_000_000, pa.int64()).cast(pa.timestamp("us", "UTC"))
    return pa.table({"id": ids, "at": at})
