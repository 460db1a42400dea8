"""What comes out: vectors, training sets, entities as of a moment."""

import warnings
from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any, Literal

import pyarrow as pa

from fsdb import retention, training, vectors
from fsdb.arguments import checked_calls
from fsdb.catalog.feature_sets import get_set
from fsdb.definitions import TrainingView
from fsdb.errors import LateValues, NothingMatched
from fsdb.store.base import BaseStore
from fsdb.training import SavedTrainingSet, TrainingSet


@checked_calls("feature_vector", "feature_vectors", of="Store")
class ReadingStore(BaseStore):
    """Features as of now and as of then."""

    def feature_vector(self, features: str | Sequence[str], keys: Mapping[str, Any]) -> dict[str, Any]:
        """The features of one entity as of this moment, and `found`: whether every set has the entity.

        keys: a value for each key, and for each column that a chosen expression reads of the request.
        """
        with self._database.connection() as connection:
            return vectors.feature_vector(connection, features, keys)

    def feature_vectors(self, features: str | Sequence[str], keys: Sequence[Mapping[str, Any]] | Any) -> pa.Table:
        """The features of many entities as of one moment, a row each in the given order: their keys, the features, and `found`.

        features: "set.feature"; "set.*" for all of a set's. keys: a list of mappings, or a pandas, polars or Arrow table of keys,
        with the columns that chosen expressions read of the request. found:
        whether every set has the entity.
        """
        with self._database.connection() as connection:
            return vectors.vectors_with_keys(connection, features, keys)

    def training_set(
        self,
        view: TrainingView | str | None = None,
        *,
        spine: Any = None,
        features: str | Sequence[str] = (),
        timestamp: str | None = None,
        label: str | None = None,
        engine: str = "auto",
        known: str | datetime | None = None,
        timezone: str | tzinfo | None = None,
        values: Literal["history", "current"] = "history",
    ) -> TrainingSet:
        """Builds a training set: each row of the spine with the features as they were at the row's own moment.

        Give a training view, or a spine with features, timestamp and label. Features alone make the entities' own history the spine: a
        row for each moment at which something changed, or with values="current" a row for each entity as it is now.

        Warns with LateValues if values counted that were recorded only after their row's moment, and with NothingMatched if a set has no
        version for any row. An explicit known="now" warns of neither. `notice` of the result says both in any case.

        Args:
            view: A training view, by name or definition.
            spine: The labelled rows: an SQL query, a frame, or Parquet or CSV files by path.
            features: "set.feature", or "set.*" for all of a set's.
            timestamp: The spine's column of moments.
            label: The spine's column of labels.
            engine: "auto", "postgres", "duckdb" or "spark".
            known: Which versions count. None or "now": every one. "then": those that were recorded by each row's own moment. A moment:
                those that were recorded by it. The name of a saved training set: exactly those that it saw.
            timezone: The zone of times that have none.
            values: "history" or "current", where features alone are given.

        Raises:
            EngineUnavailable: The engine that you asked for cannot build it.
        """
        with self._database.transaction() as connection:
            built = training.build(
                connection,
                view,
                spine=spine,
                features=features,
                timestamp=timestamp,
                label=label,
                engine=engine,
                known="now" if known is None else known,
                timezone=timezone,
                values=values,
                database=self._database,
            )
        if known != "now":
            if built.late_notice is not None:
                warnings.warn(built.late_notice, LateValues, stacklevel=3)  # the caller of the checked call
            for one in built.coverage:
                if one.rows and not one.matched:
                    warnings.warn(one.sentence or "", NothingMatched, stacklevel=3)
        return built

    def as_of(self, feature_set: str, moment: datetime) -> pa.Table:
        """The entities that a feature set had at a moment, a row each: keys, features and event_time.

        It is like `<set>_as_of(moment)` in SQL, and also works for moments whose versions are in the columnar copy alone.
        """
        with self._database.transaction() as connection:
            return retention.as_of(connection, get_set(connection, feature_set), moment)

    def load_training_set(self, name: str) -> SavedTrainingSet:
        """A saved training set, to rebuild or verify."""
        with self._database.transaction() as connection:
            return training.load(connection, name, self._database)
