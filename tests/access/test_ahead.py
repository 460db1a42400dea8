"""`ahead`: no way in dates a row further ahead of the clock than its set says; within that, times are taken at their word."""

import dataclasses
from datetime import UTC, datetime, timedelta

import psycopg
import pyarrow as pa
import pytest
import sqlalchemy as sa
from psycopg import sql

import fsdb
from fsdb.definitions import fixed_duration
from fsdb.errors import InvalidData, InvalidDefinition
from tests.access.test_bounds import WAYS
from tests.conftest import TestDatabase

ACCOUNT = fsdb.FeatureSet(
    "account", keys={"id": sa.BigInteger}, features=[fsdb.Feature("b", sa.BigInteger)], ahead="1 day"
)
APP = dataclasses.replace(ACCOUNT, name="app", tracks="app", event_time="seen")
FREE = dataclasses.replace(ACCOUNT, name="free", ahead=None)
TOO_FAR = ("now() + interval '1 day 1 minute'", "timestamptz '9999-12-30'", "timestamptz 'infinity'")
MESSAGE = "at most 1 day ahead of the server's clock"


@pytest.fixture(scope="module")
def store(module_database: TestDatabase, tmp_path_factory: pytest.TempPathFactory) -> fsdb.Store:
    with fsdb.connect(module_database.url, str(tmp_path_factory.mktemp("warehouse"))) as store:
        with store.transaction() as connection:
            connection.execute("CREATE TABLE app (id bigint PRIMARY KEY, b bigint, seen timestamptz)")
        store.apply([ACCOUNT, APP, FREE])
        yield store


@pytest.fixture
def live(module_database: TestDatabase, store: fsdb.Store) -> psycopg.Connection:
    with module_database.connect() as connection:
        connection.execute("TRUNCATE account")
        yield connection


def newest(connection: psycopg.Connection, name: str = "account") -> tuple[float, ...]:
    """How many hours ahead of the clock the newest versions are, one of each key that is there, rounded."""
    text = "SELECT DISTINCT ON (id) id, event_time - clock_timestamp(), deleted FROM fsdb_history.{} ORDER BY id, event_time DESC, version_id DESC"
    rows = connection.execute(sql.SQL(text).format(sql.Identifier(name))).fetchall()  # type: ignore[arg-type]
    return tuple(round(ahead / timedelta(hours=1)) for _, ahead, deleted in rows if not deleted)


@pytest.mark.parametrize("way", WAYS)
def test_statements_refuse_it(live: psycopg.Connection, way: str) -> None:
    live.execute("INSERT INTO account VALUES (1, 1)")
    counted = (
        "SELECT count(*), count(*) FILTER (WHERE event_time > now() + interval '22 hours') FROM fsdb_history.account"
    )
    before, ahead = live.execute(counted).fetchone()  # type: ignore[misc]
    for at in TOO_FAR:
        with pytest.raises(psycopg.errors.CheckViolation, match=MESSAGE):
            live.execute(sql.SQL(WAYS[way]).format(at=sql.SQL(at)))  # type: ignore[arg-type]
    assert live.execute(counted).fetchone() == (before, ahead)
    live.execute(sql.SQL(WAYS[way]).format(at=sql.SQL("now() + interval '23 hours'")))  # type: ignore[arg-type]
    assert live.execute(counted).fetchone()[1] > ahead  # type: ignore[index]


def test_copy_and_a_trigger_of_the_table_s_own_are_refused(live: psycopg.Connection) -> None:
    far = datetime.now(UTC) + timedelta(days=2)
    with (
        pytest.raises(psycopg.errors.CheckViolation, match=MESSAGE),
        live.cursor().copy("COPY account FROM STDIN") as copy,
    ):
        copy.write_row((3, 1, far))
    live.execute("INSERT INTO account VALUES (1, 1)")
    live.execute(
        "CREATE FUNCTION later() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN NEW.event_time := now() + interval '2 days'; RETURN NEW; END $$"
    )
    live.execute("CREATE TRIGGER later BEFORE INSERT OR UPDATE ON account FOR EACH ROW EXECUTE FUNCTION later()")
    try:
        for statement in ("UPDATE account SET b = 2", "UPDATE account SET id = 5", "INSERT INTO account VALUES (2, 1)"):
            with pytest.raises(psycopg.errors.CheckViolation, match=MESSAGE):
                live.execute(statement)
    finally:
        live.execute("DROP TRIGGER later ON account; DROP FUNCTION later")


@pytest.mark.parametrize("name", ["account", "app"])
def test_ingest_backfill_and_delete_refuse_it(store: fsdb.Store, live: psycopg.Connection, name: str) -> None:
    live.execute(sql.SQL("INSERT INTO {} (id, b) VALUES (11, 1)").format(sql.Identifier(name)))
    far = datetime.now(UTC) + timedelta(days=1, minutes=1)
    rows = pa.table({"id": [11], "b": [1], "event_time": pa.array([far], pa.timestamp("us", "UTC"))})
    for call in (
        lambda: store.ingest(name, rows),
        lambda: store.ingest(
            name, "SELECT 11::bigint AS id, 1::bigint AS b, now() + interval '25 hours' AS event_time"
        ),
        lambda: store.backfill(name, rows, features=["b"]),
        lambda: store.delete(name, {"id": 11}, far),
    ):
        with pytest.raises(InvalidData, match=MESSAGE):
            call()
    store.ingest(
        name, rows.set_column(2, "event_time", pa.array([far - timedelta(hours=1)], pa.timestamp("us", "UTC")))
    )
    assert newest(live, name)[-1] == 23


def test_an_application_s_write_is_kept_and_its_version_is_of_the_clock(live: psycopg.Connection) -> None:
    live.execute("DELETE FROM app")
    live.execute("INSERT INTO app VALUES (21, 1, now() + interval '2 days'), (22, 1, now() + interval '5 hours')")
    live.execute("UPDATE app SET b = 3, seen = now() + interval '3 days' WHERE id = 21")
    assert live.execute("SELECT b FROM app WHERE seen > now() + interval '71 hours'").fetchall() == [(3,)]
    text = "SELECT round(extract(epoch FROM max(event_time) - now()) / 3600) FROM fsdb_history.app WHERE id = {} "
    assert [live.execute(sql.SQL(text).format(key)).fetchone() for key in (21, 22)] == [(0,), (5,)]
    live.execute("DELETE FROM app")


def test_a_table_with_such_a_row_is_not_tracked(store: fsdb.Store, live: psycopg.Connection) -> None:
    live.execute("CREATE TABLE old (id bigint PRIMARY KEY, b bigint, seen timestamptz)")
    live.execute("INSERT INTO old VALUES (1, 1, now() + interval '2 days'), (2, 2, now())")
    with pytest.raises(InvalidData, match=f"1 rows of old have no finite 'seen' within .*{MESSAGE}"):
        store.apply([dataclasses.replace(APP, name="old", tracks="old")])


def test_what_the_clock_dates_is_never_too_far_ahead(store: fsdb.Store, live: psycopg.Connection) -> None:
    """Without room ahead, in a transaction whose clock stands still, fsdb's own times pass."""
    store.apply([dataclasses.replace(ACCOUNT, ahead=timedelta())])
    try:
        with live.transaction():
            live.execute("SELECT now(), pg_sleep(0.01)")
            live.execute("INSERT INTO account VALUES (101, 1), (102, 2)")
            live.execute(
                "INSERT INTO account VALUES (101, 3) ON CONFLICT (id) DO UPDATE SET b = 3, event_time = excluded.event_time"
            )
            live.execute("UPDATE account SET b = 4, event_time = clock_timestamp()")
            live.execute("UPDATE account SET id = id + 10")
            live.execute("DELETE FROM account WHERE id = 112")
        with pytest.raises(psycopg.errors.CheckViolation, match="at most 0 seconds ahead"):
            live.execute("UPDATE account SET event_time = clock_timestamp() + interval '1 minute'")
    finally:
        store.apply([ACCOUNT])


def test_the_bound_comes_and_goes_with_the_definition(store: fsdb.Store, live: psycopg.Connection) -> None:
    live.execute("INSERT INTO free VALUES (1, 1, now() + interval '9 days')")
    bound = dataclasses.replace(FREE, ahead="2 hours")
    assert "ahead from none to 2:00:00" in str(store.plan([bound]).table.to_dicts())
    store.apply([bound])
    assert not store.plan([bound])
    assert "event_time at most 2 hours ahead" in store.describe("free").title
    with pytest.raises(psycopg.errors.CheckViolation, match="at most 2 hours ahead"):
        live.execute("INSERT INTO free VALUES (2, 1, now() + interval '3 hours')")
    # What was there already lives on, until it is mended.
    live.execute("UPDATE free SET b = 2")
    live.execute("UPDATE free SET b = 3")
    assert newest(live, "free") == (9 * 24,)
    too_far = datetime.now(UTC) + timedelta(hours=2)
    store.repair("free", dated_after=too_far, why="a clock ran ahead", confirm=lambda _: True)
    assert newest(live, "free") == ()
    store.apply([FREE])
    live.execute("INSERT INTO free VALUES (2, 1, now() + interval '3 hours')")


def test_a_set_without_it_is_asked_no_clock(live: psycopg.Connection) -> None:
    text = "SELECT string_agg(pg_get_triggerdef(oid), '') FROM pg_trigger WHERE tgrelid = {}::regclass"
    asked = [str(live.execute(sql.SQL(text).format(name)).fetchone()) for name in ("free", "account")]
    assert ["clock_timestamp" in one for one in asked] == [False, True]


@pytest.mark.parametrize("given", ["1 month", "soon", timedelta(-1), timedelta(400_000), timedelta.max])
def test_what_is_no_such_duration_is_refused(given: object) -> None:
    with pytest.raises(InvalidDefinition, match="ahead"):
        dataclasses.replace(ACCOUNT, ahead=given)


def test_none_ahead_is_a_duration() -> None:
    assert fixed_duration("0 seconds", "account", "ahead") == timedelta()
