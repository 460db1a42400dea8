"""Statements of an application's triggers that change the same rows again: a tracked table's versions follow the order of changes.

fsdb's function runs when a statement ends, so those inside it record first; none of them reads the table.
"""

from typing import Any

import psycopg
import pytest
from psycopg.sql import SQL, Literal

from fsdb import history

GONE = "gone"

# When the trigger fires, what it does, the statements, and the states of key 1 in the order in which they came.
CASES: dict[str, tuple[str, str, list[str], list[Any]]] = {
    "deleted and another inserted": (
        "INSERT",
        "IF NEW.a = 1 THEN DELETE FROM app WHERE k = NEW.k; INSERT INTO app VALUES (NEW.k, 2); END IF;",
        ["INSERT INTO app VALUES (1, 1)"],
        [1, GONE, 2],
    ),
    "deleted, inserted, deleted": (
        "INSERT",
        "IF NEW.a = 1 THEN DELETE FROM app; INSERT INTO app VALUES (NEW.k, 3); DELETE FROM app; END IF;",
        ["INSERT INTO app VALUES (1, 1)"],
        [1, GONE, 3, GONE],
    ),
    "updated, then deleted": (
        "INSERT",
        "UPDATE app SET a = 5 WHERE k = NEW.k; DELETE FROM app WHERE k = NEW.k;",
        ["INSERT INTO app VALUES (1, 1)"],
        [1, 5, GONE],
    ),
    "updated twice": (
        "INSERT",
        "UPDATE app SET a = 5 WHERE k = NEW.k; UPDATE app SET a = 6 WHERE k = NEW.k;",
        ["INSERT INTO app VALUES (1, 1)"],
        [1, 5, 6],
    ),
    "back to what it was": (
        "UPDATE",
        "IF pg_trigger_depth() = 1 THEN UPDATE app SET a = OLD.a WHERE k = NEW.k; END IF;",
        ["INSERT INTO app VALUES (1, 1)", "UPDATE app SET a = 9"],
        [1, 9, 1],
    ),
    "one inside the other": (
        "UPDATE",
        "IF NEW.a < 6 THEN UPDATE app SET a = NEW.a + 1 WHERE k = NEW.k; END IF;",
        ["INSERT INTO app VALUES (1, 1)", "UPDATE app SET a = 2"],
        [1, 2, 3, 4, 5, 6],
    ),
    "to and fro": (
        "UPDATE",
        "IF pg_trigger_depth() < 5 THEN UPDATE app SET a = 3 - NEW.a WHERE k = NEW.k; END IF;",
        ["INSERT INTO app VALUES (1, 1)", "UPDATE app SET a = 2"],
        [1, 2, 1, 2, 1, 2],
    ),
    "inserted again when deleted": (
        "DELETE",
        "IF pg_trigger_depth() = 1 THEN INSERT INTO app VALUES (OLD.k, 7); UPDATE app SET a = 8; END IF;",
        ["INSERT INTO app VALUES (1, 1)", "DELETE FROM app"],
        [1, GONE, 7, 8],
    ),
    "each statement sets off the next": (
        "INSERT OR DELETE",
        "IF TG_OP = 'DELETE' THEN INSERT INTO app VALUES (OLD.k, 50); ELSIF NEW.a = 50 THEN UPDATE app SET a = 51 WHERE k = NEW.k; END IF;",
        ["INSERT INTO app VALUES (1, 1)", "DELETE FROM app"],
        [1, GONE, 50, 51],
    ),
    "every row by each row": (
        "UPDATE",
        "IF pg_trigger_depth() = 1 THEN UPDATE app SET a = a + 100; END IF;",
        ["INSERT INTO app VALUES (1, 1), (2, 2)", "UPDATE app SET a = a + 10"],
        [1, 11, 111, 211],
    ),
    "one after the other in a block": (
        "TRUNCATE",
        "",
        [
            "DO $$ BEGIN INSERT INTO app VALUES (1, 1); DELETE FROM app; INSERT INTO app VALUES (1, 1); UPDATE app SET a = 2; UPDATE app SET a = 1; "
            "DELETE FROM app; INSERT INTO app VALUES (1, 1); END $$"
        ],
        [1, GONE, 1, 2, 1, GONE, 1],
    ),
    "in a block, each deleted at once": (
        "INSERT",
        "IF NEW.a = 3 THEN DELETE FROM app WHERE k = NEW.k; END IF;",
        [
            "DO $$ BEGIN INSERT INTO app VALUES (1, 3); INSERT INTO app VALUES (1, 3); INSERT INTO app VALUES (1, 1); END $$"
        ],
        [3, GONE, 3, GONE, 1],
    ),
}


@pytest.fixture(scope="module")
def module_connection(module_database):  # type: ignore[no-untyped-def]
    with module_database.connect() as connection:
        yield connection


@pytest.mark.parametrize("timed", [False, True], ids=["", "with a time of its own"])
@pytest.mark.parametrize("name", CASES)
def test_versions_follow_the_changes(module_connection: psycopg.Connection, name: str, timed: bool) -> None:
    event, body, statements, states = CASES[name]
    connection = module_connection
    with connection.transaction(force_rollback=True):
        connection.execute("CREATE TABLE app (k int PRIMARY KEY, a int, s timestamptz DEFAULT clock_timestamp())")
        definition = history.tracked_definition(connection, "app", features=["a"], event_time="s" if timed else None)
        history.create(connection, definition)
        connection.execute(
            SQL("CREATE FUNCTION again() RETURNS trigger LANGUAGE plpgsql AS {}").format(
                Literal(f"BEGIN {body} RETURN NULL; END")
            )
        )
        if body:
            connection.execute(f"CREATE TRIGGER again AFTER {event} ON app FOR EACH ROW EXECUTE FUNCTION again()")  # type: ignore[arg-type]
        for statement in statements:
            connection.execute(statement)  # type: ignore[arg-type]
        rows = connection.execute(
            "SELECT a, deleted, event_time FROM fsdb_history.app WHERE k = 1 ORDER BY event_time, version_id"
        ).fetchall()
        assert [GONE if deleted else a for a, deleted, _ in rows] == states
        live = connection.execute("SELECT a FROM app WHERE k = 1").fetchone()
        assert live == (None if states[-1] == GONE else (states[-1],))
        left = connection.execute("SELECT count(*) FROM fsdb.written_ahead").fetchone()
        assert left == (0,)
