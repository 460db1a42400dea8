"""The worker's part that runs schedules: several at once, what status and doctor say, and jobs that commit as they go."""

import json
import threading
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

import fsdb
from fsdb import jobs
from fsdb.cli.app import main
from fsdb.doctor import diagnose
from fsdb.jobs.slots import COMING
from fsdb.worker import Scheduler
from tests.conftest import TestDatabase
from tests.jobs.conftest import Clock
from tests.jobs.test_runs import fetch, live, paid, place, waiting_for

Made = Callable[..., fsdb.BatchSet]


def checks(database: TestDatabase) -> dict[str, tuple[str, str]]:
    with database.connect() as connection, connection.transaction():
        return {
            one.name: (one.state, one.found) for one in diagnose(connection).checks if one.name.startswith("schedule")
        }


def test_of_two_workers_at_once_one_runs_the_slot(
    shop: fsdb.Store, batch: Made, hands: Clock, database: TestDatabase
) -> None:
    shop.apply([batch()])
    hands.at("2026-03-11 03:00")
    told: list[str] = []
    with database.connect() as blocker, database.connect() as other:
        with blocker.transaction():
            blocker.execute("LOCK TABLE daily IN ACCESS EXCLUSIVE MODE")
            first = threading.Thread(
                target=lambda: Scheduler(database.url, told=lambda run: told.append(f"first {run.rows}")).run(once=True)
            )
            first.start()
            waiting_for(other, "daily")
            Scheduler(database.url, told=lambda run: told.append(f"second {run.rows}")).run(once=True)
            assert told == []
        first.join(20)
    assert told == ["first 2"]
    assert live(shop) == paid("2026-03-10 03:00", "2026-03-11 03:00")
    assert fetch(shop, "SELECT count(*) FROM fsdb.runs") == [(1,)]


def test_a_worker_runs_what_is_due_in_the_order_of_what_waits(
    shop: fsdb.Store, batch: Made, hands: Clock, database: TestDatabase, capsys: pytest.CaptureFixture[str]
) -> None:
    shop.apply(
        [
            batch("b"),
            batch("a", after="b"),
            batch("broken", query="SELECT m, 1.0 AS total, n / 0 AS n FROM b"),
            batch("other"),
        ]
    )
    hands.at("2026-03-11 05:00")
    assert main(["worker", "--once", "--json", "--url", database.url]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    runs = [(line["schedule"], line["outcome"]) for line in lines]
    assert set(runs) == {("b", "done"), ("a", "done"), ("broken", "failed"), ("other", "done")}
    assert runs.index(("b", "done")) < runs.index(("a", "done"))
    hands.at("2026-03-12 05:00")
    shop.pause_schedule("other")
    # Nobody runs them now.
    with shop.transaction() as connection:
        connection.execute("UPDATE fsdb.schedules SET next_try = '2026-03-13' WHERE name = 'broken'")
    found = checks(database)
    assert found["schedule a"] == ("advice", "waits for b")
    assert found["schedule b"] == ("wrong", "was due at 2026-03-12 03:00:00+00:00")
    assert found["schedule broken"][0] == "wrong"
    assert (
        "has failed 1 times in a row: The query failed, or gave what does not fit: division by zero"
        in found["schedule broken"][1]
    )
    assert found["schedule other"][0] == "advice"
    notes = {part.name: part.note for part in shop.status().parts if part.kind == "schedule"}
    assert notes["b"].startswith(
        "batch at 0 3 * * *, UTC; last run 2026-03-11 05:00:00+00, 2 rows; due since 2026-03-12 03:00:00+00"
    )
    assert "failing, 1 times in a row" in notes["broken"]
    assert "paused since 2026-03-12 05:00:00+00" in notes["other"]
    # What the query reads goes: the doctor knows before the next run does.
    with shop.transaction() as connection:
        connection.execute("ALTER TABLE pay RENAME TO paid")
    assert 'relation "pay" does not exist' in checks(database)["schedule b"][1]


def test_syncs_are_runs_too(
    shop: fsdb.Store, batch: Made, hands: Clock, database: TestDatabase, tmp_path: Path
) -> None:
    nightly = fsdb.Schedule("nightly", "sync", "0 4 * * *", sets=["daily"], after="daily")
    shop.apply([batch(), nightly])
    hands.at("2026-03-11 04:00")
    done = []
    Scheduler(database.url, str(tmp_path), told=done.append).run(once=True)
    assert [(run.schedule, run.job, run.outcome, run.rows) for run in done] == [
        ("daily", "batch", "done", 2),
        ("nightly", "sync", "done", 2),
    ]
    Scheduler(database.url, str(tmp_path), told=done.append).run(once=True)
    assert len(done) == 2
    shop.apply([batch(), nightly, fsdb.Schedule("keep", "retain", "0 5 * * *")])
    assert [run["rows"] for run in shop.run("keep").to_dicts()] == [0]
    assert checks(database) == {"schedules": ("good", "run at their times")}
    with shop.transaction(), pytest.raises(fsdb.ChangeRefused, match="A sync commits on its own"):
        shop.run("nightly")


def test_slots_are_worked_out_ahead(shop: fsdb.Store, batch: Made, hands: Clock, database: TestDatabase) -> None:
    shop.apply([batch()])
    assert fetch(shop, "SELECT cardinality(coming), coming[1] > done_until FROM fsdb.schedules") == [(COMING, True)]
    with shop.transaction() as connection:
        connection.execute("UPDATE fsdb.schedules SET coming = coming[1:3]")
    Scheduler(database.url).run(once=True)
    assert fetch(shop, "SELECT cardinality(coming) FROM fsdb.schedules") == [(COMING,)]


def test_a_zone_that_this_machine_does_not_know_holds_up_no_other(
    shop: fsdb.Store, batch: Made, hands: Clock, database: TestDatabase
) -> None:
    shop.apply([batch(), batch("lost")])
    with shop.transaction() as connection:
        connection.execute("UPDATE fsdb.schedules SET timezone = 'Mars/Olympus' WHERE name = 'lost'")
    hands.at("2026-03-11 03:00")
    done, noted = [], []
    Scheduler(database.url, told=done.append, noted=noted.append).run(once=True)
    assert [run.schedule for run in done] == ["daily"]
    assert noted == [
        "lost: The time zone 'Mars/Olympus' of lost is not known: write a name such as 'UTC' or 'Europe/Berlin'."
    ]


def test_who_may_not_run_schedules_is_told_so(
    shop: fsdb.Store, batch: Made, hands: Clock, database: TestDatabase
) -> None:
    shop.apply([batch()])
    with database.connect() as admin:
        admin.execute(
            "DO $$ BEGIN CREATE ROLE fsdb_test_looker LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$"
        )
        admin.execute(
            "GRANT USAGE ON SCHEMA fsdb TO fsdb_test_looker; GRANT SELECT ON fsdb.schedules TO fsdb_test_looker"
        )
    noted: list[str] = []
    url = psycopg.conninfo.make_conninfo(database.url, user="fsdb_test_looker")
    hands.at("2026-03-11 03:00")
    Scheduler(url, noted=noted.append).run(once=True)
    assert noted == ["User fsdb_test_looker may not run schedules: run fsdb worker as a member of fsdb's role."]
    assert jobs.run_due(place(shop), "daily") is not None
