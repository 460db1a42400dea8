"""Past values of an added feature from frames and queries; the history semantics are tested in tests/history."""

from datetime import UTC, datetime, timedelta

import pandas as pd
import psycopg
import pytest

from fsdb import history
from fsdb.catalog.feature_sets import RegisteredSet, get_set
from fsdb.definitions import Feature, FeatureSet
from fsdb.errors import InvalidData, UnknownName
from fsdb.ingest import backfill, ingest

T0 = datetime(2013, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def extended(connection: psycopg.Connection) -> RegisteredSet:
    """Two versions of one entity, written before the feature `b` was added."""
    with connection.transaction():
        made = history.create(connection, FeatureSet("s", keys={"id": "integer"}, features=[Feature("a", "integer")]))
        ingest(connection, made, pd.DataFrame({"id": 1, "a": [10, 20], "event_time": [T0, T0 + 4 * HOUR]}))
        history.add_feature(connection, made, Feature("b", "text"))
        return get_set(connection, "s")


def as_of(connection: psycopg.Connection, hours: int) -> tuple[object, ...] | None:
    return connection.execute("SELECT a, b FROM s_as_of(%s)", (T0 + hours * HOUR,)).fetchone()


@pytest.mark.parametrize("kind", ["frame", "query"])
def test_values_hold_from_their_moment_and_others_stay(
    kind: str, connection: psycopg.Connection, extended: RegisteredSet
) -> None:
    frame = pd.DataFrame({"id": 1, "b": ["x", "y"], "at": [T0 + HOUR, T0 + 6 * HOUR]})
    text = "SELECT 1 AS id, b, at FROM (VALUES ('x', timestamptz '2013-01-01 01:00+00'), ('y', '2013-01-01 06:00+00')) AS v (b, at)"
    with connection.transaction():
        assert backfill(connection, extended, frame if kind == "frame" else text, event_time="at") == 3
    assert [as_of(connection, hours) for hours in (0, 1, 3, 4, 5, 6)] == [
        (10, None),
        (10, "x"),
        (10, "x"),
        (20, "x"),
        (20, "x"),
        (20, "y"),
    ]
    assert connection.execute("SELECT a, b FROM s").fetchall() == [(20, "y")]


def test_only_named_features_are_filled(connection: psycopg.Connection, extended: RegisteredSet) -> None:
    frame = pd.DataFrame({"id": [1], "a": [99], "b": ["x"], "event_time": [T0 + HOUR]})
    with connection.transaction():
        backfill(connection, extended, frame, features=["b"])
    assert as_of(connection, 2) == (10, "x")


def test_refusals(connection: psycopg.Connection, extended: RegisteredSet) -> None:
    frame = pd.DataFrame({"id": [1], "b": ["x"], "event_time": [T0]})
    before = connection.execute("SELECT count(*) FROM s_history").fetchone()
    with pytest.raises(InvalidData, match="name the column with event_time="):
        backfill(connection, extended, frame.drop(columns="event_time"))
    with pytest.raises(UnknownName, match="no feature 'c'"):
        backfill(connection, extended, frame, features=["c"])
    with pytest.raises(InvalidData, match="no column for 'a', to be filled"):
        backfill(connection, extended, frame, features=["a"])
    with pytest.raises(InvalidData, match="naive"):
        backfill(connection, extended, frame.assign(event_time=datetime(2013, 1, 1)))
    assert connection.execute("SELECT count(*) FROM s_history").fetchone() == before
