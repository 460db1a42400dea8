"""CALL fsdb.run_due(), the clock in SQL alone: the same versions as fsdb's own runs."""

from collections.abc import Callable
from datetime import UTC, datetime

import psycopg
import pytest

import fsdb
from fsdb import jobs
from tests.conftest import TestDatabase
from tests.jobs.conftest import QUERY, Clock
from tests.jobs.test_runs import fetch, live, paid, place, state

Made = Callable[..., fsdb.BatchSet]
# Several moments of a key, some of them late; what is known; nothing at all.
EACH = "SELECT m, amount AS total, h::int8 AS n, at AS event_time FROM pay, LATERAL (SELECT amount * 2 AS h) x WHERE at > :since AND at <= :until"


def slots(store: fsdb.Store, name: str, at: datetime) -> list[bool]:
    found = []
    while not found or found[-1]:
        found.append(bool(fetch(store, "SELECT fsdb.run_slot(%s, %s)", name, at)[0][0]))
    return found


ROUNDED = EACH.replace("amount AS total", "round(amount, -1) AS total").replace("h::int8 AS n", "1::numeric AS n")


@pytest.mark.parametrize(("query", "lookback"), [(QUERY, None), (EACH, "30 hours"), (ROUNDED, None)])
def test_the_versions_are_those_of_fsdbs_own_runs(
    shop: fsdb.Store, batch: Made, hands: Clock, query: str, lookback: str | None
) -> None:
    shop.apply([batch("one", query=query, lookback=lookback), batch("two", query=query, lookback=lookback)])
    for day in (12, 13):
        hands.at(f"2026-03-{day} 04:00")
        while jobs.run_due(place(shop), "one") is not None:
            pass
        assert slots(shop, "two", hands.now)[-1] is False
        with shop.transaction() as connection:
            connection.execute(
                "UPDATE pay SET amount = amount + 1 WHERE at BETWEEN '2026-03-11 12:00+00' AND '2026-03-12 15:00+00'"
            )
    versions = "SELECT m, total, n, event_time, deleted FROM {history} ORDER BY m, event_time, version_id"
    assert fetch(shop, versions, history="one_history") == fetch(shop, versions, history="two_history")
    assert fetch(shop, "SELECT m, total, n, event_time FROM one ORDER BY m") == fetch(
        shop, "SELECT m, total, n, event_time FROM two ORDER BY m"
    )
    assert state(shop, "one") == state(shop, "two")
    told = "SELECT since, until, outcome, rows, changed, attempt FROM fsdb.runs WHERE schedule = %s ORDER BY run_id"
    assert fetch(shop, told, "one") == fetch(shop, told, "two")


FAILING = {
    "twice": (
        "SELECT m, amount AS total, 1 AS n FROM pay WHERE at > :since AND at <= :until",
        "12 rows are of m (1) at 2026-03-11 03:00:00+00: an entity",
    ),
    "keyless": ("SELECT NULL::int8 AS m, 1.0 AS total, 1 AS n", "1 rows have no value for the key m"),
    "fractions": ("SELECT 1 AS m, 1.0 AS total, 1.5 AS n", "column n holds 1 numbers with fractions"),
    "timeless": ("SELECT 1 AS m, 1.0 AS total, 1 AS n, NULL::timestamptz AS event_time", "1 rows have no event time"),
    "broken": (
        "SELECT m, 1.0 AS total, n / (n - n) AS n FROM (SELECT 1 AS m, count(*) AS n FROM pay) p",
        "The run failed: division by zero",
    ),
}


def test_what_fails_is_recorded_and_tried_again_as_by_fsdb(shop: fsdb.Store, batch: Made, hands: Clock) -> None:
    shop.apply(
        [batch(f"{name}{who}", query=query, retries=1) for name, (query, _) in FAILING.items() for who in ("", "_sql")]
    )
    hands.at("2026-03-11 03:00")
    for _ in range(3):
        for name in FAILING:
            assert slots(shop, f"{name}_sql", hands.now) == [False]
            run = jobs.run_due(place(shop), name)
            assert run is not None
            assert run.next_try is not None
            assert state(shop, name) == state(shop, f"{name}_sql")
        hands.now = run.next_try
    for name, (_, said) in FAILING.items():
        error = fetch(shop, "SELECT error FROM fsdb.runs WHERE schedule = %s ORDER BY run_id LIMIT 1", f"{name}_sql")[
            0
        ][0]
        assert said in error
        assert live(shop, f"{name}_sql") == {}


def test_all_that_is_due_runs_in_its_order(shop: fsdb.Store, batch: Made, hands: Clock, database: TestDatabase) -> None:
    shop.apply(
        [
            batch("b", timezone="Europe/Berlin"),
            batch(
                "a",
                query="SELECT m, total, n FROM b WHERE event_time <= :until",
                timezone="Europe/Berlin",
                catch_up=False,
            ),
            batch("c"),
            batch("over"),
        ]
    )
    shop.pause_schedule("c")
    with shop.transaction() as connection:
        # Of long ago, all of them are due by the server's own clock.
        connection.execute("UPDATE fsdb.schedules SET coming = coming[1:2] || timestamptz '2100-01-01Z'")
        connection.execute("UPDATE fsdb.schedules SET coming = '{}' WHERE name = 'over'")
    notices: list[str] = []
    with database.connect() as own:
        own.add_notice_handler(lambda notice: notices.append(str(notice.message_primary)))
        own.execute("CALL fsdb.run_due()")
        own.execute("UPDATE fsdb.schedules SET coming = ARRAY['2026-03-13 02:00+00']::timestamptz[] WHERE name = 'a'")
        with pytest.raises(psycopg.errors.InvalidTransactionTermination), own.transaction():
            own.execute("CALL fsdb.run_due()")
    runs = [(row["schedule"], row["until"]) for row in reversed(shop.runs().to_dicts())]
    assert runs == [
        ("b", "2026-03-11T02:00:00+00:00"),
        ("b", "2026-03-12T02:00:00+00:00"),
        ("a", "2026-03-12T02:00:00+00:00"),
    ]
    assert live(shop, "a") == live(shop, "b") == paid("2026-03-11 02:00", "2026-03-12 02:00")
    assert notices == ["fsdb: the times of schedule over that were worked out ahead are over, so SQL runs it no more"]
    hands.now = datetime(2026, 3, 12, 12, tzinfo=UTC)
    assert [run["rows"] for run in shop.run("over").to_dicts()] == [2, 2]
    assert fetch(shop, "SELECT cardinality(coming) > 3 FROM fsdb.schedules WHERE name = 'over'") == [(True,)]
