"""A set with a retention of five days, history around that, and all versions that it ever had, for the oracle."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from psycopg.sql import SQL

from fsdb.catalog.feature_sets import RegisteredSet, get_set
from fsdb.columnar import sync
from fsdb.definitions import Feature, FeatureSet
from fsdb.retention import RetentionResult, retain
from tests import oracle
from tests.conftest import TestDatabase
from tests.history.kept import made, versions
from tests.oracle import Version

DAYS = timedelta(days=1)
NOW = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
WEATHER = FeatureSet(
    "weather",
    keys={"k": "bigint"},
    features=[Feature("a", "double precision"), Feature("b", "text")],
    retention=5 * DAYS,
)


def ago(days: float) -> datetime:
    """A moment that lies so many days back; five are the retention."""
    return NOW - days * DAYS


class Past:
    """A set in a database of its own; `every` are its versions, those that left too."""

    def __init__(
        self, database: TestDatabase, connection: psycopg.Connection, definition: FeatureSet = WEATHER
    ) -> None:
        self.database = database
        self.connection = connection
        self.name = definition.name
        made(connection, definition)
        self.every: dict[int, Version] = {}

    @property
    def registered(self) -> RegisteredSet:
        """The set as it is registered now."""
        return get_set(self.connection, self.name)

    @property
    def left(self) -> dict[int, Version]:
        """The versions that history has."""
        return {version.version_id: version for version in versions(self.connection, self.registered)}

    def put(self, rows: Iterable[tuple[Any, ...]]) -> None:
        """Upserts (k, a, b, event_time)."""
        for row in rows:
            self.connection.execute(
                "INSERT INTO weather (k, a, b, event_time) VALUES (%s, %s, %s, %s) ON CONFLICT (k) DO UPDATE"
                " SET a = excluded.a, b = excluded.b, event_time = excluded.event_time",
                row,
            )

    def remember(self) -> None:
        """Takes note of the versions that history has; those that are known stay as they were."""
        now = self.left
        for number, version in now.items():
            assert repr(self.every.setdefault(number, version)) == repr(version)

    def retain(self) -> RetentionResult:
        """Syncs, and lets versions leave."""
        self.remember()
        sync(self.database.url)
        return retain(self.connection, [self.name])

    def superseded(self, cutoff: datetime) -> set[int]:
        """Which versions no read as of the cutoff or later needs, by brute force."""
        found = set()
        for version in self.every.values():
            mine = (version.event_time, version.version_id)
            others = [v for v in self.every.values() if v.key == version.key and v.event_time <= cutoff]
            if any((v.event_time, v.version_id) > mine for v in others):
                found.add(version.version_id)
        return found

    def as_of(self, moment: datetime) -> dict[Any, Any]:
        """The set as it was, by brute force: values and event_time by key."""
        keys = {version.key for version in self.every.values()}
        found = {key: oracle.as_of(self.every.values(), key, moment) for key in keys}
        return {key[0]: (*v.values.values(), v.event_time) for key, v in found.items() if v is not None}

    def in_sql(self, moment: datetime) -> dict[Any, Any]:
        """The set as it was, as <set>_as_of says."""
        rows = self.connection.execute(SQL("SELECT * FROM weather_as_of(%s)"), [moment]).fetchall()
        return {row[0]: row[1:] for row in rows}

    def removals(self) -> list[Any]:
        """The record, without its times."""
        return self.connection.execute(
            "SELECT feature_set, versions, first_version, last_version FROM fsdb.removals ORDER BY removal_id"
        ).fetchall()
