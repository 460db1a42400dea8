"""Sets whose time is the clock's alone: an event_time that is named is ignored, or refused, as declared."""

from datetime import UTC, datetime
from typing import Literal

import psycopg
import pytest
from psycopg.rows import dict_row
from psycopg.sql import SQL

from fsdb import history, ingest
from fsdb.catalog.feature_sets import RegisteredSet, get_set
from fsdb.definitions import Feature, FeatureSet
from fsdb.errors import ChangeRefused, InvalidData, InvalidDefinition
from fsdb.migrate.changes import AlterFeatureSet, SetAttributes
from fsdb.migrate.perform import perform
from fsdb.migrate.plan import apply, plan
from tests.history.kept import assert_live_is_newest, day, made

STOCK = {"keys": {"k": "bigint"}, "features": [Feature("a", "double precision"), Feature("b", "text")]}


def _stock(rule: str | None) -> FeatureSet:
    return FeatureSet("stock", event_time=rule, **STOCK)  # type: ignore[arg-type]


@pytest.fixture
def stock(connection: psycopg.Connection) -> RegisteredSet:
    return made(connection, _stock("clock"))


# What an ORM that writes every column back sends, and what one that was told a wrong time does.
IGNORED = [
    "UPDATE stock SET a = 2, b = b, event_time = event_time",
    "UPDATE stock SET a = 2, event_time = '2024-01-01 00:00+00'",
    "UPDATE stock SET a = 2, event_time = '2100-01-01 00:00+00'",
    "UPDATE stock SET a = 2, event_time = NULL",
    "UPDATE stock SET a = 2, event_time = 'infinity'",
    "INSERT INTO stock VALUES (1, 2, 'x', '2024-01-01') ON CONFLICT (k) DO UPDATE SET a = excluded.a, event_time = excluded.event_time",
    "MERGE INTO stock s USING (SELECT 1) AS o ON s.k = 1 WHEN MATCHED THEN UPDATE SET a = 2, event_time = '2024-01-01'",
]


@pytest.mark.parametrize("statement", IGNORED)
def test_a_time_that_is_named_is_ignored(connection: psycopg.Connection, stock: RegisteredSet, statement: str) -> None:
    connection.execute("INSERT INTO stock VALUES (1, 1, 'x', '2024-01-01 00:00+00')")
    assert connection.execute(statement).rowcount == 1  # type: ignore[arg-type]
    kept = assert_live_is_newest(connection, stock)
    assert [v.values["a"] for v in kept] == [1, 2]
    assert datetime(2024, 1, 2, tzinfo=UTC) < kept[0].event_time < kept[1].event_time <= datetime.now(UTC)


def test_naming_another_time_alone_changes_nothing(connection: psycopg.Connection, stock: RegisteredSet) -> None:
    connection.execute("INSERT INTO stock (k, a) VALUES (1, 1), (2, 1)")
    assert connection.execute("UPDATE stock SET event_time = %s", (day(1),)).rowcount == 2
    connection.execute("UPDATE stock SET k = 3, event_time = %s WHERE k = 2", (day(1),))
    connection.execute("DELETE FROM stock WHERE k = 1")
    connection.execute("INSERT INTO stock VALUES (1, 5, 'back', %s)", (day(1),))
    kept = assert_live_is_newest(connection, stock)
    assert [(v.key[0], v.deleted) for v in kept] == [
        (1, False),
        (2, False),
        (2, True),
        (3, False),
        (1, True),
        (1, False),
    ]


def test_a_time_that_is_named_is_refused(connection: psycopg.Connection) -> None:
    stock = made(connection, _stock("clock only"))
    for statement in (
        "INSERT INTO stock VALUES (1, 1, 'x', '2024-01-01')",
        "INSERT INTO stock VALUES (1, 1, 'x', now()) ON CONFLICT (k) DO UPDATE SET a = 1",
    ):
        with pytest.raises(psycopg.errors.CheckViolation, match="event_time of stock comes from the clock alone"):
            connection.execute(statement)  # type: ignore[arg-type]
    connection.execute("INSERT INTO stock (k, a) VALUES (1, 1)")
    for said in ("'2024-01-01'", "now()", "NULL"):
        with pytest.raises(psycopg.errors.CheckViolation, match="event_time of stock comes from the clock alone"):
            connection.execute(SQL("UPDATE stock SET a = 2, event_time = {}").format(SQL(said)))
    connection.execute(
        "UPDATE stock SET a = 3, event_time = event_time"
    )  # the row's own, as a save of all columns sends it
    assert [v.values["a"] for v in assert_live_is_newest(connection, stock)] == [1, 3]


def test_what_gives_times_itself_is_refused_in_a_sentence(connection: psycopg.Connection, stock: RegisteredSet) -> None:
    ingest.ingest(connection, stock, "SELECT 1::bigint AS k, 1::float8 AS a")
    rows = "SELECT 1::bigint AS k, 2::float8 AS a, now() AS event_time"
    with pytest.raises(InvalidData, match="the clock alone counts: leave the column 'event_time' out"):
        ingest.ingest(connection, stock, rows)
    with pytest.raises(InvalidData, match="the clock alone counts: leave the column 'at' out"):
        ingest.ingest(connection, stock, rows.replace("event_time", "at"), event_time="at")
    with pytest.raises(InvalidData, match="past cannot be filled"):
        ingest.backfill(connection, stock, rows, ["a"])
    with pytest.raises(InvalidData, match="with DELETE, as of now"):
        history.delete_as_of(connection, stock, [{"k": 1}], day(1))
    assert len(assert_live_is_newest(connection, stock)) == 1


def test_a_row_of_a_key_that_another_session_deletes(connection: psycopg.Connection, stock: RegisteredSet) -> None:
    """The row that comes back while its tombstone of the same moment is written is moved past it."""
    connection.execute("INSERT INTO stock (k, a) VALUES (1, 1)")
    for _ in range(20):
        connection.execute(
            "WITH gone AS (DELETE FROM stock RETURNING k) INSERT INTO stock (k, a) SELECT k, 2 FROM gone"
        )
        connection.execute("DELETE FROM stock; INSERT INTO stock (k, a) VALUES (1, 3)")
    assert_live_is_newest(connection, stock)


@pytest.mark.parametrize("source", ["live", "history"])
def test_repair_sets_the_time_itself(
    connection: psycopg.Connection, stock: RegisteredSet, source: Literal["live", "history"]
) -> None:
    connection.execute("INSERT INTO stock (k, a) VALUES (1, 1)")
    connection.execute(
        "ALTER TABLE stock DISABLE TRIGGER USER; UPDATE stock SET a = 9; ALTER TABLE stock ENABLE TRIGGER USER"
    )
    with connection.transaction():
        assert history.repair(connection, stock, source).changed == 1
    kept = assert_live_is_newest(connection, stock)
    assert [v.values["a"] for v in kept] == ([1, 9] if source == "live" else [1])
    connection.execute("UPDATE stock SET a = 2, event_time = '2024-01-01'")
    assert assert_live_is_newest(connection, stock)[-1].values["a"] == 2


def test_the_rule_is_part_of_the_definition(connection: psycopg.Connection) -> None:
    """Planned, applied, shown and changed at any time, with the triggers that it takes."""
    for rule, named in (("clock", False), ("clock only", False), (None, True), ("clock", False)):
        wanted = _stock(rule)
        with connection.transaction():
            apply(connection, plan(connection, [wanted]))
        registered = get_set(connection, "stock")
        assert registered.event_time_rule == rule
        assert not plan(connection, [wanted])
        assert {found.state for found in history.status(connection, registered)} == {"installed"}
        triggers = connection.execute("SELECT tgname FROM pg_trigger WHERE tgrelid = 'stock'::regclass").fetchall()
        assert (("~fsdb_1_named",) in triggers, ("~fsdb_1_clock",) in triggers) == (named, not named)
    with connection.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute("SELECT event_time_rule FROM fsdb.feature_sets").fetchone()
    assert row == {"event_time_rule": "clock"}
    with connection.transaction():
        history.drop(connection, get_set(connection, "stock"))
    left = "SELECT count(*) FROM pg_proc WHERE pronamespace = 'fsdb_history'::regnamespace"
    assert connection.execute(left).fetchone() == (0,)  # type: ignore[arg-type]


def test_what_event_time_may_say(connection: psycopg.Connection) -> None:
    with pytest.raises(InvalidDefinition, match="event_time='updated_at' of stock names no rule"):
        _stock("updated_at")
    connection.execute("CREATE TABLE app (k int PRIMARY KEY, a int, clock timestamptz)")
    with connection.transaction():
        tracked = history.create(connection, history.tracked_definition(connection, "app", event_time="clock"))
    assert (tracked.event_time_column, tracked.event_time_rule) == ("clock", None)
    with pytest.raises(ChangeRefused, match="tracks a table"), connection.transaction():
        perform(connection, AlterFeatureSet("app", SetAttributes(), SetAttributes(event_time="clock")))
