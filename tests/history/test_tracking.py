"""Existing application tables as feature sets: any names, any triggers, cascades, and what is refused."""

import psycopg
import pytest

from fsdb import history
from fsdb.catalog.feature_sets import RegisteredSet
from fsdb.definitions import Feature
from fsdb.errors import ChangeRefused, InvalidData, InvalidDefinition
from tests.history.kept import assert_live_is_newest, day, live, versions

ODD = 'va"l{ue} %s $fsdb$'


def _track(connection: psycopg.Connection, table: str, **options: object) -> RegisteredSet:
    with connection.transaction():
        return history.create(connection, history.tracked_definition(connection, table, **options))  # type: ignore[arg-type]


def test_columns_of_any_name(connection: psycopg.Connection) -> None:
    column = psycopg.sql.Identifier(ODD)
    connection.execute(
        psycopg.sql.SQL(
            'CREATE TABLE "My Äpp" ("Kéy %" text COLLATE "C" PRIMARY KEY, {} float8, learned int, late int)'
        ).format(column)
    )
    connection.execute("""INSERT INTO "My Äpp" VALUES ('a', 1, 1, 1), ('b', 2, 2, 2)""")
    app = _track(connection, "My Äpp", name="app")
    assert len(assert_live_is_newest(connection, app)) == 2
    connection.execute(psycopg.sql.SQL('UPDATE "My Äpp" SET {} = 5, late = 7').format(column))
    connection.execute("""UPDATE "My Äpp" SET "Kéy %" = 'c' WHERE "Kéy %" = 'b'""")
    connection.execute("""DELETE FROM "My Äpp" WHERE "Kéy %" = 'a'""")
    kept = assert_live_is_newest(connection, app)
    assert len(kept) == 7
    assert kept[2].values == {ODD: 5, "learned": 1, "late": 7}
    with connection.transaction():
        assert history.delete_as_of(connection, app, [{"Kéy %": "c"}], day(1)) == 0
        app = history.drop_feature(connection, app, ODD)
        app = history.restore_feature(connection, app, app.dropped_features[0].feature_id)
    assert {found.state for found in history.status(connection, app)} == {"installed"}
    assert_live_is_newest(connection, app)


@pytest.mark.parametrize("event_time", [None, "seen"])
def test_changes_of_other_columns_write_no_version(connection: psycopg.Connection, event_time: str | None) -> None:
    connection.execute("CREATE TABLE app (k int PRIMARY KEY, a int, note text, seen timestamptz)")
    connection.execute("INSERT INTO app VALUES (1, 1, 'x', %s)", (day(1),))
    app = _track(connection, "app", features=["a"], event_time=event_time)
    connection.execute("UPDATE app SET note = 'y'")
    assert len(assert_live_is_newest(connection, app)) == 1
    connection.execute("UPDATE app SET a = 2")
    connection.execute("INSERT INTO app (k, a) VALUES (2, 2)")
    assert len(assert_live_is_newest(connection, app)) == 3


def test_table_without_event_time_counts_by_the_clock(connection: psycopg.Connection) -> None:
    connection.execute("CREATE TABLE app (k int PRIMARY KEY, a int)")
    app = _track(connection, "app")
    with connection.transaction():
        connection.execute("INSERT INTO app VALUES (1, 1), (2, 1), (3, 1)")
        connection.execute("UPDATE app SET a = 2 WHERE k = 1")
        connection.execute("UPDATE app SET k = k + 10")
        connection.execute("DELETE FROM app WHERE k = 11")
        connection.execute("INSERT INTO app VALUES (11, 9)")
        connection.execute("TRUNCATE app")
    kept = assert_live_is_newest(connection, app)
    assert len(kept) == 3 + 1 + 6 + 1 + 1 + 3
    for key in {v.key for v in kept}:
        times = [v.event_time for v in kept if v.key == key]
        assert times == sorted(set(times))


def test_shifted_keys_without_event_time(connection: psycopg.Connection) -> None:
    connection.execute("CREATE TABLE app (k int PRIMARY KEY, a int)")
    app = _track(connection, "app")
    for key in (3, 2, 1):
        connection.execute("INSERT INTO app VALUES (%s, 1)", (key,))
    connection.execute("UPDATE app SET k = k + 1")
    changes = assert_live_is_newest(connection, app)[3:]
    assert sorted((v.key[0], v.deleted) for v in changes) == [
        (1, True),
        (2, False),
        (2, True),
        (3, False),
        (3, True),
        (4, False),
    ]


@pytest.mark.parametrize("value", [1, 2])
@pytest.mark.parametrize("reads", ["SELECT k, {} FROM gone", "SELECT k, {} FROM gone LIMIT 1"])
def test_delete_and_insert_in_one_statement_without_event_time(
    connection: psycopg.Connection, reads: str, value: int
) -> None:
    connection.execute("CREATE TABLE app (k int PRIMARY KEY, a int)")
    app = _track(connection, "app")
    connection.execute("INSERT INTO app VALUES (1, 1)")
    connection.execute(
        psycopg.sql.SQL("WITH gone AS (DELETE FROM app RETURNING k) INSERT INTO app {}").format(
            psycopg.sql.SQL(reads).format(value)
        )
    )
    assert len(assert_live_is_newest(connection, app)) == 3
    assert live(connection, app) == {(1,): {"a": value}}


def test_row_changed_again_by_the_applications_own_trigger(connection: psycopg.Connection) -> None:
    connection.execute("CREATE TABLE app (k int PRIMARY KEY, a int)")
    connection.execute(
        "CREATE FUNCTION again() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " UPDATE app SET a = NEW.a + 100 WHERE k = NEW.k AND a < 100; RETURN NULL; END $$;"
        "CREATE TRIGGER again AFTER INSERT OR UPDATE ON app FOR EACH ROW EXECUTE FUNCTION again()"
    )
    app = _track(connection, "app")
    connection.execute("INSERT INTO app VALUES (1, 1)")
    connection.execute("UPDATE app SET a = 2")
    kept = assert_live_is_newest(connection, app)
    assert sorted(v.values["a"] for v in kept) == [1, 2, 101, 102]
    assert live(connection, app) == {(1,): {"a": 102}}


def test_updated_at_that_a_trigger_sets_is_no_late_value(connection: psycopg.Connection) -> None:
    """now() is the transaction's start: the longer transaction's change comes last all the same, and must not be lost."""
    connection.execute("CREATE TABLE app (k int PRIMARY KEY, a int, updated_at timestamptz)")
    connection.execute(
        "CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.updated_at := now(); RETURN NEW; END $$;"
        "CREATE TRIGGER touch BEFORE INSERT OR UPDATE ON app FOR EACH ROW EXECUTE FUNCTION touch()"
    )
    connection.execute("INSERT INTO app VALUES (1, 1)")
    app = _track(connection, "app", event_time="updated_at")
    with psycopg.connect(connection.info.dsn) as longer:
        longer.execute("SELECT 1")
        connection.execute("UPDATE app SET a = 2")
        longer.execute("UPDATE app SET a = 3")
    with connection.transaction():
        connection.execute("UPDATE app SET a = 4")
        connection.execute("UPDATE app SET a = 5")
    kept = assert_live_is_newest(connection, app)
    assert [v.values["a"] for v in kept] == [1, 2, 3, 4, 5]
    times = [v.event_time for v in kept]
    assert times == sorted(set(times))


def test_cascades_write_versions(connection: psycopg.Connection) -> None:
    connection.execute("CREATE TABLE owner (id int PRIMARY KEY)")
    connection.execute(
        "CREATE TABLE pet (id int REFERENCES owner ON DELETE CASCADE ON UPDATE CASCADE, n int,"
        " vet int REFERENCES owner ON DELETE SET NULL ON UPDATE CASCADE, PRIMARY KEY (id, n))"
    )
    connection.execute("INSERT INTO owner VALUES (1), (2), (3); INSERT INTO pet VALUES (1, 1, 2), (1, 2, 3), (2, 1, 3)")
    pet = _track(connection, "pet", features=["vet"])
    connection.execute("DELETE FROM owner WHERE id = 3")
    connection.execute("UPDATE owner SET id = 9 WHERE id = 1")
    connection.execute("DELETE FROM owner WHERE id = 9")
    kept = assert_live_is_newest(connection, pet)
    assert sorted((*v.key, v.values["vet"], v.deleted) for v in kept[3:5]) == [(1, 2, None, False), (2, 1, None, False)]
    assert sorted((*v.key, v.deleted) for v in kept[5:9]) == [(1, 1, True), (1, 2, True), (9, 1, False), (9, 2, False)]
    assert sorted((*v.key, v.deleted) for v in kept[9:]) == [(9, 1, True), (9, 2, True)]
    assert set(live(connection, pet)) == {(2, 1)}


def test_added_feature_takes_what_the_table_holds(connection: psycopg.Connection) -> None:
    connection.execute("CREATE TABLE app (k int PRIMARY KEY, a int, b text)")
    connection.execute("INSERT INTO app VALUES (1, 1, 'x'), (2, 2, NULL)")
    app = _track(connection, "app", features=["a"])
    with connection.transaction():
        app = history.add_feature(connection, app, Feature("b", "text"))
    kept = assert_live_is_newest(connection, app)
    assert [(v.key[0], v.values["b"]) for v in kept] == [(1, None), (2, None), (1, "x")]
    assert kept[2].event_time == kept[0].event_time
    with pytest.raises(InvalidDefinition, match="no column 'c'"), connection.transaction():
        history.add_feature(connection, app, Feature("c", "text"))


def test_dropped_set_leaves_the_table_as_it_was(connection: psycopg.Connection) -> None:
    connection.execute("CREATE TABLE app (k int PRIMARY KEY, a int)")
    connection.execute("INSERT INTO app VALUES (1, 1)")
    app = _track(connection, "app")
    with connection.transaction():
        history.drop(connection, app)
    connection.execute("UPDATE app SET a = 2")
    left = connection.execute(
        "SELECT (SELECT count(*) FROM pg_trigger WHERE tgrelid = 'app'::regclass),"
        " (SELECT count(*) FROM pg_class WHERE relnamespace = 'fsdb_history'::regnamespace),"
        " (SELECT count(*) FROM pg_proc WHERE pronamespace = 'fsdb_history'::regnamespace)"
    ).fetchone()
    assert left == (0, 0, 0)


REFUSED = [
    ("SELECT 1", "nothing", {}, "no table nothing"),
    ("CREATE TABLE t (k int, a int)", "t", {}, "no primary key"),
    ("CREATE TABLE t (k int, a int)", "t", {"keys": ["k"]}, "may be NULL"),
    ("CREATE TABLE t (k int NOT NULL, a int)", "t", {"keys": ["k"]}, "not unique"),
    ("CREATE TABLE t (k int PRIMARY KEY, a int)", "t", {"keys": ["x"]}, "no column 'x'"),
    ("CREATE TABLE t (k int PRIMARY KEY DEFERRABLE, a int)", "t", {}, "deferrable"),
    ("CREATE TABLE t (k int PRIMARY KEY, a int) PARTITION BY RANGE (k)", "t", {}, "partitioned"),
    ("CREATE TABLE p (k int PRIMARY KEY, a int); CREATE TABLE t () INHERITS (p)", "p", {}, "inheritance"),
    ("CREATE VIEW t AS SELECT 1 AS k", "t", {}, "a view"),
    ("CREATE UNLOGGED TABLE t (k int PRIMARY KEY, a int)", "t", {}, "unlogged"),
    ("CREATE TABLE t (k int PRIMARY KEY, xid int)", "t", {"features": ["xid"]}, "history uses itself"),
    ("CREATE TABLE t (k int PRIMARY KEY)", "t", {}, "no features"),
    ("CREATE TABLE t (k float8 PRIMARY KEY, a int)", "t", {}, "no exact equality"),
    ("CREATE TABLE t (k int PRIMARY KEY, a point)", "t", {"features": ["a"]}, "does not keep"),
    ("CREATE TABLE t (k int PRIMARY KEY, a int GENERATED ALWAYS AS (k) STORED)", "t", {"features": ["a"]}, "generated"),
    ('CREATE TABLE "T" (k int PRIMARY KEY, a int)', "T", {}, "choose one with name="),
    ("CREATE TABLE t (k int PRIMARY KEY, a int, s timestamp)", "t", {"event_time": "s"}, "not a plain timestamp with"),
    (
        "CREATE TABLE t (k int PRIMARY KEY, a int, s timestamptz(0))",
        "t",
        {"event_time": "s"},
        "not a plain timestamp with",
    ),
]


@pytest.mark.parametrize(("made", "table", "options", "reason"), REFUSED, ids=[reason for *_, reason in REFUSED])
def test_what_cannot_be_tracked(
    module_connection: psycopg.Connection, made: str, table: str, options: dict[str, object], reason: str
) -> None:
    with module_connection.transaction(force_rollback=True):
        module_connection.execute(made)  # type: ignore[arg-type]
        with pytest.raises(InvalidDefinition, match=reason):
            history.tracked_definition(module_connection, table, **options)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def module_connection(module_database):  # type: ignore[no-untyped-def]
    with module_database.connect() as connection:
        yield connection


def test_rows_without_event_time_are_refused_with_their_count(connection: psycopg.Connection) -> None:
    connection.execute("CREATE TABLE app (k int PRIMARY KEY, a int, seen timestamptz)")
    connection.execute("INSERT INTO app VALUES (1, 1, NULL), (2, 2, 'infinity'), (3, 3, now())")
    with pytest.raises(InvalidData, match="2 rows of app have no finite 'seen'"):
        history.tracked_definition(connection, "app", event_time="seen")


def test_names_that_are_taken(connection: psycopg.Connection) -> None:
    connection.execute("CREATE TABLE app (k int PRIMARY KEY, a int); CREATE VIEW app_history AS SELECT 1 AS one")
    with pytest.raises(ChangeRefused, match=r"view public\.app_history exists already"):
        _track(connection, "app")
    connection.execute("DROP VIEW app_history")
    app = _track(connection, "app")
    with pytest.raises(ChangeRefused, match="feature set app already"):
        _track(connection, "app")
    assert versions(connection, app) == []


def test_tracking_in_an_older_snapshot_is_refused(connection: psycopg.Connection) -> None:
    connection.execute("CREATE TABLE app (k int PRIMARY KEY, a int)")
    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    with pytest.raises(ChangeRefused, match="read committed"):
        _track(connection, "app")
