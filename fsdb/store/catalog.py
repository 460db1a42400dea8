"""The catalog: what is registered, what was done, how the database stands."""

from datetime import datetime

from fsdb.access import audit
from fsdb.arguments import checked_calls
from fsdb.catalog.search import describe, search
from fsdb.status import Status, read_status
from fsdb.store.base import BaseStore
from fsdb.table import Table


@checked_calls(of="Store")
class CatalogStore(BaseStore):
    """What one looks up."""

    def search(self, text: str = "") -> Table:
        """Everything registered that holds the words of `text` in its name, description, tags or owner."""
        with self._database.transaction() as connection:
            return search(connection, text)

    def describe(self, name: str) -> Table:
        """A feature set with its columns, or a model with its versions."""
        with self._database.transaction() as connection:
            return describe(connection, name)

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
        """Server, catalog, and what is installed against what this fsdb would install."""
        with self._database.transaction() as connection:
            return read_status(connection)
