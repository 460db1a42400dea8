"""Whose rights the query of a batch set has: those of the role that owns its table, and nobody gets more by it."""

from collections.abc import Iterator

import psycopg
import pytest
import sqlalchemy as sa
from psycopg.conninfo import make_conninfo

import fsdb
from tests.conftest import TestDatabase

QUERY = "SELECT m, count(*) AS n FROM pay WHERE at <= :until GROUP BY m"
FILLER, STRANGER, WORKER = "fsdb_test_filler", "fsdb_test_stranger", "fsdb_test_batch_worker"


def daily(query: str) -> fsdb.BatchSet:
    return fsdb.BatchSet(
        "daily",
        keys={"m": sa.BigInteger},
        features=[fsdb.Feature("n", sa.BigInteger)],
        query=query,
        schedule="0 3 * * *",
    )


@pytest.fixture
def store(database: TestDatabase) -> Iterator[fsdb.Store]:
    """A batch set whose table belongs to a role of no rights but on the table that its query reads."""
    with fsdb.connect(database.url) as store, database.connect() as admin:
        for role in (FILLER, STRANGER, WORKER):
            admin.execute(
                psycopg.sql.SQL(
                    "DO $$ BEGIN CREATE ROLE {0} LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$"
                ).format(psycopg.sql.Identifier(role))
            )
        admin.execute(
            "CREATE TABLE pay (m bigint, at timestamptz); INSERT INTO pay VALUES (1, '2020-01-01Z'); CREATE TABLE secret AS SELECT 1 AS m"
        )
        admin.execute("GRANT CREATE, USAGE ON SCHEMA public TO fsdb_test_filler, fsdb_test_stranger")
        store.apply([daily(QUERY)])
        admin.execute(
            "ALTER TABLE daily OWNER TO fsdb_test_filler; GRANT SELECT ON pay TO fsdb_test_filler; GRANT USAGE ON SCHEMA fsdb TO fsdb_test_filler"
        )
        yield store


def test_it_reads_what_the_owner_of_the_table_may_read(store: fsdb.Store) -> None:
    assert [run["rows"] for run in store.run("daily").to_dicts()] == [1]
    with pytest.raises(
        fsdb.RightMissing,
        match=r"The query of daily runs as role fsdb_test_filler, which owns the set's table and lacks a right: permission denied for table secret\.",
    ):
        store.apply([daily("SELECT m, 1 AS n FROM secret")])
    with store.transaction() as connection:
        connection.execute("REVOKE SELECT ON pay FROM fsdb_test_filler")
    with pytest.raises(fsdb.RunFailed, match="permission denied for table pay"):
        store.run("daily")


@pytest.mark.parametrize(
    "text",
    [
        "SELECT set_config('role', 'postgres', true)::text",
        "SELECT set_config('session_authorization', 'postgres', true)::text",
        "SELECT m::text FROM secret",
        "SELECT pg_read_file('postgresql.conf')",
    ],
)
def test_what_it_calls_becomes_nobody_else(store: fsdb.Store, database: TestDatabase, text: str) -> None:
    with database.connect() as filler:
        filler.execute("SET ROLE fsdb_test_filler")
        filler.execute(
            psycopg.sql.SQL("CREATE FUNCTION grab() RETURNS text LANGUAGE plpgsql STABLE AS {}").format(
                f"BEGIN RETURN ({text}); END"
            )
        )
    store.apply([daily("SELECT m, length(grab()) AS n FROM pay WHERE at <= :until")])
    with pytest.raises(
        fsdb.RunFailed, match=r"within security-definer function|permission denied for (table secret|function)"
    ):
        store.run("daily")
    with store.transaction() as connection:
        (went,) = (
            connection.execute("SELECT fsdb.run_slot('daily', clock_timestamp() + interval '2 days')").fetchone() or ()
        )
        assert went is False
        (said,) = connection.execute("SELECT error FROM fsdb.runs ORDER BY run_id DESC LIMIT 1").fetchone() or ()
        assert "within security-definer function" in said or "permission denied for" in said
        assert connection.execute("SELECT current_user, current_setting('role'), count(*) FROM daily").fetchone() == (
            "postgres",
            "none",
            0,
        )


def test_code_of_others_does_not_run_with_the_owners_rights(store: fsdb.Store, database: TestDatabase) -> None:
    with database.connect() as stranger:
        stranger.execute("SET ROLE fsdb_test_stranger")
        stranger.execute("CREATE FUNCTION one() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT 1::bigint'")
        stranger.execute("CREATE VIEW ones AS SELECT one() AS m, 1 AS n")
        stranger.execute("GRANT SELECT ON ones TO fsdb_test_filler")
    for query in ("SELECT m, one() AS n FROM pay", "SELECT m, n FROM ones"):
        with pytest.raises(
            fsdb.ChangeRefused,
            match=r"The query of daily would run code of role fsdb_test_stranger with the rights of fsdb_test_filler: its query of (the query|public.ones)",
        ):
            store.apply([daily(query)])
    # It may become a stranger's after it was looked at.
    with store.transaction() as connection:
        connection.execute("CREATE FUNCTION two() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT 2::bigint'")
        connection.execute("ALTER FUNCTION two() OWNER TO fsdb_test_filler")
    store.apply([daily("SELECT m, two() AS n FROM pay")])
    with store.transaction() as connection:
        connection.execute("ALTER FUNCTION two() OWNER TO fsdb_test_stranger")
    with pytest.raises(fsdb.RunFailed, match="would run code of role fsdb_test_stranger"):
        store.run("daily")
    with store.transaction() as connection:
        assert connection.execute(
            "SELECT fsdb.run_slot('daily', clock_timestamp() + interval '2 days')"
        ).fetchone() == (False,)
        (said,) = connection.execute("SELECT error FROM fsdb.runs ORDER BY run_id DESC LIMIT 1").fetchone() or ()
        assert "would run code of role fsdb_test_stranger with the rights of fsdb_test_filler" in said


def test_a_worker_that_may_not_act_as_the_owner_is_told_so(store: fsdb.Store, database: TestDatabase) -> None:
    with database.connect() as admin:
        admin.execute(
            "GRANT USAGE ON SCHEMA fsdb, fsdb_history TO fsdb_test_batch_worker; GRANT ALL ON ALL TABLES IN SCHEMA fsdb TO fsdb_test_batch_worker"
        )
        admin.execute(
            "GRANT USAGE ON ALL SEQUENCES IN SCHEMA fsdb TO fsdb_test_batch_worker; GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA fsdb TO fsdb_test_batch_worker"
        )
    with fsdb.connect(make_conninfo(database.url, user=WORKER)) as other:
        with pytest.raises(
            fsdb.RunFailed,
            match=r"runs as role fsdb_test_filler, which owns the set's table, and user fsdb_test_batch_worker may not act as it: run GRANT .fsdb_test_filler. TO .fsdb_test_batch_worker.",
        ):
            other.run("daily")
        with other.transaction() as connection:
            connection.execute("SELECT fsdb.run_slot('daily', clock_timestamp() + interval '2 days')")
            (said,) = connection.execute("SELECT error FROM fsdb.runs ORDER BY run_id DESC LIMIT 1").fetchone() or ()
            assert "user fsdb_test_batch_worker may not act as it" in said


def test_names_mean_what_they_meant_when_it_was_registered(store: fsdb.Store, database: TestDatabase) -> None:
    with database.connect() as admin:
        admin.execute(
            "CREATE SCHEMA trap; CREATE TABLE trap.pay AS SELECT 7::bigint AS m, timestamptz '2020-01-01Z' AS at"
        )
        admin.execute("GRANT USAGE ON SCHEMA trap TO fsdb_test_filler; GRANT SELECT ON trap.pay TO fsdb_test_filler")
    url = make_conninfo(database.url, options="-c search_path=trap,public -c timezone=Asia/Tokyo")
    with fsdb.connect(url) as other:
        other.run("daily")
        with other.transaction() as connection:
            connection.execute("SELECT fsdb.run_slot('daily', clock_timestamp() + interval '2 days')")
            assert connection.execute("SELECT array_agg(m) FROM daily").fetchone() == ([1],)
