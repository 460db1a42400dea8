"""Adding, dropping, restoring and widening features of a set that has history."""

import psycopg
import pytest

from fsdb import history
from fsdb.catalog.feature_sets import RegisteredSet, get_set
from fsdb.definitions import Feature
from fsdb.errors import ChangeRefused, InvalidDefinition, UnknownName
from tests.history.kept import assert_live_is_newest, day, live, made, versions


@pytest.fixture
def weather(connection: psycopg.Connection) -> RegisteredSet:
    registered = made(connection)
    connection.execute("INSERT INTO weather VALUES (1, 1, 'x', %s), (2, 2, 'y', %s)", (day(1), day(1)))
    return registered


def _all_installed(connection: psycopg.Connection, registered: RegisteredSet) -> bool:
    return {found.state for found in history.status(connection, registered)} == {"installed"}


def test_added_feature_is_null_in_older_versions(connection: psycopg.Connection, weather: RegisteredSet) -> None:
    with connection.transaction():
        changed = history.add_feature(connection, weather, Feature("wind", "real", description="m/s"))
    connection.execute("UPDATE weather SET wind = 3 WHERE k = 1")
    kept = assert_live_is_newest(connection, changed)
    assert [v.values["wind"] for v in kept] == [None, None, 3]
    assert _all_installed(connection, changed)
    row = connection.execute("SELECT wind FROM weather_as_of(%s) WHERE k = 1", (day(2),)).fetchone()
    assert row == (None,)


def test_dropped_feature_keeps_its_past_and_comes_back_with_it(
    connection: psycopg.Connection, weather: RegisteredSet
) -> None:
    dropped_id = weather.feature("a").feature_id
    with connection.transaction():
        without = history.drop_feature(connection, weather, "a")
    assert [f.name for f in without.features] == ["b"]
    column = without.dropped_features[0].history_column
    assert column == f"a__d{dropped_id}"
    assert _all_installed(connection, without)
    connection.execute("UPDATE weather SET b = 'z', event_time = %s WHERE k = 1", (day(2),))
    with connection.transaction():
        back = history.restore_feature(connection, without, dropped_id)
    kept = assert_live_is_newest(connection, back)
    assert [v.values["a"] for v in kept] == [1, 2, None]
    assert live(connection, back)[2,]["a"] == 2
    assert _all_installed(connection, back)


def test_name_of_a_dropped_feature_can_be_taken_again(connection: psycopg.Connection, weather: RegisteredSet) -> None:
    first_id = weather.feature("a").feature_id
    with connection.transaction():
        changed = history.drop_feature(connection, weather, "a")
        changed = history.add_feature(connection, changed, Feature("a", "text"))
    connection.execute("UPDATE weather SET a = 'second' WHERE k = 1")
    with pytest.raises(ChangeRefused, match=r"newer feature weather\.a"), connection.transaction():
        history.restore_feature(connection, changed, first_id)
    with connection.transaction():
        changed = history.drop_feature(connection, changed, "a")
        changed = history.restore_feature(connection, changed, first_id)
    assert changed.feature("a").type == "double precision"
    assert len(changed.dropped_features) == 1
    assert_live_is_newest(connection, changed)


def test_corrections_keep_what_dropped_features_were(connection: psycopg.Connection, weather: RegisteredSet) -> None:
    """What fsdb writes itself takes every column along: a deletion as of later, then the dropped feature's restoring."""
    dropped_id = weather.feature("a").feature_id
    with connection.transaction():
        changed = history.drop_feature(connection, weather, "a")
        changed = history.add_feature(connection, changed, Feature("c", "integer"))
        connection.execute("CREATE TABLE past (k bigint, event_time timestamptz, c integer)")
        connection.execute("INSERT INTO past VALUES (1, %s, 5)", (day(1),))
        assert history.backfill(connection, changed, ["c"], psycopg.sql.SQL("past")) == 1
        connection.execute("UPDATE weather SET b = 'new', event_time = %s WHERE k = 2", (day(3),))
        changed = history.restore_feature(connection, changed, dropped_id)
    kept = assert_live_is_newest(connection, changed)
    assert [(v.key[0], v.values["a"], v.values["c"]) for v in kept] == [
        (1, 1, None),
        (2, 2, None),
        (1, None, 5),
        (2, None, None),
    ]


@pytest.mark.parametrize(
    ("old", "new", "value"),
    [
        ("smallint", "bigint", 7),
        ("integer", "bigint", -(2**31)),
        ("real", "double precision", 0.1),
        ("character varying(3)", "text", "abc"),
        ("numeric(5,2)", "numeric(9,4)", 1),
        ("integer", "numeric(13,3)", 2**31 - 1),
        ("bigint", "numeric", 2**53 - 1),
        ("smallint", "double precision", -7),
    ],
)
def test_type_is_widened_in_place(
    connection: psycopg.Connection, weather: RegisteredSet, old: str, new: str, value: object
) -> None:
    with connection.transaction():
        changed = history.add_feature(connection, weather, Feature("c", old))
    connection.execute("UPDATE weather SET c = %s WHERE k = 1", (value,))
    before = connection.execute(
        "SELECT c::text::float8 FROM weather WHERE k = 1" if new != "text" else "SELECT c FROM weather WHERE k = 1"
    ).fetchone()
    with connection.transaction():
        changed = history.widen_feature(connection, changed, "c", new)
    assert changed.feature("c").type == new
    assert before is not None
    after = live(connection, changed)[1,]["c"]
    assert after == (pytest.approx(before[0], rel=1e-6) if new != "text" else before[0])
    assert len(assert_live_is_newest(connection, changed)) == 3
    assert _all_installed(connection, changed)


def test_rights_on_views_survive(connection: psycopg.Connection, weather: RegisteredSet) -> None:
    connection.execute("GRANT SELECT ON weather_history TO pg_monitor WITH GRANT OPTION")
    connection.execute("REVOKE ALL ON FUNCTION weather_as_of(timestamptz) FROM PUBLIC")
    rights = (
        "SELECT has_table_privilege('pg_monitor', 'weather_history', 'SELECT WITH GRANT OPTION'),"
        " has_function_privilege('pg_monitor', 'weather_as_of(timestamptz)', 'EXECUTE')"
    )
    assert connection.execute(rights).fetchone() == (True, False)
    with connection.transaction():
        history.add_feature(connection, weather, Feature("c", "text"))
    assert connection.execute(rights).fetchone() == (True, False)


def test_refusals_leave_everything(connection: psycopg.Connection, weather: RegisteredSet) -> None:
    with pytest.raises(UnknownName, match="has no feature 'aa'"):
        history.drop_feature(connection, weather, "aa")
    with pytest.raises(InvalidDefinition, match="already"):
        history.add_feature(connection, weather, Feature("b", "text"))
    with pytest.raises(InvalidDefinition, match="history uses itself"):
        history.add_feature(connection, weather, Feature("xid", "text"))
    with pytest.raises(ChangeRefused, match="cannot become text"):
        history.widen_feature(connection, weather, "a", "text")
    with pytest.raises(UnknownName, match="no dropped feature"):
        history.restore_feature(connection, weather, 999)
    connection.execute("CREATE MATERIALIZED VIEW mine AS SELECT a FROM weather_history")
    with pytest.raises(ChangeRefused, match="view mine depends on"), connection.transaction():
        history.add_feature(connection, weather, Feature("c", "text"))
    connection.execute("DROP MATERIALIZED VIEW mine")
    with connection.transaction():
        one = history.drop_feature(connection, weather, "a")
    with pytest.raises(ChangeRefused, match="only feature"):
        history.drop_feature(connection, one, "b")
    assert get_set(connection, "weather") == one
    assert _all_installed(connection, one)
    assert len(versions(connection, one)) == 2


def test_views_on_history_make_room_and_come_back(connection: psycopg.Connection) -> None:
    """Views of users' own that read columns which stay: with their rights, options and comments, also where they read one another."""
    registered = made(connection)
    connection.execute("CREATE ROLE reporter")
    try:
        connection.execute(
            """CREATE VIEW report WITH (security_invoker = true) AS SELECT k, a, '{}' AS brace FROM weather_history;
            CREATE VIEW top AS SELECT r.k, w.a FROM report r JOIN weather w ON w.k = r.k;
            COMMENT ON VIEW top IS 'mine'; GRANT SELECT ON top TO reporter"""
        )
        shape = """SELECT c.relname, pg_get_viewdef(c.oid), c.reloptions, c.relacl, obj_description(c.oid), c.relowner
                   FROM pg_class c WHERE c.relname IN ('report', 'top') ORDER BY 1"""
        before = connection.execute(shape).fetchall()
        with connection.transaction():
            registered = history.add_feature(connection, registered, Feature("c", "integer"))
        with connection.transaction():
            registered = history.drop_feature(connection, registered, "b")
        with connection.transaction():
            history.widen_feature(connection, registered, "c", "bigint")
        assert connection.execute(shape).fetchall() == before
        with pytest.raises(ChangeRefused, match="View report reads weather"), connection.transaction():
            history.drop_feature(connection, registered, "a")
        connection.execute("CREATE MATERIALIZED VIEW kept AS SELECT k FROM weather_history")
        with pytest.raises(ChangeRefused, match="materialized view kept"), connection.transaction():
            history.add_feature(connection, registered, Feature("d", "integer"))
        assert connection.execute(shape).fetchall() == before
    finally:
        connection.execute("DROP OWNED BY reporter; DROP ROLE reporter")
