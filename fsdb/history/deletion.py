"""Deletes entities as of a moment, past or future."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from psycopg import Connection, DataError
from psycopg.sql import SQL, Composable, Identifier, Literal

from fsdb.access import foreign_code
from fsdb.access.rows import require_all
from fsdb.catalog.feature_sets import RegisteredSet
from fsdb.errors import InvalidData
from fsdb.history import bounds
from fsdb.history.columns import Columns
from fsdb.history.locking import hold
from fsdb.history.names import internal
from fsdb.history.reach import refuse_before
from fsdb.history.refusals import may_write
from fsdb.history.versions import version_row
from fsdb.keys import Key, key_values
from fsdb.search_path import of_user
from fsdb.sql import joined, query
from fsdb.types import type_sql


def delete_as_of(
    connection: Connection[Any],
    registered: RegisteredSet,
    rows: Sequence[Mapping[str, Any]],
    event_time: datetime,
) -> int:
    """Deletes the entities with the given keys as of `event_time`, and returns how many tombstones that wrote.

    An entity that was not there at that time is left as it is. Where a newer version is known the delete is late: a
    tombstone in history, and the live row stays. Raises InvalidData for a naive time or keys of the wrong type, UnknownName for
    keys that the set has not, RetentionRefused for a moment before the set's reach: what was there then may have left.
    """
    if event_time.utcoffset() is None:
        raise InvalidData(f"event_time {event_time} has no time zone: give a datetime that has one.")
    if registered.event_time_rule is not None:
        raise InvalidData(
            f"Feature set {registered.name} is declared with event_time={registered.event_time_rule!r}, so that the clock alone counts: delete the rows of {registered.name} with DELETE, as of now."
        )
    if getattr(event_time, "nanosecond", 0):
        raise InvalidData(f"event_time {event_time} has nanoseconds: round it to microseconds.")
    if not bounds.within(event_time):
        raise InvalidData(f"event_time {event_time} is not within {bounds.WORDS}: give a time in that range.")
    if not rows:
        return 0
    with connection.transaction():
        current = hold(connection, registered)
        doing = f"A delete as of a moment in {current.name}"
        require_all(connection, [current.name], doing)
        foreign_code.refuse(connection, current.live_schema, current.live_table, doing)
        return _delete(connection, current, rows, event_time)


def _delete(
    connection: Connection[Any],
    registered: RegisteredSet,
    rows: Sequence[Mapping[str, Any]],
    event_time: datetime,
) -> int:
    refuse_before(connection, registered, event_time, f"Entities of {registered.name} are to be deleted as of a moment")
    columns = Columns(registered)
    moment = SQL("{}::timestamptz").format(Literal(event_time))
    if connection.execute(
        query("history/deletion", "too_late", event_time=moment, **bounds.parts(registered.ahead))
    ).fetchone() != (False,):
        raise InvalidData(
            f"event_time {event_time} is not within {bounds.words(registered.ahead)}: give a time in that range."
        )
    given = query(
        "history/deletion",
        "given",
        arrays=joined([query("history/deletion", "values", array=array) for array in _arrays(registered, rows)]),
        keys=columns.keys(),
    )
    parts: dict[str, Composable] = {
        "live": registered.live,
        "history": registered.history,
        "given": given,
        "event_time": moment,
        "write": internal(registered.history_table, "write"),
        "l_is_g": columns.same_key("l", "g"),
        "h_is_g": columns.same_key("h", "g"),
        "l_keys": columns.keys("l"),
        "g_keys": columns.keys("g"),
        "version": version_row(
            registered,
            keys=[Identifier("g", key) for key in columns.key_names],
            features={},
            event_time=moment,
            deleted=True,
        ),
    }
    with may_write(registered):
        try:
            connection.execute(query("history/deletion", "lock", **parts))
        except DataError as error:
            raise InvalidData(
                f"The keys are not of the types that {registered.name} has ({_types(registered)}): {error.diag.message_primary}."
            ) from error
        written = connection.execute(query("history/deletion", "write_tombstones", **parts)).fetchone()
        assert written is not None
        anywhere = {f"{row}_is_g": columns.same_key_anywhere(row, "g") for row in ("l", "h")}
        with of_user(connection):  # under which the table's other triggers were written
            connection.execute(query("history/deletion", "delete_live", **{**parts, **anywhere}))
        return int(written[1])


def _arrays(registered: RegisteredSet, rows: Sequence[Mapping[str, Any]]) -> list[Composable]:
    """The values of each key column as an SQL array, of texts that name no type. Raises InvalidData, UnknownName."""
    keys = [Key(name, kind, registered.name) for name, kind in registered.keys.items()]
    columns = zip(*(key_values(row, keys) for row in rows), strict=True)
    return [
        SQL("ARRAY[{}]::{}[]").format(
            joined([Literal(None if value is None else str(value)) for value in values]), type_sql(key.type)
        )
        for key, values in zip(keys, columns, strict=True)
    ]


def _types(registered: RegisteredSet) -> str:
    return ", ".join(f"{key} {kind}" for key, kind in registered.keys.items())
