"""How fast versions of ten features go from history into a new columnar copy, and how long a sync of a thousand new ones takes.

The baseline is PostgreSQL's own COPY of the same rows to a client that throws them away: less a sync cannot do. The first sync of all is of
another, small set, so that nothing is imported or connected for the first time while it is measured.
"""

import statistics
import time
from collections.abc import Iterator
from tempfile import TemporaryDirectory

import psycopg
from psycopg.sql import SQL, Identifier

from bench.report import Case, within
from fsdb import columnar, db, history
from fsdb.definitions import Feature, FeatureSet

FEATURES = [f"f{number}" for number in range(10)]
NEW = 1000
TIMES = 5
SPEED = 300_000  # versions/s
SOON = 1.0  # seconds


def run(url: str, versions: float = 2e6) -> Iterator[Case]:
    """The cases first_sync, in versions/s, and new_versions, in seconds."""
    with psycopg.connect(url, autocommit=True) as connection, TemporaryDirectory(prefix="fsdb-sync-") as warehouse:
        db.configure(connection)
        for name, count in (("small", NEW), ("large", int(versions))):
            _make(connection, name, count)
        columnar.sync(url, ["small"], warehouse=warehouse)
        baseline = int(versions) / _copied(connection)
        begun = time.perf_counter()
        columnar.sync(url, ["large"], warehouse=warehouse)
        speed = int(versions) / (time.perf_counter() - begun)
        yield Case(
            "sync",
            "first_sync",
            speed,
            "versions/s",
            baseline,
            speed / baseline,
            f">= {SPEED:,} versions/s",
            speed >= SPEED,
        )
        taken = []
        for turn in range(TIMES):
            _write(connection, turn)
            begun = time.perf_counter()
            columnar.sync(url, ["large"], warehouse=warehouse)
            taken.append(time.perf_counter() - begun)
        yield within("sync", "new_versions", statistics.median(taken), unit="s", target=SOON)


def _make(connection: psycopg.Connection, name: str, count: int) -> None:
    """A set with that many versions: a million keys, or a tenth as many as versions."""
    features = [Feature(feature, "double precision") for feature in FEATURES]
    with connection.transaction():
        made = history.create(connection, FeatureSet(name, keys={"k": "bigint"}, features=features))
        numbers = SQL(", ").join([SQL("random()")] * len(FEATURES))
        connection.execute("SET LOCAL session_replication_role = replica")  # straight into history
        connection.execute(
            SQL(
                "INSERT INTO {} (k, {}, event_time, recorded_at) SELECT i %% {}, {}, now() + i * interval '1 ms', now()"
                " FROM generate_series(1, {}) AS i"
            ).format(
                made.history,
                SQL(", ").join(map(Identifier, FEATURES)),
                min(1_000_000, max(count // 10, 1)),
                numbers,
                count,
            ),
            (),
        )
    connection.execute(SQL("VACUUM ANALYZE {}").format(made.history))


def _write(connection: psycopg.Connection, turn: int) -> None:
    """A thousand new versions, as an application writes them."""
    features = SQL(", ").join(map(Identifier, FEATURES))
    numbers = SQL(", ").join([SQL("random()")] * len(FEATURES))
    connection.execute(
        SQL("INSERT INTO large (k, {}) SELECT i, {} FROM generate_series({}, {}) AS i").format(
            features, numbers, 10_000_000 + turn * NEW, 10_000_000 + turn * NEW + NEW - 1
        )
    )


def _copied(connection: psycopg.Connection) -> float:
    """Seconds in which a client has read all rows."""
    begun = time.perf_counter()
    with connection.cursor().copy("COPY fsdb_history.large TO STDOUT") as rows:
        for _ in rows:
            pass
    return time.perf_counter() - begun
