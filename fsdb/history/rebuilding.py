"""Takes a set's triggers and views away while its columns change, and puts them back as the catalog then describes it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from psycopg import Connection
from psycopg.rows import dict_row
from psycopg.sql import SQL, Composable, Identifier

from fsdb import locks
from fsdb.catalog.feature_sets import RegisteredSet
from fsdb.history.compiler import views
from fsdb.history.locking import all_locks
from fsdb.history.objects import GeneratedObject
from fsdb.history.refusals import refusals
from fsdb.history.status import marked_triggers
from fsdb.history.tables import refresh
from fsdb.sql import query


@contextmanager
def rebuilding(connection: Connection[Any], registered: RegisteredSet) -> Iterator[None]:
    """Around changes of a set's columns. Others wait meanwhile; rights granted on the views are kept.

    Raises ChangeRefused where other objects depend on the set's views or on a column that goes.
    """
    with refusals(registered.name):
        locks.take(connection, all_locks(registered))
        kept = {generated.name: _grants(connection, generated) for generated in views(registered)}
        for signature in marked_triggers(connection, registered):
            connection.execute(query("history/objects", "drop", kind=SQL("TRIGGER"), signature=signature))
        for generated in views(registered):
            connection.execute(
                query(
                    "history/objects",
                    "drop",
                    kind=SQL("{} IF EXISTS").format(SQL(generated.kind.upper())),
                    signature=generated.signature,
                )
            )
        yield
        refresh(connection, registered)
        for generated in views(registered):
            _grant(connection, generated, kept[generated.name])


def _grants(connection: Connection[Any], generated: GeneratedObject) -> list[dict[str, Any]]:
    """Rights on an object as rows; none where it has those of any new object."""
    names = {kind: generated.signature.as_string() if generated.kind == kind else None for kind in ("view", "function")}
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query("history/features", "grants"), names).fetchall()


def _grant(connection: Connection[Any], generated: GeneratedObject, rows: list[dict[str, Any]]) -> None:
    if not rows:
        return
    target = SQL("{} {}").format(SQL("FUNCTION" if generated.kind == "function" else "TABLE"), generated.signature)
    connection.execute(query("history/features", "revoke_all", object=target))
    for row in (row for row in rows if row["privilege"] is not None):
        grantee: Composable = SQL("PUBLIC") if row["everyone"] else Identifier(row["grantee"])
        parts: dict[str, Composable] = {
            "privilege": SQL(row["privilege"]),
            "object": target,
            "grantee": grantee,
            "option": SQL("WITH GRANT OPTION" if row["grantable"] else ""),
        }
        connection.execute(query("history/features", "grant", **parts))
