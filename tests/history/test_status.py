"""Drift of generated objects is seen, and mended by refresh."""

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from fsdb import history
from fsdb.catalog.feature_sets import RegisteredSet, get_set
from fsdb.errors import ChangeRefused
from tests.history.kept import assert_live_is_newest, made


@pytest.fixture
def weather(connection: psycopg.Connection) -> RegisteredSet:
    return made(connection)


def _not_installed(connection: psycopg.Connection, registered: RegisteredSet) -> dict[str, str]:
    states = history.status(connection, registered)
    at_a_glance = history.sound(connection).get(registered.name)
    assert at_a_glance is None or list(at_a_glance.objects) == states
    return {s.name: s.state for s in states if s.state != "installed"}


def test_a_new_set_is_installed(connection: psycopg.Connection, weather: RegisteredSet) -> None:
    found = history.status(connection, weather)
    assert {s.kind for s in found} == {"table", "function", "trigger", "policy", "view"}
    assert {s.state for s in found} == {"installed"}
    assert list(history.sound(connection)["weather"].objects) == found


def test_what_another_fsdb_compiled_is_looked_at_closely(
    connection: psycopg.Connection, weather: RegisteredSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "weather" in history.sound(connection)
    monkeypatch.setattr("fsdb.history.glance.code", lambda: "of another version")
    assert history.sound(connection) == {}
    assert _not_installed(connection, weather) == {}
    history.keep(connection, weather)
    assert list(history.sound(connection)) == ["weather"]
    connection.execute("UPDATE fsdb.features SET type = 'bigint' WHERE name = 'a'")
    assert history.sound(connection) == {}


@pytest.mark.parametrize(
    ("change", "name", "state"),
    [
        ("ALTER TABLE weather DISABLE TRIGGER aa_fsdb_inserted", "aa_fsdb_inserted", "outdated"),
        ("ALTER TABLE weather ENABLE REPLICA TRIGGER aa_fsdb_deleted", "aa_fsdb_deleted", "outdated"),
        ('DROP TRIGGER "~fsdb_1_named" ON weather', "~fsdb_1_named", "missing"),
        (
            'CREATE OR REPLACE FUNCTION fsdb_history."weather:same"() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$',
            "fsdb_history.weather:same",
            "outdated",
        ),
        (
            "COMMENT ON VIEW weather_history IS 'fsdb 0123456789abcdef: of another version'",
            "public.weather_history",
            "outdated",
        ),
        ("DROP VIEW weather_history", "public.weather_history", "missing"),
        ("DROP FUNCTION weather_as_of(timestamptz)", "public.weather_as_of", "missing"),
    ],
)
def test_drift_is_seen_and_mended(
    connection: psycopg.Connection, weather: RegisteredSet, change: str, name: str, state: str
) -> None:
    connection.execute(change)  # type: ignore[arg-type]
    assert _not_installed(connection, weather) == {name: state}
    assert history.sound(connection) == {}
    with connection.transaction():
        history.refresh(connection, weather)
    assert _not_installed(connection, weather) == {}
    assert list(history.sound(connection)) == ["weather"]
    connection.execute("INSERT INTO weather VALUES (1, 1, 'x')")
    assert len(assert_live_is_newest(connection, weather)) == 1


def test_a_foreign_object_is_seen_and_left_alone(connection: psycopg.Connection, weather: RegisteredSet) -> None:
    connection.execute("DROP VIEW weather_history; CREATE VIEW weather_history AS SELECT 1 AS mine")
    assert _not_installed(connection, weather) == {"public.weather_history": "foreign"}
    with pytest.raises(ChangeRefused, match="is not fsdb's"), connection.transaction():
        history.refresh(connection, weather)
    assert connection.execute("SELECT mine FROM weather_history").fetchone() == (1,)


def test_a_changed_max_age_is_drift_until_refreshed(connection: psycopg.Connection, weather: RegisteredSet) -> None:
    connection.execute("UPDATE fsdb.feature_sets SET max_age = '6 hours'")
    current = get_set(connection, "weather")
    assert _not_installed(connection, current) == {"public.weather_as_of": "outdated"}
    with connection.transaction():
        history.refresh(connection, current)
    assert _not_installed(connection, current) == {}


def test_drop_leaves_nothing(connection: psycopg.Connection) -> None:
    everything = (
        "SELECT (SELECT count(*) FROM pg_class), (SELECT count(*) FROM pg_proc), (SELECT count(*) FROM pg_trigger),"
        " (SELECT count(*) FROM pg_type), (SELECT count(*) FROM fsdb.feature_sets)"
    )
    before = connection.execute(everything).fetchone()
    registered = made(connection)
    connection.execute("INSERT INTO weather VALUES (1, 1, 'x')")
    assert connection.execute(everything).fetchone() != before
    with connection.transaction():
        history.drop(connection, registered)
    assert connection.execute(everything).fetchone() == before


def test_drop_is_refused_while_a_view_depends_on_the_set(
    connection: psycopg.Connection, weather: RegisteredSet
) -> None:
    connection.execute("CREATE VIEW mine AS SELECT a FROM weather")
    with pytest.raises(ChangeRefused, match="view mine depends on table weather"), connection.transaction():
        history.drop(connection, weather)
    assert _not_installed(connection, weather) == {}


def test_plans_of_triggers_are_not_compiled(connection: psycopg.Connection) -> None:
    """Before PostgreSQL 18 jit would take most of a second for each statement, because of what the functions switch off."""
    made(connection)
    settings = connection.execute(
        "SELECT proname, proconfig FROM pg_proc WHERE pronamespace = 'fsdb_history'::regnamespace AND proconfig::text LIKE '%enable_%'"
    ).fetchall()
    assert len(settings) >= 6
    assert [name for name, config in settings if "jit=off" not in config] == []


@pytest.mark.parametrize("timing", ["BEFORE INSERT", "BEFORE UPDATE", "BEFORE INSERT OR UPDATE"])
def test_a_trigger_that_comes_after_fsdbs_is_told(
    connection: psycopg.Connection, weather: RegisteredSet, timing: str
) -> None:
    """No name that begins with a letter of ASCII comes after; one that does could change a row that fsdb has settled, or drop it."""
    connection.execute(
        "CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.event_time := now(); RETURN NEW; END $$"
    )
    for name, told in (("zzz_touch", False), ("~touch", True)):
        connection.execute(
            SQL("CREATE TRIGGER {} {} ON weather FOR EACH ROW EXECUTE FUNCTION touch()").format(
                Identifier(name), SQL(timing)
            )
        )
        problems = history.live_status(connection, weather).problems
        assert [("~touch" in str(problem)) for problem in problems] == [True] * told
