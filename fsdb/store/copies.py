"""The columnar copy: brought up to date, and relied on by what leaves PostgreSQL."""

from collections.abc import Callable, Sequence

from fsdb import columnar, retention
from fsdb.arguments import checked_calls
from fsdb.errors import ChangeRefused
from fsdb.progress import sets_done
from fsdb.retention import RetentionResult
from fsdb.store.base import BaseStore


@checked_calls(of="Store")
class CopyStore(BaseStore):
    """The columnar copies of history."""

    def sync(
        self, feature_sets: Sequence[str] | None = None, progress: Callable[[str, int, int], None] | None = None
    ) -> columnar.SyncResult:
        """Brings the columnar copies of the named feature sets, or of all, up to date with history.

        It commits on its own, so it is refused inside `transaction()` (ChangeRefused). `progress` is called with a set's
        name, the versions written so far, and about how many there are to write. Without it, a terminal or a notebook shows a bar.
        """
        if self._database.in_transaction:
            raise ChangeRefused("A sync reads what is committed and commits on its own: call it outside transaction().")
        self._database.check_open()
        with sets_done(progress, "Syncing") as told:
            return columnar.sync(self.url, feature_sets, warehouse=self._warehouse, progress=told)

    def retain(self, feature_set: str | Sequence[str] | None = None) -> RetentionResult:
        """Removes old versions from PostgreSQL: those that were superseded longer ago than their set's retention and are found in its copy.

        It does one set, several, or all that have a retention, each in a transaction of its own. As-of reads, training sets,
        lineage and replay find these versions in the copy, or do not need them. Raises RetentionRefused and CopyBroken.
        """
        chosen = [feature_set] if isinstance(feature_set, str) else feature_set
        with self._database.connection() as connection:
            return retention.retain(connection, chosen)
