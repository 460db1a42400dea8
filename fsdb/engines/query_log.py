"""The query log: what the router expected of each training set, and how long it took."""

from typing import Any

from psycopg import Connection

from fsdb.engines.routing import Routing
from fsdb.sql import query

FILE = "engines/router"
KEPT = 10_000  # lines
_EVERY = 100  # lines, the log is shortened


def write(connection: Connection[Any], routing: Routing) -> None:
    """Adds a line, in the caller's transaction; does nothing where the user may not, or in a transaction that only reads."""
    row = connection.execute(query(FILE, "may_log")).fetchone()
    assert row is not None
    may_write, may_shorten = row
    if not may_write:
        return
    work = routing.work
    with connection.transaction():
        line = connection.execute(
            query(FILE, "log"),
            {
                "engine": routing.engine,
                "forced": routing.forced,
                "why": routing.why,
                "estimated_seconds": routing.estimated,
                "seconds": routing.seconds,
                "spine_rows": work.spine_rows,
                "feature_sets": len(work.reads),
                "features": work.features,
                "versions": work.versions,
                "copy_rows": work.copy_rows,
                "tail_rows": work.tail,
                "files_read": work.files_read,
                "files_pruned": work.files_pruned,
                "engines": [candidate.engine for candidate in routing.candidates],
                "estimates": [candidate.seconds for candidate in routing.candidates],
                "refusals": [candidate.refusal for candidate in routing.candidates],
            },
        ).fetchone()
        assert line is not None
        if may_shorten and line[0] % _EVERY == 0:
            connection.execute(query(FILE, "shorten_log"), {"last": line[0] - KEPT})
