"""History brought together with its live table again, and entities out of everything."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from fsdb import columnar, erasure, history
from fsdb.access import erasures
from fsdb.arguments import checked_calls
from fsdb.catalog.feature_sets import get_set
from fsdb.errors import PartlyErased
from fsdb.store.base import BaseStore


@checked_calls(of="Store")
class MendingStore(BaseStore):
    """What is put right afterwards, or taken out."""

    def repair(
        self,
        feature_set: str,
        source: history.Source | None = None,
        confirm: Callable[[Any], bool] | None = None,
        dated_after: datetime | None = None,
        why: str = "",
    ) -> history.Differences | erasure.ErasureResult:
        """Shows where a set's live table and its history differ, because rows were written past the triggers. With `source`, makes them agree.

        Args:
            feature_set: The set's name.
            source: "live" takes what the live table holds into history, with a tombstone for each row that is gone. "history" makes
                the live table what the newest versions say. Without it, nothing changes.
            confirm: Is called with what differs, before anything changes; nothing does unless it returns True.
            dated_after: Removes instead the versions that are dated later, as a broken clock left them, from history, live table and
                copy. Without a `confirm` that agrees, it says how many there are and changes nothing.
            why: The reason for that, which stays with the record.

        Raises:
            ChangeRefused: The two cannot be made to agree that way.
        """
        if dated_after is not None:
            return self._mended(feature_set, dated_after, why, confirm)
        with self._database.transaction() as connection:
            registered = get_set(connection, feature_set)
            differing = history.differences(connection, registered)
        if source is None or (differing and confirm is not None and not confirm(differing)):
            return differing
        return self._database.changing(lambda connection: history.repair(connection, registered, source))

    def erase(
        self,
        feature_set: str,
        keys: Mapping[str, Any] | Sequence[Mapping[str, Any]],
        why: str,
        dry_run: bool = False,
    ) -> erasure.ErasureResult:
        """Takes entities out of everything that fsdb holds of a set: live table, history, copy, predictions, queues, saved training sets.

        What is in PostgreSQL goes in one transaction, with a record in fsdb.erasures and fsdb.audit. Then the copy's files are written anew.
        If that fails, nobody reads the copy until `resume_erasures` or the next `sync` has done it. Only fsdb's role and its admins may erase.

        Args:
            feature_set: The set's name.
            keys: The entity's keys, or a list of them.
            why: The reason, which stays with the record.
            dry_run: Only counts what would go.
        """
        rows = [keys] if isinstance(keys, Mapping) else list(keys)
        self._refuse_inside("An erasure writes files, too, and commits on its own")
        if not dry_run:
            self.resume_erasures([feature_set])
        done = self._database.changing(
            lambda connection: erasure.erase(connection, feature_set, rows, why, dry_run=dry_run)
        )
        return self._finished(done)

    def resume_erasures(self, feature_sets: Sequence[str] | None = None) -> list[str]:
        """Writes the copies anew that an erasure has not reached yet, and returns their sets. Warns of those that it cannot write."""
        self._refuse_inside("An erasure writes files, too, and commits on its own")
        with self._database.transaction() as connection:
            waiting = erasures.pending(connection)
        if not [name for name in waiting if feature_sets is None or name in feature_sets]:
            return []
        done, left = columnar.resume_erasures(self.url, feature_sets, warehouse=self._warehouse)
        for sentence in left:
            warnings.warn(sentence, PartlyErased, stacklevel=3)
        return done

    def _mended(
        self, feature_set: str, after: datetime, why: str, confirm: Callable[[Any], bool] | None
    ) -> erasure.ErasureResult:
        self._refuse_inside("This repair writes files, too, and commits on its own")
        found = self._database.changing(
            lambda connection: erasure.mend(connection, feature_set, after, why, dry_run=True)
        )
        if not found or confirm is None or not confirm(found):
            return found
        self.resume_erasures([feature_set])
        done = self._database.changing(lambda connection: erasure.mend(connection, feature_set, after, why))
        return self._finished(done)

    def _finished(self, done: erasure.ErasureResult) -> erasure.ErasureResult:
        if not done.pending:
            return done
        self.resume_erasures([done.feature_set])
        return replace(done, pending=False)
