"""Any changes after versions have left: triggers do what they do in a set of which none ever left, and as-of reads are the same."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from psycopg.sql import SQL, Identifier

from fsdb import history
from fsdb.catalog.feature_sets import RegisteredSet
from fsdb.columnar import sync
from fsdb.definitions import FeatureSet
from fsdb.ingest import ingest
from fsdb.retention import as_of, retain
from tests import oracle
from tests.conftest import TestDatabase
from tests.history.kept import live, made, versions
from tests.oracle import Version
from tests.retention.past import NOW, WEATHER, ago

pytestmark = pytest.mark.slow
OLD = st.integers(11, 40).map(lambda n: ago(n / 2))
YOUNG = st.integers(0, 9).map(lambda n: ago(n / 2))
TIMES = st.one_of(OLD, OLD, YOUNG, st.none(), st.just(NOW + timedelta(days=400)))
KEYS = st.integers(1, 3)
VALUES = st.sampled_from([None, 0.0, -0.0, 1.5, float("nan")])
UPSERT = st.tuples(st.just("upsert"), KEYS, VALUES, TIMES)
CHANGE = st.one_of(
    UPSERT,
    UPSERT,
    st.tuples(st.just("insert"), KEYS, VALUES, TIMES),
    st.tuples(st.just("update"), KEYS, VALUES),
    st.tuples(st.just("update_at"), KEYS, VALUES, OLD),
    st.tuples(st.just("same"), KEYS, VALUES),
    st.tuples(st.just("move"), KEYS, KEYS),
    st.tuples(st.just("delete"), KEYS),
    st.tuples(st.just("delete_as_of"), KEYS, YOUNG),
    st.tuples(st.just("truncate")),
    st.tuples(st.just("ingest"), st.lists(st.tuples(KEYS, VALUES, st.one_of(OLD, YOUNG)), min_size=1, max_size=5)),
)
PORTIONS = st.lists(st.lists(CHANGE, min_size=1, max_size=10), min_size=2, max_size=4)
STATEMENTS = {
    "upsert": "INSERT INTO {} (k, a, event_time) VALUES (%s, %s, %s) ON CONFLICT (k) DO UPDATE SET a = excluded.a, event_time = excluded.event_time",
    "insert": "INSERT INTO {} (k, a, event_time) VALUES (%s, %s, %s)",
    "update": "UPDATE {} SET a = %s WHERE k = %s",
    "update_at": "UPDATE {} SET a = %s, event_time = %s WHERE k = %s",
    "same": "UPDATE {} SET a = %s, event_time = event_time WHERE k = %s",
    "move": "UPDATE {} SET k = %s WHERE k = %s",
    "delete": "DELETE FROM {} WHERE k = %s",
    "truncate": "TRUNCATE {}",
}


def _do(connection: psycopg.Connection, registered: RegisteredSet, change: tuple[Any, ...]) -> str:
    """Makes a change; gives how it ended."""
    name, *given_values = change
    try:
        with connection.transaction():
            if name == "ingest":
                rows = given_values[0]
                frame = pa.table(
                    {
                        "k": pa.array([k for k, _, _ in rows], pa.int64()),
                        "a": pa.array([a for _, a, _ in rows], pa.float64()),
                        "b": pa.array(["ingested"] * len(rows)),
                        "event_time": pa.array([t for _, _, t in rows], pa.timestamp("us", "UTC")),
                    }
                )
                ingest(connection, registered, frame)
                return "ingested"
            if name == "delete_as_of":
                key, moment = given_values
                return f"deleted {history.delete_as_of(connection, registered, [{'k': key}], moment)}"
            ordered = given_values if name in ("upsert", "insert") else [*given_values[1:], *given_values[:1]]
            statement = SQL(STATEMENTS[name]).format(Identifier(registered.name))
            return str(connection.execute(statement, ordered).rowcount)
    except (psycopg.errors.UniqueViolation, psycopg.errors.CheckViolation) as error:
        return type(error).__name__


def _told(every: dict[int, Version]) -> list[Any]:
    """Versions in order; times of the clock, which are of today, are told as such."""
    return [
        (v.key, repr(v.values), v.deleted, v.event_time if v.event_time < ago(0) or v.event_time > ago(-300) else "now")
        for _, v in sorted(every.items())
    ]


def _live(every: dict[int, Version]) -> list[Any]:
    newest = oracle.live(every.values())
    return sorted((key, repr({**v.values, "event_time": v.event_time})) for key, v in newest.items())


def _live_rows(connection: psycopg.Connection, registered: RegisteredSet) -> list[Any]:
    return sorted((key, repr(row)) for key, row in live(connection, registered).items())


@settings(
    max_examples=8,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(portions=PORTIONS)
def test_a_set_of_which_versions_left_behaves_as_one_of_which_none_did(
    module_database: TestDatabase, portions: list[list[tuple[Any, ...]]]
) -> None:
    with module_database.connect() as connection:
        name = f"w{uuid4().hex[:8]}"
        limited = made(connection, FeatureSet(name, WEATHER.keys, WEATHER.features, retention=WEATHER.retention))
        plain = made(connection, FeatureSet(f"{name}_plain", WEATHER.keys, WEATHER.features))
        try:
            _check(module_database, connection, limited, plain, portions)
        finally:
            with connection.transaction():
                history.drop(connection, limited)
                history.drop(connection, plain)


def _check(
    database: TestDatabase,
    connection: psycopg.Connection,
    limited: RegisteredSet,
    plain: RegisteredSet,
    portions: list[list[tuple[Any, ...]]],
) -> None:
    every: dict[int, Version] = {}
    gone: set[int] = set()
    for portion in portions:
        for change in portion:
            assert _do(connection, limited, change) == _do(connection, plain, change), change
        kept = {v.version_id: v for v in versions(connection, limited)}
        assert not gone & kept.keys()
        for number, version in kept.items():
            assert repr(every.setdefault(number, version)) == repr(version)
        assert kept.keys() == every.keys() - gone
        control = {v.version_id: v for v in versions(connection, plain)}
        assert _told(every) == _told(control)
        assert [key for key, _ in _live(every)] == [key for key, _ in _live(control)]
        assert _live_rows(connection, limited) == _live(every)
        sync(database.url, [limited.name])
        (done,) = retain(connection, [limited.name]).sets
        left = {v.version_id for v in versions(connection, limited)}
        assert done.removed == len(every.keys() - gone - left)
        gone |= every.keys() - left
        _check_reads(connection, limited, every, done.reach)


def _check_reads(
    connection: psycopg.Connection, limited: RegisteredSet, every: dict[int, Version], reach: datetime | None
) -> None:
    keys = {version.key for version in every.values()}
    for moment in (reach or ago(5), ago(4.5), ago(2), datetime.now(UTC), ago(8), ago(-500)):
        expected = {}
        for key in keys:
            version = oracle.as_of(every.values(), key, moment)
            if version is not None:
                expected[key[0]] = repr((*version.values.values(), version.event_time.astimezone(UTC)))
        rows = as_of(connection, limited, moment).to_pylist()
        assert {row["k"]: repr((row["a"], row["b"], row["event_time"].astimezone(UTC))) for row in rows} == expected
