"""Whatever an application does to a tracked table: history holds what the table holds, or status says why it cannot."""

from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.sql import SQL, Identifier

from fsdb import history
from fsdb.catalog.feature_sets import RegisteredSet, get_set
from fsdb.history.live import Needs, find

WRITES = [
    "INSERT INTO {t} ({k}) SELECT coalesce(max({k}), 0) + 1 FROM {t}",
    "INSERT INTO {t} SELECT * FROM {t} ON CONFLICT DO NOTHING",
    "UPDATE {t} SET {a} = coalesce({a}, 0) + 1",
    "UPDATE {t} SET {a} = 2.45 WHERE {k} % 2 = 1",
    "UPDATE {t} SET {b} = repeat('x ', {k})",
    "UPDATE {t} SET {a} = NULL, {b} = NULL, {s} = '2020-01-01'",
    "UPDATE {t} SET {s} = '2030-01-01' WHERE {k} = 1",
    "UPDATE {t} SET {k} = {k} + 1000 WHERE {k} = 1",
    "DELETE FROM {t} WHERE {k} % 2 = 0",
    "DELETE FROM {t}; INSERT INTO {t} ({k}, {a}) VALUES (1, 7)",
    "TRUNCATE {t}",
    "DO $$ BEGIN UPDATE {t} SET {a} = 1; UPDATE {t} SET {a} = 2; UPDATE {t} SET {a} = 1; DELETE FROM {t}; INSERT INTO {t} ({k}, {a}) VALUES (1, 1); END $$",
    "MERGE INTO {t} USING (VALUES (1), (5)) v (k) ON v.k = {t_k} WHEN MATCHED THEN UPDATE SET {a} = 9 WHEN NOT MATCHED THEN INSERT ({k}) VALUES (v.k)",
]
BEFORE = """CREATE OR REPLACE FUNCTION pg_temp.app() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} RETURN NEW; END $$;
    CREATE TRIGGER {name} BEFORE INSERT OR UPDATE ON {{t}} FOR EACH ROW EXECUTE FUNCTION pg_temp.app()"""
# Statements inside the application's own statement, which change the same rows again.
AFTER = """CREATE OR REPLACE FUNCTION pg_temp.again() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} RETURN NULL; END $$;
    CREATE OR REPLACE TRIGGER again AFTER {event} ON {{t}} FOR EACH ROW EXECUTE FUNCTION pg_temp.again()"""
CHANGES = [
    "ALTER TABLE {t} ADD note text DEFAULT 'n'",
    "ALTER TABLE {t} DROP {a}",
    "ALTER TABLE {t} RENAME {a} TO grams",
    "ALTER TABLE {t} RENAME {b} TO x; ALTER TABLE {t} RENAME {a} TO b; ALTER TABLE {t} RENAME x TO a",
    "ALTER TABLE {t} ALTER {a} TYPE numeric(8,3)",
    "ALTER TABLE {t} ALTER {a} TYPE bigint",
    "ALTER TABLE {t} ALTER {a} TYPE smallint",
    "ALTER TABLE {t} ALTER {b} TYPE text",
    "ALTER TABLE {t} ALTER {b} TYPE varchar(3) USING left({b}, 3)",
    "ALTER TABLE {t} ALTER {a} SET DEFAULT 5",
    "ALTER TABLE {t} RENAME TO other",
    "ALTER TABLE {t} RENAME TO other; CREATE TABLE app (LIKE other INCLUDING ALL)",
    "ALTER TABLE {t} DROP CONSTRAINT app_pkey",
    "ALTER TABLE {t} ENABLE ROW LEVEL SECURITY; ALTER TABLE {t} FORCE ROW LEVEL SECURITY; CREATE POLICY few ON {t} USING ({k} = 1)",
    "CREATE TABLE child () INHERITS ({t}); INSERT INTO child ({k}, {a}) VALUES (77, 7)",
    "CREATE TABLE every (LIKE {t}) PARTITION BY RANGE ({k}); ALTER TABLE every ATTACH PARTITION {t} DEFAULT; UPDATE every SET {a} = 8",
    "CREATE RULE soft AS ON DELETE TO {t} DO INSTEAD UPDATE {t} SET {a} = -1 WHERE {k} = OLD.{k}",
    "ALTER TABLE {t} DISABLE TRIGGER USER",
    "DROP TABLE {t}; CREATE TABLE app (k int PRIMARY KEY, a int, b varchar(9), s timestamptz)",
    AFTER.format(
        event="INSERT OR UPDATE",
        body="IF pg_trigger_depth() = 1 THEN UPDATE {t} SET {a} = 3 - {a} WHERE {k} = NEW.{k}; END IF;",
    ),
    AFTER.format(
        event="UPDATE", body="IF pg_trigger_depth() < 4 THEN UPDATE {t} SET {a} = 3 - {a} WHERE {k} = NEW.{k}; END IF;"
    ),
    AFTER.format(
        event="INSERT",
        body="IF pg_trigger_depth() = 1 THEN DELETE FROM {t} WHERE {k} = NEW.{k}; INSERT INTO {t} ({k}) VALUES (NEW.{k}); DELETE FROM {t} WHERE {k} = NEW.{k} + 1; END IF;",
    ),
    AFTER.format(
        event="DELETE",
        body="IF pg_trigger_depth() = 1 THEN INSERT INTO {t} ({k}, {a}) VALUES (OLD.{k}, 4); UPDATE {t} SET {k} = {k} + 500 WHERE {k} = OLD.{k}; END IF;",
    ),
    BEFORE.format(name='"~~~last"', body="NEW.{a} := coalesce(NEW.{a}, 0) + 1;"),
    BEFORE.format(name="aaa_first", body="NEW.{s} := clock_timestamp() - interval '1 day'; NEW.{b} := 'mine';"),
]


@pytest.fixture(scope="module")
def module_connection(module_database):  # type: ignore[no-untyped-def]
    with module_database.connect() as connection:
        yield connection


def _does(connection: psycopg.Connection, registered: RegisteredSet, text: str) -> None:
    """Does it to the table under its present name and columns; what PostgreSQL or fsdb refuses is not done."""
    live = find(connection, Needs.of(registered))
    table = Identifier("app") if live is None else Identifier(live.facts["schema"], live.facts["name"])
    names = {name: name if live is None else live.now_called(name) or name for name in ("k", "a", "b", "s")}
    parts = {**{name: Identifier(now) for name, now in names.items()}, "t": table, "t_k": Identifier(names["k"])}
    try:
        with connection.transaction():
            connection.execute(SQL(text).format(**parts))  # type: ignore[arg-type]
    except psycopg.Error:
        return


def _rows(connection: psycopg.Connection, statement: str) -> list[tuple[Any, ...]]:
    return sorted(connection.execute(statement).fetchall(), key=repr)  # type: ignore[arg-type]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(st.one_of(st.sampled_from(WRITES), st.sampled_from(WRITES), st.sampled_from(CHANGES)), max_size=9),
    timed=st.booleans(),
)
def test_history_holds_what_the_table_holds_or_status_tells(
    module_connection: psycopg.Connection, steps: list[str], timed: bool
) -> None:
    connection = module_connection
    with connection.transaction(force_rollback=True):
        connection.execute("CREATE TABLE app (k int PRIMARY KEY, a int, b varchar(9), s timestamptz)")
        connection.execute("INSERT INTO app SELECT k, k, 'b', '2024-01-01' FROM generate_series(1, 3) k")
        definition = history.tracked_definition(
            connection, "app", features=["a", "b"], event_time="s" if timed else None
        )
        app = history.create(connection, definition)
        told = False
        for text in steps:
            _does(connection, app, text)
            states = history.status(connection, get_set(connection, "app"))
            if any(found.state != "installed" for found in states):
                told = True
                continue
            if (
                " USING " in text and "MERGE" not in text
            ):  # writes values anew with no trigger: the comparison below tells
                told = True
            live = _rows(connection, "SELECT k, a, b FROM app")
            kept = _rows(
                connection,
                """SELECT k, a, b FROM (SELECT DISTINCT ON (k) * FROM fsdb_history.app ORDER BY k, event_time DESC, version_id DESC) n
                   WHERE NOT deleted""",
            )
            # What was written while the table was told to be unfit is missing, and the comparison says so.
            assert told or live == kept, (text, live, kept)
            assert (live == kept) == (not history.count_differences(connection, app)), (text, live, kept)
