"""Backfilled values, against a timeline computed by hand in plain Python."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.sql import SQL

from fsdb import history
from fsdb.catalog.feature_sets import RegisteredSet, get_set
from fsdb.definitions import Feature, FeatureSet
from fsdb.errors import InvalidData, UnknownName
from tests import oracle
from tests.conftest import TestDatabase
from tests.history.kept import assert_live_is_newest, day, live, made, versions

Point = tuple[int, datetime, float | None]


def _backfill(connection: psycopg.Connection, registered: RegisteredSet, points: Sequence[Point]) -> int:
    with connection.transaction():
        connection.execute("CREATE TEMP TABLE points (k bigint, event_time timestamptz, c float8)")
        with connection.cursor() as cursor:
            cursor.executemany("INSERT INTO points VALUES (%s, %s, %s)", points)
        written = history.backfill(connection, registered, ["c"], SQL("points"))
        connection.execute("DROP TABLE points")
        return written


def _with_c(connection: psycopg.Connection, registered: RegisteredSet) -> RegisteredSet:
    with connection.transaction():
        return history.add_feature(connection, registered, Feature("c", "double precision"))


def test_values_hold_from_their_time_on(connection: psycopg.Connection) -> None:
    weather = made(connection)
    connection.execute("INSERT INTO weather VALUES (1, 1, 'x', %s)", (day(2),))
    connection.execute("UPDATE weather SET a = 2, event_time = %s", (day(10),))
    weather = _with_c(connection, weather)
    points = [(1, day(1), 10.0), (1, day(4), 11.0), (7, day(1), 99.0)]
    assert _backfill(connection, weather, points) == 4
    kept = assert_live_is_newest(connection, weather)
    seen = [oracle.as_of(kept, (1,), day(number)) for number in (1, 2, 3, 4, 9, 10)]
    assert [(v.values["a"], v.values["c"]) for v in seen if v is not None] == [
        (None, 10),
        (1, 10),
        (1, 10),
        (1, 11),
        (1, 11),
        (2, 11),
    ]
    assert live(connection, weather) == {(1,): {"a": 2, "b": "x", "c": 11, "event_time": day(10)}}
    assert _backfill(connection, weather, points) == 0


def test_a_value_newer_than_the_newest_version_becomes_live(connection: psycopg.Connection) -> None:
    weather = made(connection)
    connection.execute("INSERT INTO weather VALUES (1, 1, 'x', %s)", (day(2),))
    weather = _with_c(connection, weather)
    assert _backfill(connection, weather, [(1, day(5), 5.0), (1, day(6), 6.0)]) == 2
    assert_live_is_newest(connection, weather)
    assert live(connection, weather) == {(1,): {"a": 1, "b": "x", "c": 6, "event_time": day(6)}}


def test_bad_rows_are_refused_and_leave_nothing(connection: psycopg.Connection) -> None:
    weather = _with_c(connection, made(connection))
    connection.execute("INSERT INTO weather (k, event_time) VALUES (1, %s)", (day(2),))
    bad: list[tuple[list[Any], str]] = [
        ([(None, day(1), 1.0), (1, day(1), 1.0)], "1 rows .* NULL key"),
        ([(1, None, 1.0), (1, None, 2.0)], "2 rows .* no finite event_time"),
        ([(1, day(1), 1.0), (1, day(1), 2.0)], "1 rows .* repeat a key and event_time"),
    ]
    for points, message in bad:
        with pytest.raises(InvalidData, match=message):
            _backfill(connection, weather, points)
    with pytest.raises(UnknownName, match="no feature 'd'"):
        history.backfill(connection, weather, ["d"], SQL("points"))
    with pytest.raises(InvalidData, match="at least one feature"):
        history.backfill(connection, weather, [], SQL("points"))
    assert len(versions(connection, weather)) == 1


def test_tracked_table_keeps_its_rows(connection: psycopg.Connection) -> None:
    connection.execute("CREATE TABLE app (k bigint PRIMARY KEY, a float8, c float8, seen timestamptz)")
    connection.execute("INSERT INTO app VALUES (1, 1, NULL, %s)", (day(5),))
    with connection.transaction():
        app = history.create(connection, history.tracked_definition(connection, "app", event_time="seen"))
    assert _backfill(connection, app, [(1, day(3), 3.0), (1, day(5), 5.0), (1, day(8), 8.0)]) == 1
    kept = assert_live_is_newest(connection, app)
    assert [(v.event_time, v.values["c"]) for v in kept] == [(day(5), None), (day(3), 3)]


def _expected(kept: list[oracle.Version], points: list[Point], t: datetime) -> dict[str, Any] | None:
    """What key 1 must be at `t` once backfilled: found by walking its moments in order, remembering one value."""
    if not kept:
        return None
    moments = sorted({v.event_time for v in kept} | {at for _, at, _ in points})
    stated: float | None = None
    state: dict[str, Any] | None = None
    for moment in (m for m in moments if m <= t):
        versions_at = [v for v in kept if v.event_time == moment]
        winner = max(versions_at, key=lambda v: v.version_id) if versions_at else None
        point = next((p for p in points if p[1] == moment), None)
        before = [v for v in kept if v.event_time <= moment]
        gone = bool(before) and oracle.as_of(kept, (1,), moment) is None
        if gone:
            stated, state = (None if winner is not None else stated), None
            continue
        base = dict(winner.values) if winner is not None else dict(state or {"a": None, "c": None})
        if point is not None:
            stated = base["c"] = point[2]
        elif base["c"] is not None:
            stated = None
        elif winner is not None:
            base["c"] = stated
        state = base
    return state


NUMBERS = st.one_of(st.none(), st.integers(1, 3).map(float))
MOMENTS = st.integers(1, 8).map(day)
CHANGES = st.lists(st.tuples(MOMENTS, st.sampled_from(["value", "delete"]), NUMBERS, NUMBERS), max_size=6)
POINTS = st.dictionaries(MOMENTS, NUMBERS, max_size=5)


@pytest.mark.slow
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=CHANGES, points=POINTS)
def test_any_backfill(
    module_database: TestDatabase,
    changes: list[tuple[datetime, str, float | None, float | None]],
    points: dict[datetime, float | None],
) -> None:
    definition = FeatureSet(
        "any_set", keys={"k": "bigint"}, features=[Feature("a", "double precision"), Feature("c", "double precision")]
    )
    with module_database.connect() as connection, connection.transaction(force_rollback=True):
        history.create(connection, definition)
        registered = get_set(connection, "any_set")
        for at, what, a, c in changes:
            if what == "delete":
                history.delete_as_of(connection, registered, [{"k": 1}], at)
            else:
                connection.execute(
                    "INSERT INTO any_set VALUES (1, %s, %s, %s) ON CONFLICT (k) DO UPDATE"
                    " SET a = excluded.a, c = excluded.c, event_time = excluded.event_time",
                    (a, c, at),
                )
        before = assert_live_is_newest(connection, registered)
        rows: list[Point] = [(1, at, value) for at, value in points.items()]
        _backfill(connection, registered, rows)
        after = assert_live_is_newest(connection, registered)
        assert after[: len(before)] == before
        for number in range(10):
            found = oracle.as_of(after, (1,), day(number + 1))
            assert (None if found is None else dict(found.values)) == _expected(before, rows, day(number + 1))
        assert _backfill(connection, registered, rows) == 0
