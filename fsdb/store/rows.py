"""Rows in: ingests, deletions as of a moment, past values of added features."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any

from psycopg import Connection

from fsdb import history
from fsdb.arguments import checked_calls
from fsdb.catalog.feature_sets import RegisteredSet, get_set
from fsdb.definitions import FeatureSet
from fsdb.ingest import IngestResult, backfill, ingest, ingest_several
from fsdb.progress import rows_sent
from fsdb.store.base import BaseStore


@checked_calls(of="Store")
class RowStore(BaseStore):
    """What is written into feature sets."""

    def ingest(
        self,
        feature_set: str | FeatureSet | Sequence[str | FeatureSet],
        data: Any,
        event_time: str | None = None,
        timezone: str | tzinfo | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> IngestResult:
        """Loads rows into a feature set, all or none. Columns bind by name.

        Args:
            feature_set: The set, by name or definition. If you give several, each takes its own columns, and the counts are sums.
            data: A pandas, polars or Arrow table, a Parquet or CSV file, or an SQL query on the same database.
            event_time: The column with the event time. Without it, the column `event_time` counts, or else now.
            timezone: The zone of times that have none: a name such as "Europe/Berlin", an offset such as "+02:00", or a tzinfo.
            progress: Is called with the number of rows sent so far. Without it, a terminal or a notebook shows a bar.

        Raises:
            InvalidData: A value cannot be taken; the message names the column, the row and the value.
        """
        with rows_sent(progress, "Rows sent") as told, self._database.transaction() as connection:
            if isinstance(feature_set, (str, FeatureSet)):
                return ingest(connection, _registered(connection, feature_set), data, event_time, timezone, told)
            sets = [_registered(connection, one) for one in feature_set]
            return ingest_several(connection, sets, data, event_time, timezone, told)

    def delete(
        self, feature_set: str, keys: Mapping[str, Any] | Sequence[Mapping[str, Any]], event_time: datetime
    ) -> int:
        """Deletes entities as of a moment. Returns how many versions that wrote. A late delete leaves the newer live row alone."""
        rows = [keys] if isinstance(keys, Mapping) else list(keys)
        with self._database.transaction() as connection:
            return history.delete_as_of(connection, get_set(connection, feature_set), rows, event_time)

    def backfill(
        self,
        feature_set: str,
        data: Any,
        features: Sequence[str] | None = None,
        event_time: str | None = None,
        timezone: str | tzinfo | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> int:
        """Gives features that were added later their past values, from rows of keys, event time and features, as `ingest` takes them.

        Returns the number of versions written.
        """
        with rows_sent(progress, "Rows sent") as told, self._database.transaction() as connection:
            chosen = get_set(connection, feature_set)
            return backfill(connection, chosen, data, features, event_time, timezone, told)


def _registered(connection: Connection[Any], feature_set: str | FeatureSet) -> RegisteredSet:
    return get_set(connection, feature_set if isinstance(feature_set, str) else feature_set.name)
