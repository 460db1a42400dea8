"""Takes a set's triggers and views away while its columns change, and puts them back as the catalog then describes it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from psycopg import Connection

from fsdb import locks
from fsdb.catalog.feature_sets import RegisteredSet
from fsdb.history.dependents import set_aside
from fsdb.history.grants import grant, grants
from fsdb.history.locking import all_locks
from fsdb.history.refusals import refusals
from fsdb.history.tables import drop_objects, drop_triggers, refresh
from fsdb.history.views import views


@contextmanager
def rebuilding(connection: Connection[Any], registered: RegisteredSet) -> Iterator[None]:
    """Around changes of a set's columns. Others wait meanwhile; rights granted on the views are kept.

    Raises ChangeRefused where other objects depend on the set's views or on a column that goes.
    """
    with refusals(registered.name):
        locks.take(connection, all_locks(registered))
        with set_aside(connection, registered):
            yield from _rebuilt(connection, registered)


def _rebuilt(connection: Connection[Any], registered: RegisteredSet) -> Iterator[None]:
    kept = {one.name: grants(connection, one.kind, one.signature) for one in views(registered)}
    drop_triggers(connection, registered)
    drop_objects(connection, views(registered))
    yield
    refresh(connection, registered)
    for generated in views(registered):
        grant(connection, generated.kind, generated.signature, kept[generated.name])
