"""Definitions: what they would change, changing it, and tables that are an application's."""

import warnings
from collections.abc import Callable, Sequence
from typing import Any

from psycopg import Connection

from fsdb import history
from fsdb.arguments import checked_calls
from fsdb.catalog.feature_sets import RegisteredSet, get_set
from fsdb.errors import ColumnsLeftOut
from fsdb.migrate.applying import apply_definitions
from fsdb.migrate.diff import Definition
from fsdb.migrate.plan import Plan, apply, plan
from fsdb.store.base import BaseStore


@checked_calls(of="Store")
class DefinitionStore(BaseStore):
    """Feature sets and training views, as they are defined."""

    def plan(self, definitions: Sequence[Definition], prune: bool = False) -> Plan:
        """Shows what `apply` would change. Sets and views that no definition names stay, unless `prune` is set."""
        with self._database.transaction() as connection:
            return plan(connection, definitions, prune)

    def apply(
        self,
        definitions: Sequence[Definition],
        prune: bool = False,
        allow_destructive: bool = False,
        confirm: Callable[[Plan], bool] | None = None,
    ) -> Plan:
        """Makes the database as defined, in one transaction, and returns what it changed.

        Destructive changes need `allow_destructive`, or a `confirm` that returns True for the plan. If more sets are dropped than
        the server's lock table holds, they go last, in several transactions. Raises ChangeRefused.
        """
        return apply_definitions(self._database, definitions, prune, allow_destructive, confirm)

    def track(
        self,
        table: str,
        name: str | None = None,
        keys: Sequence[str] | None = None,
        features: Sequence[str] | None = None,
        event_time: str | None = None,
        max_age: str | None = None,
        description: str = "",
    ) -> RegisteredSet:
        """Turns an existing table into a feature set. Its columns and its application stay as they are.

        Args:
            table: "table" or "schema.table".
            name: The set's name. Without it, the table's.
            keys: The key columns. Without them, the primary key.
            features: The feature columns. Without them, all others that can be; a ColumnsLeftOut warning says which cannot, and why.
            event_time: The column with the event time. Without it, the clock counts.
            max_age: How old a value may be when it is read, such as "6 hours".
            description: What the set describes.
        """

        def change(connection: Connection[Any]) -> RegisteredSet:
            definition = history.tracked_definition(
                connection,
                table,
                name=name,
                keys=keys,
                features=features,
                event_time=event_time,
                max_age=max_age,
                description=description,
            )
            apply(connection, plan(connection, [definition]))
            return get_set(connection, definition.name)

        registered = self._database.changing(change)
        if features is None:
            with self._database.transaction() as connection:
                left_out = history.notes(connection, registered)
            if left_out:
                warnings.warn(" ".join(left_out), ColumnsLeftOut, stacklevel=3)
        return registered
