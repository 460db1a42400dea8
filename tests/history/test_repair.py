"""Live tables and histories that came apart are brought together again, from either side."""

from datetime import UTC, datetime

import psycopg
import pytest

from fsdb import history
from fsdb.catalog.feature_sets import RegisteredSet
from fsdb.definitions import Feature, FeatureSet
from fsdb.errors import ChangeRefused
from tests.history.kept import assert_live_is_newest, live, made, versions

SET = FeatureSet(
    "weather", keys={"k": "text", "n": "integer"}, features=[Feature("a", "integer"), Feature("b", "jsonb")]
)
PAST_THE_TRIGGERS = """
    SET session_replication_role = replica;
    UPDATE weather SET a = 20 WHERE k = 'changed';
    UPDATE weather SET event_time = '2020-01-01' WHERE k = 'older';
    DELETE FROM weather WHERE k = 'gone';
    INSERT INTO weather (k, n, a, event_time) VALUES ('new', 1, 5, now()), ('deleted', 1, 6, '2020-01-01');
    RESET session_replication_role
"""


@pytest.fixture
def weather(connection: psycopg.Connection) -> RegisteredSet:
    registered = made(connection, SET)
    connection.execute("""INSERT INTO weather (k, n, a, b) VALUES
        ('same', 1, 1, '{"x": 1}'), ('changed', 1, 2, NULL), ('older', 1, 3, NULL), ('gone', 1, 4, NULL), ('deleted', 1, 9, NULL)""")
    connection.execute("DELETE FROM weather WHERE k = 'deleted'")
    return registered


def test_history_from_live(connection: psycopg.Connection, weather: RegisteredSet) -> None:
    connection.execute(PAST_THE_TRIGGERS)
    began = datetime.now(UTC)
    before, past = live(connection, weather), versions(connection, weather)
    shown = history.differences(connection, weather)
    assert (shown.changed, shown.only_live, shown.only_history) == (2, 2, 1)
    assert [row["k"] for row in shown.rows.to_dicts()] == ["changed", "deleted", "gone", "new", "older"]
    assert versions(connection, weather) == past  # showing writes nothing
    with connection.transaction():
        assert history.repair(connection, weather, "live").total == 5
    assert_live_is_newest(connection, weather)
    assert {key: row["a"] for key, row in live(connection, weather).items()} == {
        key: row["a"] for key, row in before.items()
    }
    written = versions(connection, weather)[len(past) :]
    assert sorted(one.key[0] for one in written) == ["changed", "deleted", "gone", "new", "older"]
    # What the past knew stays: nobody can say since when the values held.
    assert all(one.event_time >= began for one in written if one.key[0] != "new")
    assert not history.differences(connection, weather)
    connection.execute("UPDATE weather SET a = 7 WHERE k = 'new'")
    assert_live_is_newest(connection, weather)


def test_live_from_history(connection: psycopg.Connection, weather: RegisteredSet) -> None:
    before, past = live(connection, weather), versions(connection, weather)
    connection.execute(PAST_THE_TRIGGERS)
    with connection.transaction():
        history.repair(connection, weather, "history")
    assert live(connection, weather) == before
    assert versions(connection, weather) == past
    connection.execute("UPDATE weather SET a = 7 WHERE k = 'gone'")
    assert_live_is_newest(connection, weather)


def test_triggers_of_the_table_s_own_that_change_what_is_put_back(
    connection: psycopg.Connection, weather: RegisteredSet
) -> None:
    connection.execute(
        "CREATE FUNCTION twice() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.a := 2 * NEW.a; RETURN NEW; END'"
    )
    connection.execute(PAST_THE_TRIGGERS)
    connection.execute("CREATE TRIGGER twice BEFORE UPDATE ON weather FOR EACH ROW EXECUTE FUNCTION twice()")
    before = live(connection, weather)
    with pytest.raises(ChangeRefused, match="the table's own triggers"), connection.transaction():
        history.repair(connection, weather, "history")
    assert live(connection, weather) == before


@pytest.mark.parametrize("event_time", [None, "seen"])
@pytest.mark.parametrize("source", ["live", "history"])
def test_a_tracked_table(connection: psycopg.Connection, event_time: str | None, source: history.Source) -> None:
    connection.execute("CREATE TABLE app (k int PRIMARY KEY, a numeric, note text, seen timestamptz)")
    connection.execute("INSERT INTO app SELECT k, k, 'x', '2024-01-01' FROM generate_series(1, 4) k")
    with connection.transaction():
        definition = history.tracked_definition(connection, "app", features=["a"], event_time=event_time)
        app = history.create(connection, definition)
    connection.execute("SET session_replication_role = replica")
    connection.execute("UPDATE app SET a = 1.5, seen = '2023-01-01' WHERE k = 2; DELETE FROM app WHERE k = 3")
    connection.execute(
        "INSERT INTO app VALUES (9, 9, 'y', '2024-02-02'), (10, 10, 'y', NULL); UPDATE app SET note = 'z'"
    )
    connection.execute("RESET session_replication_role")
    with connection.transaction():
        assert history.repair(connection, app, source).total == 4
    assert not history.differences(connection, app)
    rows = connection.execute("SELECT k, a::float8 FROM app ORDER BY k").fetchall()
    assert (
        rows
        == {
            "live": [(1, 1), (2, 1.5), (4, 4), (9, 9), (10, 10)],
            "history": [(1, 1), (2, 2), (3, 3), (4, 4)],
        }[source]
    )


def test_a_table_that_history_cannot_follow_is_not_repaired(
    connection: psycopg.Connection, weather: RegisteredSet
) -> None:
    connection.execute("CREATE TABLE child () INHERITS (weather)")
    with pytest.raises(ChangeRefused, match="NO INHERIT"), connection.transaction():
        history.repair(connection, weather, "live")
