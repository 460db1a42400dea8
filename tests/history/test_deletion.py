"""Deletes as of a moment: late ones leave the live row, others take it away, each with one tombstone."""

from datetime import datetime
from typing import Any

import psycopg
import pytest

from fsdb import history
from fsdb.catalog.feature_sets import RegisteredSet
from fsdb.definitions import Feature, FeatureSet
from fsdb.errors import InvalidData, UnknownName
from tests import oracle
from tests.history.kept import assert_live_is_newest, day, live, made, versions


@pytest.fixture
def weather(connection: psycopg.Connection) -> RegisteredSet:
    registered = made(connection)
    connection.execute("INSERT INTO weather VALUES (1, 1, 'x', %s), (2, 2, 'y', %s)", (day(2), day(2)))
    connection.execute("UPDATE weather SET a = a + 10, event_time = %s", (day(10),))
    return registered


def _delete(connection: psycopg.Connection, registered: RegisteredSet, keys: list[int], at: datetime) -> int:
    with connection.transaction():
        return history.delete_as_of(connection, registered, [{"k": key} for key in keys], at)


def test_late_delete_is_a_tombstone_in_the_past(connection: psycopg.Connection, weather: RegisteredSet) -> None:
    assert _delete(connection, weather, [1], day(5)) == 1
    kept = assert_live_is_newest(connection, weather)
    assert set(live(connection, weather)) == {(1,), (2,)}
    assert [oracle.as_of(kept, (1,), day(number)) is None for number in (1, 2, 4, 5, 9, 10)] == [
        True,
        False,
        False,
        True,
        True,
        False,
    ]


@pytest.mark.parametrize("at", [day(10), day(20), datetime.fromisoformat("2100-01-01T00:00+00:00")])
def test_delete_at_or_after_the_newest_version_takes_the_row(
    connection: psycopg.Connection, weather: RegisteredSet, at: datetime
) -> None:
    assert _delete(connection, weather, [1, 1, 99], at) == 1
    kept = assert_live_is_newest(connection, weather)
    assert [v.event_time for v in kept if v.deleted] == [at]
    assert set(live(connection, weather)) == {(2,)}


def test_what_was_not_there_is_not_deleted(connection: psycopg.Connection, weather: RegisteredSet) -> None:
    assert _delete(connection, weather, [1, 99], day(1)) == 0
    assert _delete(connection, weather, [1], day(12)) == 1
    assert _delete(connection, weather, [1], day(15)) == 0
    assert len(assert_live_is_newest(connection, weather)) == 5


def test_composite_keys_of_every_kind(connection: psycopg.Connection) -> None:
    definition = FeatureSet(
        "many",
        keys={"t": "text", "d": "date", "z": "timestamptz", "u": "uuid", "b": "boolean"},
        features=[Feature("a", "integer")],
    )
    registered = made(connection, definition)
    connection.execute(
        "INSERT INTO many VALUES ('q''', '2024-01-01', '2024-01-01 00:00+00', '00000000-0000-0000-0000-000000000001', true, 1, %s)",
        (day(1),),
    )
    key: dict[str, Any] = dict(zip(registered.keys, next(iter(live(connection, registered))), strict=True))
    with connection.transaction():
        assert history.delete_as_of(connection, registered, [{**key, "b": False}], day(2)) == 0
        assert history.delete_as_of(connection, registered, [key], day(2)) == 1
    assert_live_is_newest(connection, registered)


def test_table_without_event_time(connection: psycopg.Connection) -> None:
    connection.execute("CREATE TABLE app (k int PRIMARY KEY, a int); INSERT INTO app VALUES (1, 1), (2, 2)")
    with connection.transaction():
        app = history.create(connection, history.tracked_definition(connection, "app"))
    soon = datetime.fromisoformat("2100-01-01T00:00+00:00")
    with connection.transaction():
        assert history.delete_as_of(connection, app, [{"k": 1}], soon) == 1
    kept = assert_live_is_newest(connection, app)
    assert [(v.key[0], v.event_time) for v in kept if v.deleted] == [(1, soon)]


def test_bad_keys_are_refused(connection: psycopg.Connection, weather: RegisteredSet) -> None:
    bad: list[tuple[dict[str, Any], type[Exception], str]] = [
        ({"k": "1"}, InvalidData, "takes an integer; '1' is of type str"),
        ({"k": True}, InvalidData, "takes an integer; True is of type bool"),
        ({"k": None}, InvalidData, "has no value"),
        ({}, InvalidData, "is missing"),
        ({"k": 1, "q": 2}, UnknownName, "'q' is not a key of weather"),
        ({"k": 2**70}, InvalidData, "an integer of 64 bits"),
    ]
    for key, error, message in bad:
        with pytest.raises(error, match=message), connection.transaction():
            history.delete_as_of(connection, weather, [key], day(5))
    with pytest.raises(InvalidData, match="no time zone"):
        history.delete_as_of(connection, weather, [{"k": 1}], datetime(2024, 1, 1))
    assert history.delete_as_of(connection, weather, [], day(5)) == 0
    assert len(versions(connection, weather)) == 4
