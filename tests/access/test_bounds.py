"""No row can be dated where PostgreSQL's times end, in no way in; what is dated at the bound lives on as any row does."""

import warnings
from datetime import UTC, datetime, timedelta

import pandas as pd
import psycopg
import pyarrow as pa
import pytest
import sqlalchemy as sa
from psycopg import sql

import fsdb
from fsdb.errors import InvalidData
from tests.conftest import TestDatabase

ACCOUNT = fsdb.FeatureSet("account", keys={"id": sa.BigInteger}, features=[fsdb.Feature("b", sa.BigInteger)])
LAST = "9999-12-30 23:59:59.999999+00"
FIRST = "0001-01-02 00:00:00+00"
OUTSIDE = [
    "294276-12-31 23:59:59.999999+00",
    "10000-01-01 00:00+00",
    "9999-12-31 00:00:00+00",
    "0001-01-01 23:59:59.999999+00",
    "0001-01-01 00:00:00+00 BC",
    "4714-11-24 00:00:00+00 BC",
    "infinity",
    "-infinity",
]


@pytest.fixture(scope="module")
def store(module_database: TestDatabase, tmp_path_factory: pytest.TempPathFactory) -> fsdb.Store:
    with fsdb.connect(module_database.url, str(tmp_path_factory.mktemp("warehouse"))) as store:
        store.apply([ACCOUNT])
        with store.transaction() as connection:
            connection.execute("CREATE TABLE app (id bigint PRIMARY KEY, b bigint, seen timestamptz)")
        store.track("app", event_time="seen")
        yield store


@pytest.fixture
def live(module_database: TestDatabase, store: fsdb.Store) -> psycopg.Connection:
    with module_database.connect() as connection:
        connection.execute("TRUNCATE account")
        yield connection


WAYS = {
    "insert": "INSERT INTO account VALUES (2, 1, {at})",
    "insert several": "INSERT INTO account SELECT i, i, CASE WHEN i = 4 THEN {at} END FROM generate_series(2, 5) i",
    "insert again": "INSERT INTO account VALUES (1, 1, {at}) ON CONFLICT (id) DO UPDATE SET b = 9, event_time = excluded.event_time",
    "update": "UPDATE account SET b = 2, event_time = {at}",
    "update the time alone": "UPDATE account SET event_time = {at}",
    "change the key": "UPDATE account SET id = 7, event_time = {at}",
    "merge update": "MERGE INTO account a USING (SELECT 1 AS id) s ON a.id = s.id WHEN MATCHED THEN UPDATE SET b = 3, event_time = {at}",
    "merge insert": "MERGE INTO account a USING (SELECT 9 AS id) s ON a.id = s.id WHEN NOT MATCHED THEN INSERT VALUES (9, 1, {at})",
    "write": 'SELECT fsdb_history."account:write"(ARRAY[ROW(NULL, {at}, NULL, NULL, false, 1, 5)::fsdb_history.account])',
    "write a tombstone": 'SELECT fsdb_history."account:write"(ARRAY[ROW(NULL, {at}, NULL, NULL, true, 1, NULL)::fsdb_history.account])',
}


@pytest.mark.parametrize("way", WAYS)
def test_statements_refuse_it(live: psycopg.Connection, way: str) -> None:
    live.execute("INSERT INTO account VALUES (1, 1)")
    before = live.execute("SELECT count(*) FROM fsdb_history.account").fetchone()
    for at in OUTSIDE:
        with pytest.raises(psycopg.errors.CheckViolation, match="0001-01-02 to 9999-12-30"):
            live.execute(sql.SQL(WAYS[way]).format(at=sql.SQL("timestamptz {}").format(at)))  # type: ignore[arg-type]
    assert live.execute("SELECT count(*) FROM fsdb_history.account").fetchone() == before
    assert live.execute("SELECT id, b FROM account").fetchall() == [(1, 1)]


def test_copy_refuses_it(live: psycopg.Connection) -> None:
    for at in OUTSIDE:
        with pytest.raises(psycopg.errors.CheckViolation), live.cursor().copy("COPY account FROM STDIN") as copy:
            copy.write_row((3, 1, at))
    assert live.execute("SELECT count(*) FROM account").fetchone() == (0,)


def test_a_trigger_of_the_table_s_own_cannot_set_it(live: psycopg.Connection) -> None:
    live.execute("INSERT INTO account VALUES (1, 1)")
    live.execute(
        "CREATE FUNCTION ahead() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN NEW.event_time := '294276-01-01'; RETURN NEW; END $$"
    )
    live.execute("CREATE TRIGGER ahead BEFORE INSERT OR UPDATE ON account FOR EACH ROW EXECUTE FUNCTION ahead()")
    try:
        for statement in (
            "UPDATE account SET b = 2",
            "UPDATE account SET id = 5",
            "UPDATE account SET event_time = now() + interval '1 day'",
            "INSERT INTO account VALUES (2, 1)",
        ):
            with pytest.raises(psycopg.errors.CheckViolation, match="9999-12-30"):
                live.execute(statement)
    finally:
        live.execute("DROP TRIGGER ahead ON account; DROP FUNCTION ahead")


def frames(at: str) -> list[object]:
    """Rows with that time as a query, and as Arrow where its times can be told in Python."""
    query = f"SELECT 11::bigint AS id, 1::bigint AS b, timestamptz '{at}' AS event_time"
    try:
        micros = (datetime.fromisoformat(at) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    except ValueError:
        micros = 253402300800000000  # the year 10000
    times = pa.array([micros], pa.timestamp("us", "UTC"))
    return [query, pa.table({"id": pa.array([11], pa.int64()), "b": pa.array([1], pa.int64()), "event_time": times})]


def test_ingest_backfill_and_delete_refuse_it(store: fsdb.Store, live: psycopg.Connection) -> None:
    live.execute("INSERT INTO account VALUES (11, 1)")
    for at in OUTSIDE:
        for data in frames(at):
            with pytest.raises(InvalidData):
                store.ingest("account", data)

            with pytest.raises(InvalidData):
                store.backfill("account", data, features=["b"])
    for moment in (datetime(9999, 12, 31, tzinfo=UTC), datetime(1, 1, 1, tzinfo=UTC), datetime.max.replace(tzinfo=UTC)):
        with pytest.raises(InvalidData, match="9999-12-30"):
            store.delete("account", {"id": 11}, moment)
    assert live.execute("SELECT count(*) FROM fsdb_history.account WHERE id = 11").fetchone() == (1,)


@pytest.mark.parametrize("at", OUTSIDE)
def test_an_application_s_write_is_kept_at_the_clock(live: psycopg.Connection, at: str) -> None:
    """Invariant 23: the row is the application's, its version is of the moment of the write."""
    live.execute("DELETE FROM app")
    live.execute("INSERT INTO app VALUES (1, 1, %s)", (at,))
    live.execute("UPDATE app SET b = 2")
    live.execute("UPDATE app SET b = 3, seen = %s", (at,))
    live.execute("UPDATE app SET id = 4")
    assert live.execute("SELECT id, b, seen = %s FROM app", (at,)).fetchall() == [(4, 3, True)]
    times = live.execute(
        "SELECT event_time FROM fsdb_history.app WHERE recorded_at > now() - interval '1 minute'"
    ).fetchall()
    assert all(abs(moment - datetime.now(UTC)) < timedelta(minutes=2) for (moment,) in times)
    live.execute("DELETE FROM app")


def test_a_table_with_such_a_row_is_not_tracked(store: fsdb.Store, live: psycopg.Connection) -> None:
    live.execute("CREATE TABLE old (id bigint PRIMARY KEY, b bigint, seen timestamptz)")
    live.execute("INSERT INTO old VALUES (1, 1, '294276-12-31'), (2, 2, '9999-12-30')")
    with pytest.raises(InvalidData, match="1 rows of old have no finite 'seen' within"):
        store.track("old", event_time="seen")


@pytest.mark.parametrize("at", [FIRST, LAST])
def test_a_row_at_the_bound_lives_on(store: fsdb.Store, live: psycopg.Connection, at: str) -> None:
    live.execute("INSERT INTO account VALUES (1, 1, %s), (2, 2, %s), (3, 3, %s), (4, 4, %s)", (at,) * 4)
    live.execute("UPDATE account SET b = 10 WHERE id = 1")
    live.execute("UPDATE account SET b = 11 WHERE id = 1")
    live.execute("UPDATE account SET b = 12, event_time = event_time WHERE id = 1")
    live.execute(
        "INSERT INTO account VALUES (1, 13) ON CONFLICT (id) DO UPDATE SET b = 13, event_time = excluded.event_time"
    )
    live.execute("DELETE FROM account WHERE id = 2")
    live.execute("INSERT INTO account VALUES (2, 22)")
    live.execute("UPDATE account SET id = 5 WHERE id = 3")
    assert live.execute("SELECT id, b FROM account ORDER BY id").fetchall() == [(1, 13), (2, 22), (4, 4), (5, 3)]
    store.ingest(
        "account",
        pa.table({"id": [4], "b": [44], "event_time": pa.array([datetime(2020, 1, 1)], pa.timestamp("us", "UTC"))}),
    )
    store.sync(["account"])
    spine = pd.DataFrame({"id": [1, 2, 3, 4, 5], "at": [pd.Timestamp("9999-12-31 23:59:59+00:00").as_unit("us")] * 5})
    expected = [13, 22, None, 4 if at == LAST else 44, 3]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for engine in ("postgres", "duckdb"):
            built = store.training_set(spine=spine, features=["account.b"], timestamp="at", engine=engine, known="now")
            assert [None if pd.isna(value) else value for value in built.to_pandas().b] == expected
            whole = store.training_set(features=["account.b"], engine=engine, known="now")
            assert whole.to_pandas().shape[0] == whole.num_rows
    assert store.repair("account").total == 0
    live.execute("TRUNCATE account")
    assert store.repair("account").total == 0
    store.sync(["account"])
