"""Writers, syncs, compaction, expiry, retention and readers in any order: every read is what brute force finds at its snapshot."""

from collections.abc import Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from fsdb.catalog.feature_sets import get_set
from fsdb.columnar import compact, expire, moment, rebuild, sync
from fsdb.definitions import Feature, FeatureSet
from fsdb.errors import ChangeRefused, EngineUnavailable, RetentionRefused
from fsdb.retention import retain
from fsdb.training import TrainingSet, build, load, save, verify
from tests.conftest import TestDatabase, cloned
from tests.history.kept import made, versions
from tests.oracle import Version
from tests.training.oracle import History, expected, late_values

pytestmark = pytest.mark.slow

DAY = timedelta(days=1)
NOW = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
KEYS = [(1, "11"), (11, "1"), (1, "1")]
SET = FeatureSet(
    "readings",
    keys={"a": "integer", "b": "text"},
    features=[Feature("x", "double precision"), Feature("note", "text", default="none")],
    max_age="6 days",
    retention="90 days",
)
SPINE = [{"a": a, "b": b, "at": NOW - days * DAY / 2} for days in range(-1, 18, 2) for a, b in [*KEYS, (7, "7")]]

writers = st.integers(0, 1)
keys = st.sampled_from(KEYS)
ages = st.integers(0, 16)  # half days
STEP = st.one_of(
    st.tuples(st.just("put"), writers, keys, st.sampled_from([1.0, 2.0, None]), ages),
    st.tuples(st.just("put"), writers, keys, st.sampled_from([3.0, -0.0]), ages),
    st.tuples(st.just("delete"), writers, keys),
    st.tuples(st.sampled_from(["begin", "commit", "rollback"]), writers),
    st.tuples(st.sampled_from(["sync", "sync", "compact", "expire", "rebuild"])),
    st.tuples(st.just("retain"), st.integers(0, 12)),
    st.tuples(st.just("read"), st.sampled_from([None, 0, 1]), st.sampled_from(["now", "then", "at"])),
    st.tuples(st.just("save")),
    st.tuples(st.just("verify")),
)


@dataclass
class World:
    """A database with one set, two writers that may have transactions open, and all versions that were ever committed."""

    url: str
    control: psycopg.Connection
    writers: list[psycopg.Connection]
    committed: dict[int, Version] = field(default_factory=dict)
    moments: list[datetime] = field(default_factory=lambda: [NOW])
    saved: list[tuple[str, str]] = field(default_factory=list)

    def step(self, what: str, *given: Any) -> None:
        """Does one step, then takes note of what is committed."""
        getattr(self, what)(*given)
        self.committed.update(self.seen(self.control))
        self.moments.append(self.clock())

    def seen(self, connection: psycopg.Connection) -> dict[int, Version]:
        """The versions in history that a connection sees."""
        return {v.version_id: v for v in versions(connection, get_set(connection, SET.name))}

    def clock(self) -> datetime:
        """The server's clock."""
        row = self.control.execute("SELECT clock_timestamp()").fetchone()
        assert row is not None
        return row[0]

    def put(self, who: int, key: tuple[int, str], value: float | None, half_days: int) -> None:
        """An upsert with a moment of its own, newer or late."""
        self.write(
            who,
            "INSERT INTO readings (a, b, x, note, event_time) VALUES (%s, %s, %s, %s, %s) ON CONFLICT (a, b) DO UPDATE"
            " SET x = excluded.x, note = excluded.note, event_time = excluded.event_time",
            [*key, value, None if value is None else f"{value}", NOW - half_days * DAY / 2],
        )

    def delete(self, who: int, key: tuple[int, str]) -> None:
        """A delete, by the clock."""
        self.write(who, "DELETE FROM readings WHERE a = %s AND b = %s", list(key))

    def write(self, who: int, statement: str, values: Sequence[Any]) -> None:
        """A statement of one writer; one that waits for the other is given up with its transaction."""
        try:
            self.writers[who].execute(statement, values)
        except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
            self.rollback(who)

    def begin(self, who: int) -> None:
        """Opens a transaction."""
        if self.writers[who].info.transaction_status == psycopg.pq.TransactionStatus.IDLE:
            self.writers[who].execute("BEGIN")

    def commit(self, who: int) -> None:
        """Ends it for good."""
        if self.writers[who].info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
            self.writers[who].execute("COMMIT")

    def rollback(self, who: int) -> None:
        """Ends it for nothing."""
        if self.writers[who].info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
            self.writers[who].execute("ROLLBACK")

    def sync(self) -> None:
        """Brings the copy up to date."""
        sync(self.url)

    def compact(self) -> None:
        """Rewrites the copy."""
        compact(self.url)

    def expire(self) -> None:
        """Removes every file that the copy does not need now."""
        expire(self.url, timedelta(0))

    def rebuild(self) -> None:
        """Makes the copy anew; a set that was never synced has none to make."""
        with suppress(ChangeRefused):
            rebuild(self.url, SET.name)

    def retain(self, half_days: int) -> None:
        """Lets versions leave that were superseded so long ago; refused while a writer's transaction is in the way."""
        age = self.clock() - (NOW - half_days * DAY / 2)
        self.control.execute("UPDATE fsdb.feature_sets SET retention = %s", [max(age, timedelta(seconds=1))])
        with suppress(RetentionRefused):
            retain(self.control, [SET.name])

    def read(self, who: int | None, which: str) -> None:
        """Every engine that can gives what brute force finds among the versions that this reader sees."""
        connection = self.control if who is None else self.writers[who]
        known: str | datetime = self.moments[len(self.moments) // 2] if which == "at" else which
        every = {**self.committed, **self.seen(connection)}
        history = History(("a", "b"), {"x": "x", "note": "note"}, list(every.values()), 6 * DAY, {"note": "none"})
        answered = 0
        for engine in ("postgres", "duckdb", "auto"):
            with suppress(EngineUnavailable):
                built = self.built(connection, engine, known)
                assert rows(built) == expected(SPINE, "at", [history], known), (engine, known)
                if which != "at":
                    assert built.late_values == (late_values(SPINE, "at", [history]) if which == "now" else 0)
                answered += 1
        assert answered >= 2, "the copy and the rest of history together always have the answer"

    def built(self, connection: psycopg.Connection, engine: str, known: str | datetime) -> TrainingSet:
        """A training set of the spine in the database."""
        return build(
            connection,
            spine="SELECT a, b, at FROM spine ORDER BY n",
            features=["readings.x", "readings.note"],
            timestamp="at",
            engine=engine,
            known=known,
        )

    def save(self) -> None:
        """Saves a training set of now."""
        name = f"saved_{len(self.saved)}"
        built = self.built(self.control, "auto", "now")
        save(self.control, built, name)
        self.saved.append((name, built.content_hash))

    def verify(self) -> None:
        """Every saved set comes out as it was, on every engine that can."""
        for name, content_hash in self.saved:
            answered = 0
            for engine in ("postgres", "duckdb", "auto"):
                with suppress(EngineUnavailable):
                    assert verify(self.control, load(self.control, name).saved, engine) == content_hash
                    answered += 1
            assert answered >= 2


def rows(built: TrainingSet) -> list[dict[str, Any]]:
    """What a training set holds, with -0.0 told from 0.0."""
    return [{**row, "x": None if row["x"] is None else float(repr(row["x"]))} for row in built.to_arrow().to_pylist()]


@pytest.fixture(scope="module")
def patience() -> Any:
    """No sync waits for the transactions that a test leaves open."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(moment.decided, "__defaults__", (0.0,))
        yield


@pytest.fixture
def begun(module_database: TestDatabase, patience: None) -> str:
    """The database that each example's own is cloned from: the set and the spine, and no version yet."""
    with module_database.connect() as connection:
        made(connection, SET)
        connection.execute("CREATE TABLE spine (n serial, a integer, b text, at timestamptz)")
        for row in SPINE:
            connection.execute("INSERT INTO spine (a, b, at) VALUES (%s, %s, %s)", list(row.values()))
    return module_database.name


@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=st.lists(STEP, min_size=6, max_size=30))
@example(
    steps=[
        ("put", 0, KEYS[0], 1.0, 12),
        ("begin", 1),
        ("put", 1, KEYS[1], 2.0, 10),
        ("sync",),
        ("put", 0, KEYS[0], 2.0, 6),
        ("commit", 1),
        ("read", None, "now"),
        ("save",),
        ("sync",),
        ("put", 0, KEYS[0], 3.0, 8),
        ("delete", 0, KEYS[1]),
        ("read", None, "then"),
        ("retain", 2),
        ("compact",),
        ("expire",),
        ("read", None, "now"),
        ("put", 0, KEYS[1], 1.0, 0),
        ("rebuild",),
        ("read", 0, "at"),
    ]
)
def test_every_read_is_what_brute_force_finds(server_url: str, begun: str, steps: list[tuple[Any, ...]]) -> None:
    with (
        contextmanager(cloned)(server_url, begun) as database,
        database.connect() as control,
        database.connect(options="-c lock_timeout=30") as one,
        database.connect(options="-c lock_timeout=30") as other,
    ):
        world = World(database.url, control, [one, other])
        for step in steps:
            world.step(*step)
        for who in range(2):
            world.step("rollback", who)
        world.step("read", None, "now")
        world.step("verify")
