"""Batch sets and schedules in plans, migrations, dumps, and beside what uses them."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import Operations
from psycopg import sql
from psycopg.conninfo import make_conninfo

import fsdb
from fsdb.migrate import changes, operations, schedule_changes
from fsdb.migrate.render import rendered
from tests.conftest import TestDatabase
from tests.jobs.conftest import FEATURES, QUERY, Clock
from tests.jobs.test_runs import fetch, live, paid
from tests.training.test_restore import PROGRAMS

Made = Callable[..., fsdb.BatchSet]


@pytest.mark.parametrize(
    ("given", "refused"),
    [
        ({"schedule": "0 0 31 2 *"}, "never fires"),
        ({"timezone": "Mars/Olympus"}, "The time zone 'Mars/Olympus' of daily is not known"),
        ({"query": " "}, "The query of schedule daily is empty"),
        ({"lookback": "1 month"}, "lookback '1 month' of daily is not a fixed duration"),
        (
            {"lookback": "0 hours"},
            "lookback of daily must be longer than zero; leave it out where each slot reads from the end of the one before",
        ),
        ({"retries": -1}, "retries=-1 of schedule daily is not between 0 and 100"),
        ({"after": "daily"}, "cannot come after itself"),
        ({"keys": {}}, "has no key"),
    ],
)
def test_what_cannot_be_is_refused_where_it_is_written(batch: Made, given: dict[str, object], refused: str) -> None:
    with pytest.raises(fsdb.InvalidDefinition, match=refused):
        batch(**given)


@pytest.mark.parametrize(
    ("given", "refused"),
    [
        ({"job": "settles"}, "there are batch, sync and retain"),
        ({"job": "batch"}, "of the job 'batch' needs a query"),
        ({"job": "sync", "query": "SELECT 1"}, "takes no query"),
        ({"job": "sync", "lookback": "1 hour"}, "takes no lookback"),
        ({"job": "batch", "query": "SELECT 1", "sets": "a"}, "fills the feature set of its own name"),
    ],
)
def test_schedules_that_cannot_be_are_refused(given: dict[str, str], refused: str) -> None:
    with pytest.raises(fsdb.InvalidDefinition, match=refused):
        fsdb.Schedule("nightly", cron="0 3 * * *", **given)


@pytest.mark.parametrize(
    ("query", "refused"),
    [
        ("SELECT m, sum(amount) AS total FROM pay GROUP BY m", "gives no 'n': it gives 'm', 'total'"),
        ("SELECT m, amount AS total, 'x' AS n FROM pay", "Column 'n' of the data is of type text"),
        (
            "SELECT m, amount AS total, 1 AS n, at AT TIME ZONE 'UTC' AS event_time FROM pay",
            "gives event_time as timestamp without time zone",
        ),
        ("SELECT m, amount AS total, 1 AS n FROM pay WHERE at > now()", r"asks the clock by now\(\).*write :until"),
        (
            "SELECT m, amount AS total, 1 AS n FROM pay WHERE at::date = CURRENT_DATE",
            "asks the clock by CURRENT_TIMESTAMP.*write :until",
        ),
        (
            "SELECT m, amount AS total, 1 AS n FROM pay WHERE at > timestamptz 'yesterday'",
            "asks the clock by 'yesterday'",
        ),
        ("SELECT m, random() AS total, 1 AS n FROM pay", r"calls random\(\), which is volatile"),
        ("SELECT m, amount AS total, nextval('s') AS n FROM pay", r"calls nextval\(\), which is volatile"),
        ("SELECT m, amount AS total, 1 AS n FROM late", r"asks the clock by now\(\)"),
        ("WITH gone AS (DELETE FROM pay RETURNING *) SELECT m, amount AS total, 1 AS n FROM gone", "may only read"),
        ("DELETE FROM pay", "not one SELECT that PostgreSQL understands"),
        ("SELECT m, amount AS total, 1 AS n FROM pay; SELECT 1", "cannot insert multiple commands"),
        ("SELECT m, amount AS total, 1 AS n FROM nowhere", 'relation "nowhere" does not exist'),
        ("SELECT m, amount AS total, 1 AS n, 2 AS z FROM pay", "has no 'z'"),
    ],
)
def test_queries_are_held_against_their_set_before_anything_of_them_runs(
    module_shop: fsdb.Store, batch: Made, query: str, refused: str
) -> None:
    with pytest.raises(fsdb.InvalidDefinition, match=refused):
        module_shop.apply([batch(query=query)])
    assert fetch(module_shop, "SELECT count(*) FROM fsdb.feature_sets") == [(0,)]


def test_texts_that_only_look_like_the_clock_are_none(module_shop: fsdb.Store, batch: Made) -> None:
    module_shop.apply(
        [
            batch(
                "words",
                query="SELECT m, amount AS total, 1 AS n FROM pay WHERE 'now' <> 'today' AND ':since' <> '::until'",
            )
        ]
    )
    module_shop.apply([], prune=True, allow_destructive=True)


def test_a_migration_makes_changes_and_drops_schedules(shop: fsdb.Store, batch: Made, hands: Clock) -> None:
    wanted = batch(lookback="2 hours", retries=5, catch_up=False, query=QUERY + "\n-- a second line")
    feature_set, schedule = wanted.parts()
    later = fsdb.BatchSet(**{**vars(wanted), "schedule": "0 4 * * *", "retries": 1}).parts()[1]
    steps = [
        changes.CreateFeatureSet(feature_set),
        schedule_changes.CreateSchedule(schedule),
        schedule_changes.AlterSchedule(schedule, later),
        schedule_changes.DropSchedule(later),
    ]
    operations.register()
    engine = sa.create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(shop.url))
    stood = None
    for number, step in enumerate(steps):
        with engine.begin() as connection:
            op = Operations(MigrationContext.configure(connection))
            exec("\n".join(rendered(step)), {"op": op, "fsdb": fsdb})
        wanted_now = [[feature_set], [feature_set, schedule], [feature_set, later], [feature_set]][number]
        assert not shop.plan(wanted_now, prune=True)
        if number == 1:
            stood = fetch(shop, "SELECT done_until FROM fsdb.schedules")
        if number == 2:
            assert fetch(shop, "SELECT done_until FROM fsdb.schedules") == stood
    engine.dispose()


def test_what_a_schedule_reads_stays_and_its_own_set_fits_it(shop: fsdb.Store, batch: Made, hands: Clock) -> None:
    second = batch("totals", query="SELECT m, total, n FROM daily WHERE event_time <= :until")
    shop.apply([batch(), second])
    with pytest.raises(
        fsdb.ChangeRefused,
        match=r"Feature set daily is not dropped while it is used by schedule totals \(drop it or let its query read something else\)",
    ):
        shop.apply([second], prune=True, allow_destructive=True)
    with pytest.raises(fsdb.InvalidDefinition, match="The query of daily gives no 'most'"):
        shop.apply([batch(features=[*FEATURES, fsdb.Feature("most", sa.Numeric)]), second])
    wider = batch(
        features=[*FEATURES, fsdb.Feature("most", sa.Numeric)], query=QUERY.replace("AS n", "AS n, max(amount) AS most")
    )
    assert [type(change).__name__ for change in shop.apply([wider, second]).changes] == ["AddFeature", "AlterSchedule"]
    shop.apply([batch(), batch("totals")], allow_destructive=True)
    shop.apply([batch("totals")], prune=True, allow_destructive=True)
    assert [row["name"] for row in shop.schedules().to_dicts()] == ["totals"]


def test_a_dump_has_schedules_and_they_go_on_where_they_stood(
    shop: fsdb.Store, batch: Made, hands: Clock, database: TestDatabase, server_url: str, tmp_path: Path
) -> None:
    shop.apply([batch()])
    hands.at("2026-03-11 03:00")
    shop.run("daily")
    dump, name = tmp_path / "dump", f"{database.name}_restored"
    subprocess.run(
        [PROGRAMS / "pg_dump", "--format=custom", "--file", dump, database.url], check=True, capture_output=True
    )
    with psycopg.connect(server_url, autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            url = make_conninfo(server_url, dbname=name)
            subprocess.run(
                [PROGRAMS / "pg_restore", "--exit-on-error", "--dbname", url, dump], check=True, capture_output=True
            )
            with fsdb.connect(url) as store:
                hands.at("2026-03-12 03:00")
                assert [run["rows"] for run in store.run("daily").to_dicts()] == [2]
                assert live(store) == paid("2026-03-11 03:00", "2026-03-12 03:00")
                assert len(store.runs()) == 2
        finally:
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
