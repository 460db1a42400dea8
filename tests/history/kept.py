"""Reads what a set's tables hold, and compares the live table with history by the oracle."""

from datetime import UTC, datetime
from typing import Any

import psycopg
from psycopg.rows import dict_row
from psycopg.sql import SQL, Composable, Identifier

from fsdb import history
from fsdb.catalog.feature_sets import RegisteredSet
from fsdb.definitions import Feature, FeatureSet
from tests import oracle
from tests.oracle import Version

WEATHER = FeatureSet("weather", keys={"k": "bigint"}, features=[Feature("a", "double precision"), Feature("b", "text")])


def day(number: int, hour: int = 0) -> datetime:
    """A day of January 2024, long before any test's clock."""
    return datetime(2024, 1, number, hour, tzinfo=UTC)


def made(connection: psycopg.Connection, definition: FeatureSet = WEATHER) -> RegisteredSet:
    """The set, created in a transaction of its own."""
    with connection.transaction():
        return history.create(connection, definition)


def versions(connection: psycopg.Connection, registered: RegisteredSet) -> list[Version]:
    """Every version in order of version_id."""
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(SQL("SELECT * FROM {} ORDER BY version_id").format(registered.history)).fetchall()
    return [
        Version(
            row["version_id"],
            tuple(row[key] for key in registered.keys),
            {f.name: row[f.history_column] for f in registered.features},
            row["event_time"],
            row["recorded_at"],
            row["deleted"],
        )
        for row in rows
    ]


def live(connection: psycopg.Connection, registered: RegisteredSet) -> dict[tuple[Any, ...], dict[str, Any]]:
    """The live rows by key: their features, and event_time where the table has one; None for one that Python cannot hold."""
    names = [*registered.keys, *(feature.name for feature in registered.features)]
    columns: list[Composable] = [Identifier(name) for name in names]
    if registered.event_time_column is not None:
        time = Identifier(registered.event_time_column)
        columns.append(SQL("CASE WHEN isfinite({0}) THEN {0} END AS {0}").format(time))
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(SQL("SELECT {} FROM {}").format(SQL(", ").join(columns), registered.live)).fetchall()
    found = {}
    for row in rows:
        values = {f.name: row[f.name] for f in registered.features}
        if registered.event_time_column is not None:
            values["event_time"] = row[registered.event_time_column]
        found[tuple(row[key] for key in registered.keys)] = values
    assert len(found) == len(rows)
    return found


def assert_live_is_newest(connection: psycopg.Connection, registered: RegisteredSet) -> list[Version]:
    """Asserts that the live table is history as of infinity (invariant 4), and gives the versions.

    The time in a tracked table is its application's, and may be another than the version's.
    """
    kept, found = versions(connection, registered), live(connection, registered)
    expected = {}
    for key, version in oracle.live(kept).items():
        expected[key] = dict(version.values)
        if not registered.tracked:
            expected[key]["event_time"] = version.event_time
    if registered.tracked:
        found = {key: {name: row[name] for name in row if name != "event_time"} for key, row in found.items()}
    assert found == expected
    return kept


def shown(kept: list[Version]) -> list[tuple[Any, ...]]:
    """Versions as tuples of key, features and whether deleted, for comparison with what a test expects."""
    return [(*version.key, *version.values.values(), version.deleted) for version in kept]
