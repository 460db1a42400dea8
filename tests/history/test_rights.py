"""Who may write what: an application needs rights on the live table alone, and nobody writes history directly (invariant 2)."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier

from fsdb import history
from fsdb.catalog.feature_sets import RegisteredSet
from fsdb.migrate import catalog
from tests.conftest import TestDatabase
from tests.history.kept import WEATHER, assert_live_is_newest, day, made, shown, versions

REFUSED = psycopg.errors.InsufficientPrivilege
DIRECT = [
    "INSERT INTO {history} (k, a, event_time, recorded_at) VALUES (9, 9, now(), now())",
    "INSERT INTO {history} (version_id, k, event_time, recorded_at) SELECT 0, 9, now(), now() WHERE false",
    "UPDATE {history} SET a = 99",
    "UPDATE {history} SET a = 99 WHERE false",
    "DELETE FROM {history}",
    "TRUNCATE {history}",
    "MERGE INTO {history} h USING (VALUES (1)) s(k) ON h.k = s.k WHEN MATCHED THEN DELETE",
    "WITH gone AS (DELETE FROM {history} RETURNING k) SELECT count(*) FROM gone",
    "COPY {history} (k, event_time, recorded_at) FROM STDIN",
    # fsdb's own word for it, said by somebody else
    'DO $do$ BEGIN /* fsdb_history."weather:write"( */ DELETE FROM {history}; END $do$',
    "DO $do$ BEGIN EXECUTE $$INSERT INTO {history} (k, event_time, recorded_at) VALUES (9, now(), now())$$; END $do$",
]


@pytest.fixture
def weather(connection: psycopg.Connection) -> RegisteredSet:
    registered = made(connection)
    connection.execute("INSERT INTO weather VALUES (1, 1, 'x'), (2, 2, 'y')")
    connection.execute("DELETE FROM weather WHERE k = 2")
    return registered


@pytest.fixture
def role(database: TestDatabase) -> Iterator[str]:
    """A role that may log in, and owns nothing yet."""
    name = f"app_{uuid4().hex[:8]}"
    with database.connect() as admin:
        admin.execute(SQL("CREATE ROLE {} LOGIN PASSWORD 'secret'").format(Identifier(name)))
        yield name
        admin.execute(SQL("DROP OWNED BY {} CASCADE").format(Identifier(name)))
        admin.execute(SQL("DROP ROLE {}").format(Identifier(name)))


@pytest.fixture
def application(database: TestDatabase, role: str) -> Iterator[psycopg.Connection]:
    """A session of that role."""
    with psycopg.connect(make_conninfo(database.url, user=role, password="secret"), autocommit=True) as connection:
        yield connection


def _grant(connection: psycopg.Connection, role: str, *rights: str) -> None:
    for right in rights:
        connection.execute(SQL("GRANT {} TO {}").format(SQL(right), Identifier(role)))


def _refused_to_others(statement: str) -> Any:
    """What tells a role that does not own history; a COPY into it row security stops first."""
    if statement.startswith("COPY"):
        return pytest.raises(psycopg.errors.FeatureNotSupported, match="row-level security")
    return pytest.raises(REFUSED, match="triggers alone")


def _try(connection: psycopg.Connection, statement: str, registered: RegisteredSet) -> None:
    query = SQL(statement).format(history=registered.history)
    if statement.startswith("COPY"):
        with connection.cursor().copy(query) as copy:
            copy.write_row((9, day(1), day(1)))
    else:
        connection.execute(query)


@pytest.mark.parametrize("statement", DIRECT)
def test_a_superuser_does_not_write_history(
    connection: psycopg.Connection, weather: RegisteredSet, statement: str
) -> None:
    before = versions(connection, weather)
    with pytest.raises(REFUSED, match="written by its triggers alone: change the live table instead"):
        _try(connection, statement, weather)
    assert versions(connection, weather) == before


@pytest.mark.parametrize("statement", DIRECT)
def test_grants_on_history_do_not_help(
    connection: psycopg.Connection, weather: RegisteredSet, role: str, application: psycopg.Connection, statement: str
) -> None:
    _grant(
        connection,
        role,
        "USAGE ON SCHEMA fsdb_history",
        "ALL ON ALL TABLES IN SCHEMA fsdb_history",
        "ALL ON ALL SEQUENCES IN SCHEMA fsdb_history",
    )
    before = versions(connection, weather)
    with _refused_to_others(statement):
        _try(application, statement, weather)
    assert versions(connection, weather) == before


def test_rights_on_the_live_table_are_enough(
    connection: psycopg.Connection, weather: RegisteredSet, role: str, application: psycopg.Connection
) -> None:
    _grant(connection, role, "SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON weather")
    application.execute("INSERT INTO weather VALUES (2, 5, 'late', %s)", (day(1),))
    application.execute("INSERT INTO weather (k, a) VALUES (2, 5), (3, 3)")
    with application.cursor().copy("COPY weather (k, a) FROM STDIN") as copy:
        copy.write_row((4, 4))
    application.execute("UPDATE weather SET a = 6 WHERE k = 3")
    application.execute("UPDATE weather SET a = 7, event_time = %s WHERE k = 3", (day(1),))
    application.execute("UPDATE weather SET k = 30 WHERE k = 3")
    application.execute("DELETE FROM weather WHERE k = 4")
    application.execute("TRUNCATE weather")
    kept = assert_live_is_newest(connection, weather)
    assert sorted(shown(kept[3:]), key=str) == sorted(
        [
            (2, 5, "late", False),
            (2, 5, None, False),
            (3, 3, None, False),
            (4, 4, None, False),
            (3, 6, None, False),
            (3, 7, None, False),
            (3, None, None, True),
            (30, 6, None, False),
            (4, None, None, True),
            (1, None, None, True),
            (2, None, None, True),
            (30, None, None, True),
        ],
        key=str,
    )


@pytest.mark.parametrize(
    "read",
    ["SELECT * FROM weather_history", "SELECT * FROM weather_as_of(now())", "SELECT * FROM fsdb_history.weather"],
)
def test_reading_history_needs_a_right_of_its_own(
    connection: psycopg.Connection, weather: RegisteredSet, role: str, application: psycopg.Connection, read: str
) -> None:
    _grant(connection, role, "SELECT ON weather, weather_history", "EXECUTE ON FUNCTION weather_as_of(timestamptz)")
    with pytest.raises(REFUSED):
        application.execute(SQL(read))
    _grant(connection, role, "USAGE ON SCHEMA fsdb_history", "SELECT ON fsdb_history.weather")
    assert application.execute(SQL(read)).fetchone() is not None


def test_fsdb_functions_are_not_for_everybody(
    connection: psycopg.Connection, weather: RegisteredSet, role: str, application: psycopg.Connection
) -> None:
    """Neither called, nor attached to a table of one's own as its trigger."""
    _grant(
        connection,
        role,
        "USAGE ON SCHEMA fsdb_history",
        "ALL ON ALL TABLES IN SCHEMA fsdb_history",
        "CREATE ON SCHEMA public",
    )
    before = versions(connection, weather)
    with pytest.raises(REFUSED):
        application.execute('SELECT fsdb_history."weather:write"(array_agg(h)) FROM fsdb_history.weather h')
    application.execute("CREATE TABLE mine (k bigint, a float8, b text, event_time timestamptz)")
    for function in ("inserted", "guard", "unset"):
        with pytest.raises(REFUSED):
            application.execute(
                SQL(
                    "CREATE TRIGGER t AFTER INSERT ON mine REFERENCING NEW TABLE AS new_rows"
                    " FOR EACH STATEMENT EXECUTE FUNCTION fsdb_history.{}()"
                ).format(Identifier(f"weather:{function}"))
            )
    assert versions(connection, weather) == before


def test_a_trigger_of_ones_own_is_no_way_in(
    connection: psycopg.Connection, weather: RegisteredSet, role: str, application: psycopg.Connection
) -> None:
    """Inside a trigger the guard looks at who writes, and a function's name that looks like fsdb's convinces nobody."""
    _grant(
        connection,
        role,
        "USAGE ON SCHEMA fsdb_history",
        "ALL ON ALL TABLES IN SCHEMA fsdb_history",
        "ALL ON ALL SEQUENCES IN SCHEMA fsdb_history",
        "CREATE ON SCHEMA public",
    )
    application.execute(
        """
        CREATE TABLE mine (k int);
        CREATE FUNCTION "fsdb_history.""weather:write""("() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            INSERT INTO fsdb_history.weather (k, event_time, recorded_at) VALUES (9, now(), now()); RETURN NULL;
        END $$;
        CREATE TRIGGER mine AFTER INSERT ON mine FOR EACH ROW EXECUTE FUNCTION "fsdb_history.""weather:write""("();
        """
    )
    before = versions(connection, weather)
    with pytest.raises(REFUSED, match="triggers alone"):
        application.execute("INSERT INTO mine VALUES (1)")
    assert versions(connection, weather) == before


def test_search_path_of_the_caller_is_not_used(
    connection: psycopg.Connection, weather: RegisteredSet, role: str, application: psycopg.Connection
) -> None:
    """Functions and operators of the caller's own, first in search_path, are never called by fsdb's functions."""
    _grant(connection, role, "ALL ON weather")
    connection.execute(SQL("CREATE SCHEMA trap AUTHORIZATION {}").format(Identifier(role)))
    connection.execute(SQL("CREATE TABLE caught (who text); GRANT INSERT ON caught TO {}").format(Identifier(role)))
    functions: list[tuple[str, str]] = [
        ("clock_timestamp()", "timestamptz"),
        ("statement_timestamp()", "timestamptz"),
        ("isfinite(timestamptz)", "bool"),
        ("record_image_ne(record, record)", "bool"),
        ("pg_trigger_depth()", "int"),
        ("strpos(text, text)", "int"),
        ("pg_has_role(name, oid, text)", "bool"),
        ("plus(timestamptz, interval)", "timestamptz"),
        ("equal(bigint, bigint)", "bool"),
        ("less(timestamptz, timestamptz)", "bool"),
    ]
    for signature, result in functions:
        application.execute(
            SQL(
                "CREATE FUNCTION trap.{} RETURNS {} LANGUAGE plpgsql AS"
                " $$ BEGIN INSERT INTO public.caught VALUES (current_user); RETURN NULL; END $$"
            ).format(SQL(signature), SQL(result))
        )
    application.execute(
        """
        CREATE OPERATOR trap.+ (LEFTARG = timestamptz, RIGHTARG = interval, FUNCTION = trap.plus);
        CREATE OPERATOR trap.= (LEFTARG = bigint, RIGHTARG = bigint, FUNCTION = trap.equal);
        CREATE OPERATOR trap.< (LEFTARG = timestamptz, RIGHTARG = timestamptz, FUNCTION = trap.less);
        CREATE TEMPORARY TABLE weather (LIKE public.weather);
        CREATE TEMPORARY TABLE new_rows (LIKE public.weather);
        SET search_path = trap, pg_temp, public, pg_catalog;
        """
    )
    for statement in (
        "INSERT INTO public.weather (k, a) VALUES (2, 5), (3, 3)",
        "UPDATE public.weather SET a = a + 1",
        "UPDATE public.weather SET a = a + 1, event_time = '2024-01-01 00:00+00'",
        "UPDATE public.weather SET k = 40 WHERE k::int = 3",
        "DELETE FROM public.weather WHERE k::int = 40",
        "TRUNCATE public.weather",
    ):
        application.execute(SQL(statement))
    assert connection.execute("SELECT who FROM caught").fetchall() == []
    kept = assert_live_is_newest(connection, weather)
    assert len(kept) == 3 + 2 + 3 + 3 + 2 + 1 + 2


def test_cascades_on_behalf_of_an_application(
    connection: psycopg.Connection, role: str, application: psycopg.Connection
) -> None:
    """Rights on the table that is referred to are enough: the cascade, and the versions that it writes, are not its own."""
    connection.execute(
        "CREATE TABLE owner (id int PRIMARY KEY);"
        "CREATE TABLE pet (id int REFERENCES owner ON DELETE CASCADE ON UPDATE CASCADE, n int, PRIMARY KEY (id, n),"
        " vet int REFERENCES owner ON DELETE SET NULL ON UPDATE CASCADE, seen timestamptz);"
        "INSERT INTO owner VALUES (1), (2), (3);"
        "INSERT INTO pet VALUES (1, 1, 3, '2024-01-01 00:00+00'), (2, 1, 3, '2024-01-01 00:00+00')"
    )
    with connection.transaction():
        pet = history.create(
            connection, history.tracked_definition(connection, "pet", features=["vet"], event_time="seen")
        )
    _grant(connection, role, "ALL ON owner")
    application.execute("UPDATE owner SET id = 30 WHERE id = 3")
    application.execute("UPDATE owner SET id = 10 WHERE id = 1")
    application.execute("DELETE FROM owner WHERE id = 30")
    application.execute("DELETE FROM owner WHERE id = 2")
    kept = assert_live_is_newest(connection, pet)
    found = [(*version.key, version.values["vet"], version.deleted) for version in kept[2:]]
    assert sorted(found[:2]) == [(1, 1, 30, False), (2, 1, 30, False)]
    assert found[2:4] == [(1, 1, None, True), (10, 1, 30, False)]
    assert sorted(found[4:6]) == [(2, 1, None, False), (10, 1, None, False)]
    assert found[6:] == [(2, 1, None, True)]


def test_all_of_it_without_a_superuser(server_url: str, database: TestDatabase, role: str) -> None:
    """A role that owns its database has the catalog, a set, its history; and does not write history directly either."""
    name = f"{database.name}_own"
    with database.connect() as admin:
        admin.execute(SQL("CREATE DATABASE {} OWNER {}").format(Identifier(name), Identifier(role)))
    url = make_conninfo(server_url, dbname=name, user=role, password="secret")
    try:
        catalog.upgrade(url)
        with psycopg.connect(url, autocommit=True) as owner:
            registered = made(owner, WEATHER)
            for change in CHANGES:
                change(owner, registered)
            kept = assert_live_is_newest(owner, registered)
            assert [version.deleted for version in kept] == [False, False, False, True]
            for statement in DIRECT:
                with pytest.raises(REFUSED, match="triggers alone"):
                    _try(owner, statement, registered)
            assert versions(owner, registered) == kept
            assert {found.state for found in history.status(owner, registered)} == {"installed"}
            with owner.transaction():
                history.drop(owner, registered)
    finally:
        with database.connect() as admin:
            admin.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


def test_whoever_owns_history_now_is_its_owner(server_url: str, database: TestDatabase, role: str) -> None:
    """After REASSIGN OWNED all works for the new owner, nothing is outdated, and the former one is refused inside triggers, too."""
    name = f"{database.name}_reassigned"
    with database.connect() as admin:
        admin.execute(SQL("CREATE DATABASE {} OWNER {}").format(Identifier(name), Identifier(role)))
    url = make_conninfo(server_url, dbname=name)
    try:
        former_url = make_conninfo(url, user=role, password="secret")
        catalog.upgrade(former_url)
        with psycopg.connect(former_url, autocommit=True) as former, psycopg.connect(url, autocommit=True) as present:
            registered = made(former, WEATHER)
            former.execute("INSERT INTO weather VALUES (1, 1, 'x')")
            present.execute(SQL("REASSIGN OWNED BY {} TO CURRENT_USER").format(Identifier(role)))
            _grant(
                present,
                role,
                "USAGE ON SCHEMA fsdb, fsdb_history",
                "USAGE, CREATE ON SCHEMA public",
                "ALL ON ALL TABLES IN SCHEMA fsdb_history",
                "ALL ON ALL SEQUENCES IN SCHEMA fsdb_history",
            )
            former.execute(
                """
                CREATE TABLE mine (k int);
                CREATE FUNCTION forge() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
                    INSERT INTO fsdb_history.weather (k, event_time, recorded_at) VALUES (9, now(), now()); RETURN NULL;
                END $$;
                CREATE TRIGGER forge AFTER INSERT ON mine FOR EACH ROW EXECUTE FUNCTION forge();
                """
            )
            for statement in (*DIRECT, "INSERT INTO mine VALUES (1)"):
                with _refused_to_others(statement):
                    _try(former, statement, registered)
            for change in CHANGES[1:]:
                change(present, registered)
            assert [version.deleted for version in assert_live_is_newest(present, registered)] == [
                False,
                False,
                False,
                True,
            ]
            assert {found.state for found in history.status(present, registered)} == {"installed"}
    finally:
        with database.connect() as admin:
            admin.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


def _delete_as_of(connection: psycopg.Connection, registered: RegisteredSet) -> None:
    with connection.transaction():
        assert history.delete_as_of(connection, registered, [{"k": 1}], day(3)) == 1


CHANGES: list[Callable[[psycopg.Connection, RegisteredSet], object]] = [
    lambda connection, _: connection.execute("INSERT INTO weather VALUES (1, 1, 'x', %s)", (day(1),)),
    lambda connection, _: connection.execute("UPDATE weather SET a = 2"),
    lambda connection, _: connection.execute("UPDATE weather SET a = 3, event_time = %s", (day(2),)),
    _delete_as_of,
]
