"""Erases entities: one transaction for all that PostgreSQL holds, then the copy's files, which can be taken up again."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from psycopg import Connection, errors
from psycopg.sql import Composable, Identifier

from fsdb import locks
from fsdb.access import erasures, foreign_code
from fsdb.catalog import deployments as deployment_catalog
from fsdb.catalog.feature_sets import RegisteredSet, get_set
from fsdb.columnar import Copy, read_copy, turns
from fsdb.config import CATALOG_SCHEMA, HISTORY_SCHEMA
from fsdb.erasure import keys as given
from fsdb.erasure import places
from fsdb.erasure.keys import FILE, K
from fsdb.erasure.places import Taken
from fsdb.erasure.result import ErasureResult
from fsdb.errors import ChangeRefused, InvalidData
from fsdb.history.differences import seeing_all
from fsdb.history.erasing import erase_versions
from fsdb.history.repair import switch
from fsdb.locks import Mode, Relation
from fsdb.search_path import of_user
from fsdb.sql import query

logger = logging.getLogger(__name__)


def erase(
    connection: Connection[Any],
    feature_set: str,
    rows: Sequence[Mapping[str, Any]],
    why: str,
    *,
    dry_run: bool = False,
) -> ErasureResult:
    """Takes the entities with these keys out of everything that PostgreSQL holds, in the connection's transaction, and leaves the record.

    The set's copy, if there is one, is noted to be written anew: nobody reads it until that is done. dry_run: counts, and takes back.

    Raises InvalidData for keys that are none of the set's and without a reason, UnknownName, ChangeRefused where a trigger or a foreign
    key of the live table keeps a row.
    """
    if not why.strip():
        raise InvalidData("An erasure needs a reason, which stays with its record: why= (fsdb erase --why).")
    if not rows:
        raise InvalidData("No entity is named: give the keys of at least one.")
    with connection.transaction(force_rollback=dry_run):
        require_read_committed(connection, feature_set)
        registered = get_set(connection, feature_set)
        given.keep(connection, registered, rows)
        turns.take(connection, registered.name)
        copied = _copied(connection, registered)
        hold(connection, registered)
        registered = get_set(connection, feature_set)
        with seeing_all(connection, registered):
            done = _taken(connection, registered, why.strip(), copied)
        connection.execute(query(FILE, "drop_keys", **K))
    did = "Would erase" if dry_run else "Erased"
    logger.info("%s %s entities of %s: %s.", did, done.entities, feature_set, done.counts)
    return done if not dry_run else ErasureResult(**{**vars(done), "number": None, "pending": False})


def require_read_committed(connection: Connection[Any], feature_set: str) -> None:
    """Raises ChangeRefused in a transaction whose snapshot may be older than its locks."""
    if connection.execute(query(FILE, "isolation")).fetchone() != ("read committed",):
        raise ChangeRefused(
            f"Nothing was erased from {feature_set}, because this transaction's snapshot may lack rows: use isolation level read committed."
        )


def hold(connection: Connection[Any], registered: RegisteredSet) -> None:
    """Keeps everybody from writing the set and what is made of it, until the transaction ends; readers go on."""
    deployment_catalog.lock(connection)
    own: dict[Relation, Mode] = {
        (registered.live_schema, registered.live_table): Mode.SHARE_ROW_EXCLUSIVE,
        (HISTORY_SCHEMA, registered.history_table): Mode.SHARE_ROW_EXCLUSIVE,
        # A training set that is being saved is waited for, and one that is saved later sees this erasure.
        (CATALOG_SCHEMA, "training_sets"): Mode.SHARE_ROW_EXCLUSIVE,
    }
    wanted = locks.together(own, places.locks_of(connection, registered))
    # A table that follows by a foreign key must get no trigger between the question whose code runs there and the delete.
    ruled = {
        (t.schema, t.table): Mode.SHARE_ROW_EXCLUSIVE for t in foreign_code.following(connection, wanted) if t.lockable
    }
    locks.take(connection, locks.together(wanted, ruled))
    for schema, table in wanted:
        foreign_code.refuse(connection, schema, table, f"Erasing from {schema}.{table}", deletes=True)
    for one in foreign_code.following(connection, wanted):
        if not one.trusted and (one.schema, one.table) not in ruled:
            raise ChangeRefused(
                f"Rows of {one.schema}.{one.table}, of role {one.owner}, would follow what is erased, and {one.role} may not lock that table against new triggers. "
                f"Nothing was erased: GRANT DELETE ON {one.schema}.{one.table} TO {one.role}, or delete those rows first and drop the foreign key."
            )


def has_copy(connection: Connection[Any], registered: RegisteredSet) -> bool:
    """Whether there are, or may be, files of the set."""
    return connection.execute(query(FILE, "copied"), {"feature_set": registered.name}).fetchone() == (True,)


def analyze(connection: Connection[Any], tables: Sequence[Relation]) -> None:
    """Takes statistics anew, which quote values."""
    for table in dict.fromkeys(tables):
        connection.execute(query(FILE, "analyze", table=Identifier(*table)))


def _copied(connection: Connection[Any], registered: RegisteredSet) -> list[int]:
    """Versions of the entities that have left PostgreSQL for the copy."""
    if registered.reach is None:
        return []
    copy = read_copy(connection, registered.name)
    return [] if copy is None else _held(connection, registered, copy)


def _held(connection: Connection[Any], registered: RegisteredSet, copy: Copy) -> list[int]:
    from fsdb.columnar import erasing  # loads Iceberg's library

    wanted = given.as_arrow(connection, registered, copy)
    found: list[int] = erasing.held(copy, list(registered.keys), wanted).tolist()
    return found


def _taken(connection: Connection[Any], registered: RegisteredSet, why: str, copied: Sequence[int]) -> ErasureResult:
    taken = Taken()
    parts: dict[str, Composable] = {
        **K,
        "live": registered.live,
        "history": registered.history,
        "l_is_k": given.same(registered, "l"),
        "h_is_k": given.same(registered, "h"),
    }
    (entities,) = _one(connection, "entities", parts)
    found = query(FILE, "versions", **parts)
    before = connection.execute(found).rowcount
    taken.counts["live"] = _delete_live(connection, registered, parts)
    versions = [number for (number,) in connection.execute(found).fetchall()]
    taken.counts["history"] = before  # without the tombstones that this delete wrote
    if erase_versions(connection, registered, versions) != len(versions):
        raise ChangeRefused(
            f"Versions of {registered.name} could not be removed: a trigger on its history table keeps them. Disable it first."
        )
    for place in places.PLACES.values():
        place(connection, registered, taken)
    files = has_copy(connection, registered) and bool(versions or copied)
    analyze(
        connection,
        [(registered.live_schema, registered.live_table), (HISTORY_SCHEMA, registered.history_table), *taken.tables],
    )
    number = erasures.insert(
        connection,
        "erase",
        registered.name,
        entities,
        why,
        taken.counts,
        versions=sorted({*versions, *copied}),
        predictions=taken.predictions,
        training_sets=taken.training_sets,
        files=registered.history_table if files else None,
    )
    return ErasureResult(
        registered.name,
        "erase",
        number,
        entities,
        taken.counts,
        taken.training_sets,
        {name: len(ids) for name, ids in taken.predictions.items()},
        tuple(places.notes(connection, registered)),
        files,
    )


def _delete_live(connection: Connection[Any], registered: RegisteredSet, parts: Mapping[str, Composable]) -> int:
    # Rows of attached tables, which stay, are not to be scored again because of what is gone.
    found = connection.execute(query(FILE, "feeds"), {"live": registered.live.as_string()}).fetchall()
    feeds = [name for (name,) in found]
    try:
        with connection.transaction():
            switch(connection, registered, "DISABLE", feeds)
            with of_user(connection):  # under which the table's other triggers were written
                deleted = connection.execute(query(FILE, "delete_live", **parts)).rowcount
            switch(connection, registered, "ENABLE", feeds)
    except errors.IntegrityError as error:
        raise ChangeRefused(
            f"The live table of {registered.name} has a row that other rows refer to ({error.diag.constraint_name}): delete those first. Nothing was erased."
        ) from error
    except (errors.DataError, errors.RaiseException) as error:
        raise ChangeRefused(
            f"A trigger of the live table of {registered.name} refuses to delete rows: {error.diag.message_primary}. Nothing was erased."
        ) from error
    (left,) = _one(connection, "live_left", parts)
    if left:
        raise ChangeRefused(
            f"A trigger of the live table of {registered.name} keeps {left} rows that the erasure must delete: change or disable it first. Nothing was erased."
        )
    return deleted


def _one(connection: Connection[Any], name: str, parts: Mapping[str, Composable]) -> tuple[Any, ...]:
    row = connection.execute(query(FILE, name, **parts)).fetchone()
    assert row is not None
    return tuple(row)
