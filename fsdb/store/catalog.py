"""The catalog: what is registered, what was done, how the database stands."""

from datetime import datetime

from fsdb.access import audit
from fsdb.arguments import checked_calls
from fsdb.catalog.lists import listing
from fsdb.catalog.search import describe, search
from fsdb.status import Status, read_status
from fsdb.store.base import BaseStore
from fsdb.table import Table


@checked_calls(of="Store")
class CatalogStore(BaseStore):
    """What one looks up."""

    def search(self, text: str = "") -> Table:
        """Finds everything that has the words of `text` in its name, description, tags or owner."""
        with self._database.transaction() as connection:
            return search(connection, text)

    def describe(self, name: str, kind: str | None = None) -> Table:
        """A feature set with its columns, a model with its versions, a training view, a saved training set, a deployment, or a feature.

        name: as `search` gives it. kind: as `search` gives it, where a name is of several. Raises UnknownName.
        """
        with self._database.transaction() as connection:
            return describe(connection, name, kind)

    def feature_sets(self) -> Table:
        """All feature sets: name, keys, features (how many), table, tracked, max_age, retention, description, tags, owner."""
        with self._database.transaction() as connection:
            return listing(connection, "feature_sets")

    def expressions(self) -> Table:
        """All expressions: name, expression, type, inputs, description, tags, owner."""
        with self._database.transaction() as connection:
            return listing(connection, "expressions")

    def training_views(self) -> Table:
        """All training views: name, timestamp, label, features, description, tags, owner."""
        with self._database.transaction() as connection:
            return listing(connection, "training_views")

    def training_sets(self) -> Table:
        """All saved training sets, the newest first: name, view, rows, features (how many), label, known, late_values, models, created_at."""
        with self._database.transaction() as connection:
            return listing(connection, "training_sets")

    def models(self) -> Table:
        """All models: name, newest (version), production (version), estimator, deployed (where), description, tags, owner."""
        with self._database.transaction() as connection:
            return listing(connection, "models")

    def deployments(self) -> Table:
        """All deployments: name, model, version, runtime, on_error, canary (version), share, source (of attached rows), created_at."""
        with self._database.transaction() as connection:
            return listing(connection, "deployments")

    def audit(
        self,
        object: str | None = None,
        operation: str | None = None,
        since: datetime | None = None,
        most: int = audit.MOST,
    ) -> Table:
        """What was done to definitions, models, deployments, copies and rights: who, when and to what, newest first.

        object: a feature set, model, deployment, training set or role by name. Needs SELECT on fsdb.audit.
        """
        with self._database.transaction() as connection:
            return audit.entries(connection, object, operation, since, most)

    def status(self) -> Status:
        """The server, the catalog, and whether each object is what this version of fsdb would install."""
        with self._database.transaction() as connection:
            return read_status(connection)
