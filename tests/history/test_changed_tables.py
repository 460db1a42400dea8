"""Tables that an application goes on changing: what history cannot follow is refused when tracked, and told when it becomes so later."""

import psycopg
import pytest
from psycopg.sql import SQL

from fsdb import history
from fsdb.catalog.feature_sets import RegisteredSet, get_set
from fsdb.definitions import Feature, FeatureSet
from fsdb.doctor import diagnose
from fsdb.errors import InvalidDefinition
from fsdb.history.live import Needs, problems
from tests.history.kept import made, versions


@pytest.fixture(scope="module")
def module_connection(module_database):  # type: ignore[no-untyped-def]
    with module_database.connect() as connection:
        yield connection


def _tracked(connection: psycopg.Connection, table: str = "app", **options: object) -> RegisteredSet:
    with connection.transaction():
        return history.create(connection, history.tracked_definition(connection, table, **options))  # type: ignore[arg-type]


def _said(connection: psycopg.Connection, name: str = "app") -> str:
    found = problems(connection, Needs.of(get_set(connection, name)))
    plain = {one for names in (None, [name]) for one in history.plain(connection, names)}
    assert not found or name not in plain
    return " ".join(map(str, found))


MADE = "CREATE TABLE app (k int PRIMARY KEY, a int, b text)"
# what the application does, what is said of it then
CHANGED = [
    ("ALTER TABLE app RENAME a TO grams", "Column 'a' of app, the feature of app, is called 'grams' now"),
    ('ALTER TABLE app RENAME k TO "Key %"', "Column 'k' of app, the key of app, is called 'Key %' now"),
    ("ALTER TABLE app DROP a", "Table app has no column 'a', the feature of app"),
    ("ALTER TABLE app DROP a; ALTER TABLE app ADD c int", "Table app has no column 'a', the feature of app"),
    ("ALTER TABLE app RENAME a TO c; ALTER TABLE app RENAME b TO a", "Column 'b' of app, the feature of app"),
    ("ALTER TABLE app RENAME TO parcels", "Table app is called parcels now"),
    ("ALTER TABLE app RENAME TO parcels; CREATE TABLE app (k int PRIMARY KEY, a int, b text)", "called parcels now"),
    ("CREATE SCHEMA shop; ALTER TABLE app SET SCHEMA shop", "Table app is called shop.app now"),
    ("DROP TABLE app", "Table app is gone"),
    ("ALTER TABLE app ALTER a TYPE numeric(8,3)", r"Column 'a' of app is numeric\(8,3\), not integer"),
    ("ALTER TABLE app ALTER a TYPE bigint", "Column 'a' of app is bigint, not integer: define feature app.a as bigint"),
    ("ALTER TABLE app DROP CONSTRAINT app_pkey", "Columns k of app are not unique"),
    ("ALTER TABLE app DROP CONSTRAINT app_pkey; ALTER TABLE app ALTER k DROP NOT NULL", "may be NULL"),
    ("ALTER TABLE app SET UNLOGGED", "unlogged"),
    ("CREATE TABLE child () INHERITS (app)", "the parent of child"),
    (
        "CREATE TABLE every (k int, a int, b text) PARTITION BY RANGE (k); ALTER TABLE every ATTACH PARTITION app DEFAULT",
        "a partition of every",
    ),
    ("CREATE RULE never AS ON DELETE TO app DO INSTEAD NOTHING", "under rule never"),
]


@pytest.mark.parametrize(("change", "said"), CHANGED, ids=[said for _, said in CHANGED])
def test_what_becomes_of_a_tracked_table_is_told(module_connection: psycopg.Connection, change: str, said: str) -> None:
    connection = module_connection
    with connection.transaction(force_rollback=True):
        connection.execute(MADE)
        app = _tracked(connection)
        assert _said(connection) == ""
        assert history.plain(connection, ["app"]) == {"app"}
        connection.execute(change)  # type: ignore[arg-type]
        with pytest.raises(AssertionError, match=said):
            assert not _said(connection), _said(connection)
        (live,) = (one for one in history.status(connection, app) if one.name == "public.app")
        assert live.state in ("unfit", "missing")
        checks = {check.name: check for check in diagnose(connection).checks}
        assert checks["objects of feature set app"].state == "wrong"
        assert checks["rights: schemas"].state == "good"  # the other checks ran
        with connection.transaction():
            history.drop(connection, app)
        left = connection.execute("SELECT count(*) FROM pg_trigger WHERE tgname LIKE '%fsdb%'").fetchone()
        assert left == (0,)


@pytest.mark.parametrize(
    "gone",
    [
        "DROP TABLE weather",
        "DROP TABLE fsdb_history.weather CASCADE",
        "DROP TABLE weather; CREATE VIEW weather AS SELECT 1 AS k",
        "DROP TABLE weather; CREATE TABLE weather (mine int)",
        "DROP VIEW weather_history; CREATE TABLE weather_history (mine int)",
        "DROP TABLE weather, fsdb_history.weather CASCADE",
    ],
)
def test_a_set_is_dropped_whatever_is_left_of_it(module_connection: psycopg.Connection, gone: str) -> None:
    connection = module_connection
    with connection.transaction(force_rollback=True):
        weather = made(connection)
        connection.execute(gone)  # type: ignore[arg-type]
        mine = connection.execute("SELECT count(*) FROM pg_attribute WHERE attname = 'mine'").fetchone()
        history.drop(connection, weather)
        assert connection.execute("SELECT count(*) FROM fsdb.feature_sets").fetchone() == (0,)
        assert connection.execute("SELECT count(*) FROM pg_attribute WHERE attname = 'mine'").fetchone() == mine
        assert connection.execute("SELECT to_regclass('fsdb_history.weather')").fetchone() == (None,)


@pytest.mark.parametrize(
    ("column", "retyped", "row", "kept"),
    [
        ("a int", "numeric(8,3)", "2.45", None),
        ("a int", "bigint", "7", None),
        ("a bigint", "int", "7", "7"),
        ("a int", "float8", "0.4", None),
        ("a real", "float8", "0.1", None),
        ("a float8", "real", "0.5", "0.5"),
        ("a numeric(8,3)", "numeric(9,4)", "1.2345", None),
        ("a numeric(8,3)", "numeric(6,2)", "1.25", "1.250"),
        ("a numeric(8,3)", "numeric(8,2)", "123456.25", None),
        ("a numeric(8,3)", "numeric", "1.23456", None),
        ("a numeric", "numeric(8,3)", "1.234", "1.234"),
        ("a varchar(5)", "varchar(9)", "'abcd     '", None),
        ("a varchar(5)", "text", "'abcdefgh'", None),
        ("a text", "varchar(9)", "'abcd'", "abcd"),
        ("a date", "timestamptz", "'2024-01-01 10:00+00'", None),
    ],
)
def test_a_retyped_column_lands_exactly_or_fails(
    module_connection: psycopg.Connection, column: str, retyped: str, row: str, kept: str | None
) -> None:
    connection = module_connection
    with connection.transaction(force_rollback=True):
        connection.execute(f"CREATE TABLE app (k int PRIMARY KEY, {column})")
        connection.execute("INSERT INTO app VALUES (1, NULL)")
        app = _tracked(connection)
        connection.execute("UPDATE app SET a = NULL")
        connection.execute("INSERT INTO app VALUES (2, NULL)")  # its plans are kept by this session
        connection.execute(f"ALTER TABLE app ALTER a TYPE {retyped} USING a::{retyped}")
        if kept is None:
            for text in ("INSERT INTO app VALUES (3, {})", "UPDATE app SET a = {} WHERE k = 1"):
                with (
                    pytest.raises(psycopg.errors.DatatypeMismatch, match="Column a of public"),
                    connection.transaction(),
                ):
                    connection.execute(SQL(text).format(SQL(row)))
            connection.execute("DELETE FROM app")
        else:
            connection.execute(SQL("INSERT INTO app VALUES (3, {})").format(SQL(row)))
            assert str(versions(connection, app)[-1].values["a"]) == kept


def test_a_widened_column_is_followed_by_its_definition(connection: psycopg.Connection) -> None:
    connection.execute(MADE)
    app = _tracked(connection)
    connection.execute("ALTER TABLE app ALTER a TYPE bigint")
    with connection.transaction():
        app = history.widen_feature(connection, app, "a", "bigint")
    connection.execute("INSERT INTO app VALUES (1, 5000000000, 'x')")
    assert versions(connection, app)[-1].values["a"] == 5000000000
    assert _said(connection) == ""


def test_row_security_that_hides_rows_from_the_writer_of_history(connection: psycopg.Connection) -> None:
    connection.execute("CREATE ROLE shop_owner; GRANT ALL ON SCHEMA public, fsdb, fsdb_history TO shop_owner")
    try:
        connection.execute("GRANT ALL ON ALL TABLES IN SCHEMA fsdb TO shop_owner")
        connection.execute("GRANT ALL ON ALL SEQUENCES IN SCHEMA fsdb TO shop_owner; SET ROLE shop_owner")
        connection.execute(MADE)
        connection.execute("INSERT INTO app VALUES (1, 1, 'x'), (2, 2, 'y')")
        connection.execute("ALTER TABLE app ENABLE ROW LEVEL SECURITY; CREATE POLICY own ON app USING (a = 1)")
        app = _tracked(connection)
        assert len(versions(connection, app)) == 2  # its owner sees every row
        with connection.transaction():
            history.drop(connection, app)
        connection.execute("ALTER TABLE app FORCE ROW LEVEL SECURITY")
        with pytest.raises(InvalidDefinition, match="hides rows from shop_owner"):
            _tracked(connection)
        connection.execute("ALTER TABLE app NO FORCE ROW LEVEL SECURITY")
        app = _tracked(connection)
        connection.execute("ALTER TABLE app FORCE ROW LEVEL SECURITY")
        assert "hides rows from shop_owner" in _said(connection)
        found = {check.name: check for check in diagnose(connection).checks}["live = history of app"]
        assert found.state == "wrong"
        assert "does not see every row" in found.found
        connection.execute("TRUNCATE app")  # history alone says which keys had rows
        assert [(version.key[0], version.deleted) for version in versions(connection, app)[-2:]] == [
            (1, True),
            (2, True),
        ]
        connection.execute("RESET ROLE")
        assert "hides rows from shop_owner" in _said(connection)  # whoever asks
    finally:
        connection.execute("RESET ROLE; DROP OWNED BY shop_owner CASCADE; DROP ROLE shop_owner")


def test_only_the_owner_of_a_table_tracks_it(connection: psycopg.Connection) -> None:
    connection.execute("CREATE ROLE team; GRANT ALL ON SCHEMA public, fsdb, fsdb_history TO team")
    try:
        connection.execute("GRANT ALL ON ALL TABLES IN SCHEMA fsdb TO team")
        connection.execute(f"GRANT ALL ON ALL SEQUENCES IN SCHEMA fsdb TO team; {MADE}")
        connection.execute("GRANT ALL ON app TO team; SET ROLE team")
        with pytest.raises(InvalidDefinition, match="only the owner of a table can give it"):
            _tracked(connection)
        connection.execute("RESET ROLE; ALTER TABLE app OWNER TO team; SET ROLE team")
        _tracked(connection)
    finally:
        connection.execute("RESET ROLE; DROP OWNED BY team CASCADE; DROP ROLE team")


def test_columns_that_cannot_be_features_are_named(connection: psycopg.Connection) -> None:
    connection.execute("CREATE TYPE state AS ENUM ('new')")
    connection.execute("CREATE TABLE app (k int PRIMARY KEY, state state, deleted bool, a int)")
    app = _tracked(connection)
    assert history.notes(connection, app) == [
        "Column 'state' of app is left out: fsdb does not keep the type state.",
        "Column 'deleted' of app is left out: history has a column of its own by that name.",
    ]
    connection.execute("CREATE TABLE bare (k int PRIMARY KEY, state state)")
    with pytest.raises(InvalidDefinition, match="no features beside its key"):
        _tracked(connection, "bare")
    assert (
        history.notes(
            connection, made(connection, FeatureSet("w", keys={"k": "text"}, features=[Feature("a", "text")]))
        )
        == []
    )
