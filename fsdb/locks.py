"""Locks on tables and views: all that an operation needs, the strongest first, in one order, and tried again rather than waited for.

Who waits for a lock in PostgreSQL holds up everybody who comes after. So each attempt waits for a fraction of a second, gives
back what it has, and pauses. An attempt is shorter than the time after which PostgreSQL looks for deadlocks: where an
application holds what the operation wants and wants what the operation holds, the operation gives way.
"""

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Any, LiteralString

from psycopg import Connection, errors
from psycopg.sql import SQL, Composed, Identifier

from fsdb.config import lock_seconds
from fsdb.errors import ChangeRefused
from fsdb.sql import joined, query

FILE = "locks"
WAIT_MILLISECONDS = 200  # others wait behind an attempt for no longer than this
PAUSE_SECONDS = (0.1, 0.2, 0.4, 1.0)  # between attempts; the last one stands for all that follow
INTRUDER_SECONDS = 2.0  # for an advisory lock of a session that has no business with it
# What is said when a lock was not to be had, by whoever waited.
REFUSED = (errors.LockNotAvailable, errors.DeadlockDetected)

Relation = tuple[str, str]  # schema and name


class Mode(IntEnum):
    """How a table is locked, the weakest first."""

    SHARE = 1
    SHARE_ROW_EXCLUSIVE = 2
    ACCESS_EXCLUSIVE = 3

    @property
    def text(self) -> LiteralString:
        """The mode as LOCK TABLE has it."""
        return _TEXTS[self]


_TEXTS: dict[Mode, LiteralString] = {
    Mode.SHARE: "SHARE",
    Mode.SHARE_ROW_EXCLUSIVE: "SHARE ROW EXCLUSIVE",
    Mode.ACCESS_EXCLUSIVE: "ACCESS EXCLUSIVE",
}
Locks = Mapping[Relation, Mode]
_WEAK = ("AccessShareLock", "RowShareLock")
# What others may hold beside a lock.
_BESIDE: dict[Mode, tuple[str, ...]] = {
    Mode.SHARE: (*_WEAK, "ShareLock"),
    Mode.SHARE_ROW_EXCLUSIVE: _WEAK,
    Mode.ACCESS_EXCLUSIVE: (),
}


@dataclass(frozen=True)
class _Found:
    schema: str
    name: str
    oid: int
    kind: str

    @property
    def quoted(self) -> Identifier:
        return Identifier(self.schema, self.name)

    @property
    def shown(self) -> str:
        return self.name if self.schema == "public" else f"{self.schema}.{self.name}"


def together(*wanted: Locks) -> dict[Relation, Mode]:
    """All of these locks; of one relation the strongest."""
    found: dict[Relation, Mode] = {}
    for locks in wanted:
        for relation, mode in locks.items():
            found[relation] = max(mode, found.get(relation, mode))
    return found


def take(connection: Connection[Any], wanted: Locks) -> None:
    """Locks relations until the transaction ends: all of them at once, or none; those that are not there are left out.

    To be called before anything else locks them. Tries for `$FSDB_LOCK_SECONDS`, and then raises ChangeRefused, which says who is in the way.
    """
    found = _relations(connection, wanted)
    if not found:
        return
    former, wait = _timeouts(connection)
    for _ in attempts():
        try:
            with connection.transaction():
                _set_timeout(connection, wait)
                for statement in _statements(found, wanted):
                    connection.execute(statement)
                _set_timeout(connection, former)
            return
        except REFUSED as error:
            refused = error
    # An attempt at least was made.
    raise _in_the_way(connection, found, wanted) from refused


def wait_turn(connection: Connection[Any], table: Relation, what: str, mode: Mode = Mode.SHARE_ROW_EXCLUSIVE) -> None:
    """Locks a table of the catalog, where operations of fsdb wait for each other and nobody else does.

    Raises ChangeRefused where another one has not ended after `$FSDB_LOCK_SECONDS`. what: what is being changed, for that sentence.
    """
    former, _ = _timeouts(connection)
    try:
        with connection.transaction():
            _set_timeout(connection, max(1, round(lock_seconds() * 1000)))
            connection.execute(_locking([Identifier(*table)], mode))
            _set_timeout(connection, former)
    except errors.DeadlockDetected as error:
        raise sentence(error) from error
    except errors.LockNotAvailable as error:
        found = _relations(connection, {table: mode})
        raise ChangeRefused(
            f"{what} cannot be changed now: another change of them has not ended after {lock_seconds():g} s"
            f"{_who(connection, found, {table: mode})}. End that transaction, then call this again."
        ) from error


def take_turn(connection: Connection[Any], turn: str) -> None:
    """Waits for other operations of one kind, and keeps them waiting until the transaction ends.

    It takes a right to write the catalog to have a turn, and whoever has one is waited for as long as it takes. Raises ChangeRefused
    where both wait for each other.
    """
    _waited(connection, "take_turn", 0, {"turn": turn})


def hold_reading(connection: Connection[Any]) -> None:
    """Keeps versions from leaving history until the transaction ends. Raises ChangeRefused where retention has not ended after `$FSDB_LOCK_SECONDS`."""
    _waited(connection, "hold_reading", max(1, round(lock_seconds() * 1000)), {})


def _waited(connection: Connection[Any], text: str, milliseconds: int, values: dict[str, Any]) -> None:
    """Executes what waits for a lock, for so long, 0 without end, whatever the session's own timeout."""
    former, _ = _timeouts(connection)
    try:
        with connection.transaction():
            _set_timeout(connection, milliseconds)
            connection.execute(query(FILE, text), values)
            _set_timeout(connection, former)
    except REFUSED as error:
        raise sentence(error) from error


def wait_to_create(connection: Connection[Any], key: int, what: str) -> None:
    """Has an advisory lock until the transaction ends, where there is no catalog yet whose tables could be locked.

    Anybody may take such a lock. Who may create schemas in the database is waited for, for `$FSDB_LOCK_SECONDS`: then ChangeRefused says who
    has it. Who may not has no business with it: after two seconds the lock is done without, and of two who create a catalog one fails.
    """
    if connection.execute(query(FILE, "try_advisory"), {"key": key}).fetchone() == (True,):
        return
    former, _ = _timeouts(connection)
    wait = min(INTRUDER_SECONDS, lock_seconds() or INTRUDER_SECONDS)
    waited = 0.0
    while True:
        try:
            with connection.transaction():
                _set_timeout(connection, max(1, round(wait * 1000)))
                connection.execute(query(FILE, "advisory"), {"key": key})
                _set_timeout(connection, former)
            return
        except errors.DeadlockDetected as error:
            raise sentence(error) from error
        except errors.LockNotAvailable as error:
            waited += wait
            rightful = [
                session
                for *session, may_create in connection.execute(query(FILE, "advisory_holders"), {"key": key}).fetchall()
                if may_create
            ]
            if not rightful:
                return
            if waited >= lock_seconds():
                raise ChangeRefused(
                    f"{what} has waited for {waited:g} s for another session that creates or changes the catalog "
                    f"({_described(*rightful[0])}). End that session, then call this again."
                ) from error


def attempts() -> Iterator[int]:
    """Counts attempts, with pauses between them, until `$FSDB_LOCK_SECONDS` are over; one at least."""
    deadline = time.monotonic() + lock_seconds()
    number = 0
    while True:
        yield number
        pause = PAUSE_SECONDS[min(number, len(PAUSE_SECONDS) - 1)]
        if time.monotonic() + pause > deadline:
            return
        time.sleep(pause)
        number += 1


def hurry(connection: Connection[Any]) -> None:
    """From here on no lock is waited for in this transaction longer than an attempt may."""
    _set_timeout(connection, _timeouts(connection)[1])


class Again(Exception):
    """Leaves a transaction that is to be begun again: a lock that it needed was not to be had."""

    def __init__(self, error: errors.Error) -> None:
        super().__init__(str(error))
        self.error = error


@contextmanager
def again() -> Iterator[None]:
    """Turns a lock that was not to be had, and a deadlock, into `Again`."""
    try:
        yield
    except REFUSED as error:
        raise Again(error) from error


def sentence(error: errors.Error) -> ChangeRefused:
    """What to tell of a lock that a statement could not have."""
    said = ". ".join(part for part in (error.diag.message_primary or str(error), error.diag.message_detail) if part)
    return ChangeRefused(
        f"Another transaction holds what this one needs ({said.replace(chr(10), ' ')}), so nothing was changed: "
        "call it again when that one has ended (pg_stat_activity and pg_locks show it)."
    )


def _relations(connection: Connection[Any], wanted: Iterable[Relation]) -> list[_Found]:
    names = sorted(set(wanted))
    given = {"schemas": [schema for schema, _ in names], "names": [name for _, name in names]}
    return [_Found(*row) for row in connection.execute(query(FILE, "relations"), given).fetchall()]


def _statements(found: list[_Found], wanted: Locks) -> list[Composed]:
    """The strongest first; of one strength views, and then tables, by schema and name."""
    statements = []
    for mode in sorted(Mode, reverse=True):
        of_mode = sorted(
            (one for one in found if wanted[one.schema, one.name] == mode), key=lambda one: (one.schema, one.name)
        )
        statements += [query(FILE, "view", view=one.quoted) for one in of_mode if one.kind == "v"]
        tables = [one.quoted for one in of_mode if one.kind != "v"]
        if tables:
            statements.append(_locking(tables, mode))
    return statements


def _locking(tables: list[Identifier], mode: Mode) -> Composed:
    return query(FILE, "tables", tables=joined(tables), mode=SQL(mode.text))


def _timeouts(connection: Connection[Any]) -> tuple[int, int]:
    """How long this session waits for locks, and how long an attempt does, in milliseconds."""
    row = connection.execute(query(FILE, "timeouts")).fetchone()
    assert row is not None
    own, deadlock = row
    wait = min(WAIT_MILLISECONDS, max(1, deadlock // 2), own or WAIT_MILLISECONDS)
    return own, wait


def _set_timeout(connection: Connection[Any], milliseconds: int) -> None:
    connection.execute(query(FILE, "set_timeout"), {"milliseconds": str(milliseconds)})


def _in_the_way(connection: Connection[Any], found: list[_Found], wanted: Locks) -> ChangeRefused:
    names = ", ".join(one.shown for one in found)
    kind = "Table" if len(found) == 1 else "Tables"
    return ChangeRefused(
        f"{kind} {names} cannot be changed now: a transaction that uses {'it' if len(found) == 1 else 'them'} stays open"
        f"{_who(connection, found, wanted)}. End that transaction (pg_stat_activity shows it), then call this again."
    )


def _who(connection: Connection[Any], found: list[_Found], wanted: Locks) -> str:
    """Who holds what was wanted, in brackets; nothing where they have just gone."""
    modes = {one.oid: (one, wanted[one.schema, one.name]) for one in found}
    rows = connection.execute(query(FILE, "holders"), {"relations": list(modes)}).fetchall()
    for oid, mode, pid, application, user, state, since in rows:
        one, needed = modes[oid]
        if mode in _BESIDE[needed]:
            continue
        if pid is None:
            return f" (a prepared transaction uses {one.shown}: pg_prepared_xacts shows it)"
        return f" ({_described(pid, application, user, state, since)}, on {one.shown})"
    return ""


def _described(pid: int, application: str | None, user: str | None, state: str | None, since: datetime | None) -> str:
    """A session, as far as this user may see it."""
    parts = [
        f"pid {pid}",
        *([f"application {application}"] if application else []),
        *([f"user {user}"] if user else []),
        *([state] if state else []),
        *([f"since {since:%Y-%m-%d %H:%M:%S%z}"] if since else []),
    ]
    return ", ".join(parts)
