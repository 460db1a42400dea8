"""Every supported type comes out of history, and out of as-of, as it went into the live table."""

from collections.abc import Iterator
from datetime import timedelta

import psycopg
import pytest
from psycopg.sql import SQL, Identifier, Literal

from fsdb import history
from fsdb.catalog.feature_sets import RegisteredSet
from fsdb.definitions import MOST_FEATURES, Feature, FeatureSet
from fsdb.types import KEY_TYPES
from tests.conftest import TestDatabase
from tests.history.kept import day

LONG = "ß" * 100_000  # stored out of line

# The type as it is declared, and values as they are written and shown by PostgreSQL: what history has must show the same text.
VALUES: dict[str, list[str | None]] = {
    "smallint": ["0", "-32768", "32767", None],
    "integer": ["-2147483648", "2147483647", None, "1"],
    "bigint": ["-9223372036854775808", "9007199254740993", "9223372036854775807", None],
    "real": ["NaN", "-0", "0", "Infinity", "-Infinity", "1e-45", "3.4028235e+38", "0.1", None],
    "double precision": [
        "NaN",
        "-0",
        "0",
        "Infinity",
        "-Infinity",
        "5e-324",
        "1.7976931348623157e+308",
        "0.30000000000000004",
        None,
    ],
    "numeric": ["1", "1.0", "1.000", "0.00", "NaN", "Infinity", "1" + "0" * 300 + ".5", "0." + "0" * 200 + "1", None],
    "numeric(10,3)": ["1.500", "-9999999.999", "NaN", None],
    "boolean": ["true", "false", None],
    "text": ["", " ", "NULL", "a'b\"c\\d\n\t\x01", "é", "e\u0301", "🛫", "\ufeff", LONG, None],
    "character varying": ["", "x  ", "Ünïcödé", None],
    "character varying(5)": ["12345", "", "éé", None],
    "date": ["2024-02-29", "0044-03-15 BC", "5874897-12-31", "infinity", "-infinity", None],
    "timestamp with time zone": [
        "2024-03-31 01:59:59.999999+00",
        "infinity",
        "-infinity",
        "0044-03-15 12:00:00+00 BC",
        "294276-12-31 23:59:59.999999+00",
        None,
    ],
    "uuid": ["00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff", None],
    "real[]": ["{}", "{NaN,-0,0,Infinity,NULL}", "{{1,2},{3,4}}", "[0:1]={1,2}", "{0.1}", None],
    "double precision[]": ["{}", "{NaN,-0,Infinity,NULL}", "{0.30000000000000004}", None],
    "integer[]": ["{}", "{-2147483648,NULL,2147483647}", "[0:1]={1,2}", None],
    "bigint[]": ["{}", "{9223372036854775807,NULL}", None],
    "boolean[]": ["{}", "{t,f,NULL}", None],
    "text[]": ["{}", '{"",NULL,"NULL",a,"b c","{{","\\"","\\\\"}', "{é,🛫}", "{{a,b},{c,d}}", None],
    "bytea": ["\\x", "\\x00ff", "\\x5c783030", None],
    "jsonb": [
        "null",
        "{}",
        "[]",
        '""',
        "1.0",
        "1.00",
        "1" + "0" * 30,
        '{"a": [1, {"b": null}], "é": "\\u0001 🛫"}',
        None,
    ],
}
KEYS: dict[str, list[str]] = {
    kind: [value for value in VALUES[kind] if value is not None and value != LONG] for kind in sorted(KEY_TYPES)
}


@pytest.fixture(scope="module")
def server(module_database: TestDatabase) -> Iterator[psycopg.Connection]:
    with module_database.connect() as connection:
        connection.execute("SET timezone = 'UTC'")
        yield connection


@pytest.fixture
def connection(server: psycopg.Connection) -> Iterator[psycopg.Connection]:
    """A connection whose changes are taken back."""
    with server.transaction(force_rollback=True):
        yield server


def _set(connection: psycopg.Connection, kind: str, tracked: bool) -> RegisteredSet:
    """A set with one feature of the type, or a tracked table with such a column."""
    if not tracked:
        return history.create(connection, FeatureSet("typed", keys={"k": "integer"}, features=[Feature("x", kind)]))
    connection.execute(SQL("CREATE TABLE typed (k int PRIMARY KEY, x {}, event_time timestamptz)").format(SQL(kind)))
    return history.create(connection, history.tracked_definition(connection, "typed", event_time="event_time"))


def _texts(connection: psycopg.Connection, source: str, where: str = "") -> list[str | None]:
    query = SQL("SELECT x::text FROM {} {}").format(SQL(source), SQL(where))
    return [row[0] for row in connection.execute(query)]


@pytest.mark.parametrize("tracked", [False, True], ids=["created", "tracked"])
@pytest.mark.parametrize("kind", VALUES)
def test_feature_values_stay_what_they_are(connection: psycopg.Connection, kind: str, tracked: bool) -> None:
    """Written by INSERT, UPDATE and COPY; each differs from the one before in its bytes, so each is a version."""
    registered = _set(connection, kind, tracked)
    values = VALUES[kind]
    first, rest = values[0], values[1:]
    connection.execute("INSERT INTO typed VALUES (1, %s, %s)", (first, day(1)))
    for number, value in enumerate(rest, 2):
        connection.execute("UPDATE typed SET x = %s, event_time = %s", (value, day(number)))
        assert _texts(connection, "typed") == [value]
    with connection.cursor().copy("COPY typed (k, x, event_time) FROM STDIN") as copy:
        for number, value in enumerate(values):
            copy.write_row((100 + number, value, day(1)))
    assert _texts(connection, "typed_history", "WHERE k = 1 ORDER BY version_id") == values
    assert _texts(connection, "typed", "WHERE k > 1 ORDER BY k") == values
    assert _texts(connection, "typed_history", "WHERE k > 1 ORDER BY k") == values
    for number, value in enumerate(values, 1):
        read = SQL("SELECT x::text, pg_typeof(x)::text FROM typed_as_of({}) WHERE k = 1")
        row = connection.execute(read.format(Literal(day(number) + timedelta(hours=1)))).fetchone()
        assert row == (value, kind.partition("(")[0])
    differing = connection.execute(
        SQL(
            "SELECT count(*) FROM typed l JOIN {} h USING (k) WHERE l.k > 1 AND record_image_ne(ROW(l.x), ROW(h.x))"
        ).format(registered.history)
    ).fetchone()
    assert differing == (0,)


@pytest.mark.parametrize("kind", VALUES)
def test_a_value_set_anew_is_no_change(connection: psycopg.Connection, kind: str) -> None:
    _set(connection, kind, tracked=False)
    for number, value in enumerate(VALUES[kind]):
        connection.execute("INSERT INTO typed VALUES (%s, %s)", (number, value))
        connection.execute("UPDATE typed SET x = %s WHERE k = %s", (value, number))
    assert connection.execute("SELECT count(*) FROM typed_history").fetchone() == (len(VALUES[kind]),)


@pytest.mark.parametrize("kind", KEYS)
def test_keys_stay_what_they_are(connection: psycopg.Connection, kind: str) -> None:
    """Each value is a key of its own, beside the same value in the other part of a composite key."""
    keys = {"k": kind, "other": "text"}
    history.create(connection, FeatureSet("typed", keys=keys, features=[Feature("x", "integer")]))
    values = KEYS[kind]
    for number, value in enumerate(values):
        connection.execute("INSERT INTO typed VALUES (%s, '', %s, %s)", (value, number, day(1)))
        connection.execute("INSERT INTO typed VALUES (%s, ' ', %s, %s)", (value, -number, day(1)))
    connection.execute("UPDATE typed SET x = x + 100, event_time = %s WHERE other = ''", (day(2),))
    connection.execute("DELETE FROM typed WHERE other = ' '")
    found = connection.execute(
        "SELECT k::text, x FROM typed_history WHERE NOT deleted AND other = '' ORDER BY version_id"
    )
    expected = [(value, number) for number, value in enumerate(values)]
    rows = found.fetchall()
    assert rows[: len(values)] == expected
    assert sorted(rows[len(values) :], key=lambda row: row[1]) == [(value, number + 100) for value, number in expected]
    assert connection.execute("SELECT count(*) FROM typed_history WHERE deleted").fetchone() == (len(values),)
    for value, number in expected:
        read = SQL("SELECT x FROM typed_as_of({}) WHERE k = {} AND other = ''")
        for moment, x in ((day(1), number), (day(3), number + 100)):
            assert connection.execute(read.format(Literal(moment), Literal(value))).fetchall() == [(x,)]


def test_hundreds_of_columns(connection: psycopg.Connection) -> None:
    """As many features as a set may have: whole rows of them travel through triggers and transition tables."""
    count = MOST_FEATURES
    names = [f"f{number}" for number in range(count)]
    features = [Feature(name, "real") for name in names]
    registered = history.create(connection, FeatureSet("wide", keys={"k": "bigint"}, features=features))
    numbers = SQL(", ").join(Literal(number) for number in range(count))
    connection.execute(SQL("INSERT INTO wide VALUES (1, {})").format(numbers))
    ends = SQL(", ").join(map(Identifier, (names[0], names[-2], names[-1])))
    connection.execute(SQL("UPDATE wide SET {} = -1").format(Identifier(names[-1])))
    kept = connection.execute(SQL("SELECT {} FROM {} ORDER BY version_id").format(ends, registered.history)).fetchall()
    assert kept == [(0, count - 2, count - 1), (0, count - 2, -1)]
    read = SQL("SELECT {} FROM wide_as_of('infinity')").format(ends)
    assert connection.execute(read).fetchall() == [(0, count - 2, -1)]
