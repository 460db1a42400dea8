"""Runs of batch sets: slots, failures, backfill, what is left of a run that is killed."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg import sql

import fsdb
from fsdb import jobs
from tests.conftest import TestDatabase
from tests.jobs.conftest import QUERY, Clock

Made = Callable[..., fsdb.BatchSet]


def place(store: fsdb.Store) -> jobs.Place:
    return jobs.Place(store._database.transaction, store.url)


def fetch(store: fsdb.Store, query: str, *values: Any, **names: str) -> list[tuple[Any, ...]]:
    parts = {part: sql.Identifier(name) for part, name in names.items()}
    with store.transaction() as connection:
        return connection.execute(sql.SQL(query).format(**parts), values).fetchall()


def state(store: fsdb.Store, name: str = "daily") -> tuple[Any, ...]:
    (row,) = fetch(store, "SELECT done_until, attempt, next_try FROM fsdb.schedules WHERE name = %s", name)
    return row


def paid(since: str, until: str) -> dict[int, tuple[int, int]]:
    """Sum and number of the payments in (since, until], counted in plain Python."""
    begin = datetime(2026, 3, 5, tzinfo=UTC)
    low, high = (datetime.fromisoformat(one).replace(tzinfo=UTC) for one in (since, until))
    found: dict[int, tuple[int, int]] = {}
    for hour in range(264):
        if low < begin + timedelta(hours=hour) <= high:
            total, n = found.get(1 + hour % 2, (0, 0))
            found[1 + hour % 2] = total + hour, n + 1
    return found


def live(store: fsdb.Store, name: str = "daily") -> dict[int, tuple[int, int]]:
    return {m: (int(total), n) for m, total, n in fetch(store, "SELECT m, total, n FROM {name}", name=name)}


def test_each_slot_runs_once_with_what_lies_in_it(shop: fsdb.Store, batch: Made, hands: Clock) -> None:
    shop.apply([batch(lookback="2 hours")])
    assert jobs.run_due(place(shop), "daily") is None  # the slot of three this morning is over
    hands.at("2026-03-11 02:59:59.999999")
    assert jobs.run_due(place(shop), "daily") is None
    hands.at("2026-03-11 03:00")
    done = jobs.run_due(place(shop), "daily")
    assert done is not None
    assert (done.outcome, done.rows, done.changed, done.attempt) == ("done", 2, 2, 1)
    assert live(shop) == paid("2026-03-10 01:00", "2026-03-11 03:00")
    assert {at for (at,) in fetch(shop, "SELECT event_time FROM daily")} == {hands.now}
    assert jobs.run_due(place(shop), "daily") is None
    assert state(shop) == (hands.now, 0, None)
    (run,) = shop.runs("daily").to_dicts()
    assert (run["since"], run["until"]) == ("2026-03-10T01:00:00+00:00", "2026-03-11T03:00:00+00:00")


def test_missed_slots_run_in_turn_or_the_last_one_alone(shop: fsdb.Store, batch: Made, hands: Clock) -> None:
    shop.apply([batch(), batch("latest", catch_up=False)])
    hands.at("2026-03-13 10:00")
    assert [run["until"][:10] for run in shop.run("daily").to_dicts()] == ["2026-03-11", "2026-03-12", "2026-03-13"]
    assert [run["until"][:10] for run in shop.run("latest").to_dicts()] == ["2026-03-13"]
    assert live(shop) == live(shop, "latest") == paid("2026-03-12 03:00", "2026-03-13 03:00")
    # Nothing is due: the last slot once more, which says what is known.
    assert [(run["rows"], run["changed"]) for run in shop.run("daily").to_dicts()] == [(2, 0)]


def test_a_backfill_is_what_each_slot_would_have_given_in_time(shop: fsdb.Store, batch: Made, hands: Clock) -> None:
    hands.at("2026-03-06 12:00")
    shop.apply([batch("in_time")])
    for day in range(7, 13):
        hands.at(f"2026-03-{day:02} 03:00:01")
        assert jobs.run_due(place(shop), "in_time") is not None
    shop.apply([batch("later")])
    before = state(shop, "later")
    shop.run("later", datetime(2026, 3, 6, 3, tzinfo=UTC), datetime(2026, 3, 12, 3, tzinfo=UTC))
    again = shop.run("later", datetime(2026, 3, 8, tzinfo=UTC), datetime(2026, 3, 10, tzinfo=UTC))
    assert [run["changed"] for run in again.to_dicts()] == [0, 0]
    assert state(shop, "later") == before
    versions = "SELECT m, total, n, event_time, deleted FROM {history} ORDER BY m, event_time"
    assert fetch(shop, versions, history="in_time_history") == fetch(shop, versions, history="later_history")
    for hour in range(0, 150, 7):
        at = datetime(2026, 3, 7, 1, tzinfo=UTC) + timedelta(hours=hour)
        ends = [f"2026-03-{day:02} 03:00" for day in range(6, 13)]
        slots = [n for n, end in enumerate(ends) if n and datetime.fromisoformat(end).replace(tzinfo=UTC) <= at]
        expected = paid(ends[slots[-1] - 1], ends[slots[-1]]) if slots else {}
        rows = fetch(shop, "SELECT m, total, n FROM later_as_of(%s)", at)
        assert {m: (int(total), n) for m, total, n in rows} == expected
    for since, until in (("2026-03-11", "2026-03-14"), ("2026-03-11 04:00", "2026-03-11 05:00")):
        moments = [datetime.fromisoformat(one).replace(tzinfo=UTC) for one in (since, until)]
        with pytest.raises(fsdb.ChangeRefused, match=r"have not come yet|no slot that ends"):
            shop.run("later", *moments)


def test_a_run_that_fails_leaves_its_record_and_is_tried_again_ever_later(
    shop: fsdb.Store, batch: Made, hands: Clock
) -> None:
    shop.apply([batch(query=QUERY.replace("sum(amount)", "sum(1 / (amount - 140))"), retries=2)])
    stood = state(shop)[0]
    hands.at("2026-03-11 03:00")
    waits = []
    for _ in range(4):
        run = jobs.run_due(place(shop), "daily")
        assert run is not None
        assert (run.outcome, run.error) == ("failed", "The query failed, or gave what does not fit: division by zero.")
        assert jobs.run_due(place(shop), "daily") is None
        assert run.next_try is not None
        waits.append(run.next_try - hands.now)
        hands.now = run.next_try
    assert waits[:2] == [timedelta(seconds=30), timedelta(minutes=2)]
    # After the last of its tries it waits for the schedule's next time; the slot stays the same.
    assert hands.now == datetime(2026, 3, 13, 3, tzinfo=UTC)
    assert state(shop) == (stood, 4, hands.now)
    assert live(shop) == {}
    assert [row["attempt"] for row in shop.runs().to_dicts()] == [4, 3, 2, 1]
    assert {row["until"][:10] for row in shop.runs().to_dicts()} == {"2026-03-11"}
    (shown,) = shop.schedules().to_dicts()
    assert (shown["state"], shown["error"]) == (
        "failing",
        "The query failed, or gave what does not fit: division by zero.",
    )
    with pytest.raises(
        fsdb.RunFailed,
        match=r"up to 2026-03-11 03:00:00\+00:00 failed: The query failed, or gave what does not fit: division by zero",
    ):
        shop.run("daily")
    with shop.transaction() as connection:
        connection.execute("DELETE FROM pay WHERE amount = 140")
    assert {row["outcome"] for row in shop.run("daily").to_dicts()} == {"done"}
    assert state(shop) == (datetime(2026, 3, 13, 3, tzinfo=UTC), 0, None)


@pytest.mark.parametrize(
    ("query", "refused"),
    [
        (
            "SELECT m, amount AS total, 1 AS n FROM pay WHERE at > :since AND at <= :until",
            r"1[12] rows are of m 1 at 2026-03-11 03:00:00\+00:00",
        ),
        (
            "SELECT nullif(m, 2) AS m, sum(amount) AS total, 1 AS n FROM pay WHERE at <= :until GROUP BY m",
            "have no value for the key m",
        ),
        (
            "SELECT m, 1.0 AS total, 1 AS n, NULL::timestamptz AS event_time FROM pay WHERE at = :until",
            "have no event time",
        ),
        ("SELECT m, 1.0 AS total, 99999999999999999999 AS n FROM pay WHERE at = :until", "out of range"),
    ],
)
def test_rows_that_cannot_be_taken_refuse_the_run(
    shop: fsdb.Store, batch: Made, hands: Clock, query: str, refused: str
) -> None:
    shop.apply([batch(query=query)])
    hands.at("2026-03-11 03:00")
    with pytest.raises(fsdb.RunFailed, match=refused):
        shop.run("daily")
    assert live(shop) == {}
    assert [row["outcome"] for row in shop.runs().to_dicts()] == ["failed"]


def test_a_run_that_is_killed_leaves_nothing_and_goes_on_at_once(
    shop: fsdb.Store, batch: Made, hands: Clock, database: TestDatabase
) -> None:
    shop.apply([batch()])
    stood = state(shop)
    hands.at("2026-03-11 03:00")
    failures: list[BaseException] = []

    def runs() -> None:
        try:
            with fsdb.connect(database.url) as own:
                own.run("daily")
        except BaseException as error:
            failures.append(error)

    with database.connect() as blocker, database.connect() as other, blocker.transaction():
        blocker.execute("LOCK TABLE daily IN ACCESS EXCLUSIVE MODE")
        running = threading.Thread(target=runs)
        running.start()
        pid = waiting_for(other, "daily")
        # Meanwhile nobody else runs it, changes it or pauses it.
        assert jobs.run_due(place(shop), "daily") is None
        for call in (shop.run, shop.pause_schedule):
            with pytest.raises(fsdb.ChangeRefused, match="runs right now"):
                call("daily")
        other.execute("SELECT pg_terminate_backend(%s)", (pid,))
        running.join(20)
    assert not running.is_alive()
    assert [type(failure) for failure in failures] == [fsdb.ConnectionFailed]
    assert state(shop) == stood
    assert live(shop) == {}
    assert len(shop.runs()) == 0
    done = jobs.run_due(place(shop), "daily")
    assert done is not None
    assert done.outcome == "done"
    assert live(shop) == paid("2026-03-10 03:00", "2026-03-11 03:00")


def waiting_for(connection: psycopg.Connection, table: str) -> int:
    """The session that waits for a lock on a table."""
    query = (
        "SELECT pid FROM pg_locks WHERE NOT granted AND relation = %s::regclass "
        "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    for _ in range(2000):
        row = connection.execute(query, (table,)).fetchone()
        if row is not None:
            return int(row[0])
        connection.execute("SELECT pg_sleep(0.01)")
    raise AssertionError(f"nobody waits for {table}")


def test_a_slot_waits_for_the_sets_that_its_query_reads(shop: fsdb.Store, batch: Made, hands: Clock) -> None:
    second = batch("totals", query="SELECT m, total, n FROM seen WHERE event_time <= :until")
    with shop.transaction() as connection:
        connection.execute("CREATE VIEW public.nothing AS SELECT 1 AS one")
    shop.apply([batch()])
    with shop.transaction() as connection:
        connection.execute("CREATE VIEW seen AS SELECT * FROM daily")
    third = batch("third", after=["totals"])
    shop.apply([batch(), second, third])
    hands.at("2026-03-11 03:00")
    assert jobs.run_due(place(shop), "third") is None
    assert jobs.run_due(place(shop), "totals") is None
    assert jobs.run_due(place(shop), "daily") is not None
    assert jobs.run_due(place(shop), "totals") is not None
    assert live(shop) == live(shop, "totals")
    assert jobs.run_due(place(shop), "third") is not None
    hands.at("2026-03-12 03:00")
    shop.pause_schedule("daily")
    assert jobs.run_due(place(shop), "totals") is not None  # what is paused is not waited for
    with pytest.raises(fsdb.InvalidDefinition, match="daily waits for third waits for totals waits for daily"):
        shop.apply([batch(after=["third"]), second, third])
    with pytest.raises(fsdb.InvalidDefinition, match="comes after 'nowhere', and there is no such schedule"):
        shop.apply([batch("fourth", after="nowhere")])


def test_what_is_paused_does_not_run_until_it_is_resumed(shop: fsdb.Store, batch: Made, hands: Clock) -> None:
    shop.apply([batch()])
    shop.pause_schedule("daily")
    hands.at("2026-03-12 03:00")
    assert jobs.run_due(place(shop), "daily") is None
    assert shop.schedules().to_dicts()[0]["state"] == "paused"
    shop.apply([batch(schedule="0 2 * * *")])
    assert jobs.run_due(place(shop), "daily") is None
    shop.resume_schedule("daily")
    untils = []
    while (done := jobs.run_due(place(shop), "daily")) is not None:
        untils.append(done.until.isoformat()[:13])
    assert untils == ["2026-03-11T02", "2026-03-12T02"]
    for call in (shop.pause_schedule, shop.resume_schedule, shop.run):
        with pytest.raises(fsdb.UnknownName, match=r"There is no schedule 'dayly'.*daily"):
            call("dayly")
