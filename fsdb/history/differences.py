"""Where a set's live table and its history as of infinity differ: they do not, unless rows were written past the triggers."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from psycopg import Connection, errors
from psycopg.sql import SQL, Composable, Composed, Identifier

from fsdb.access import foreign_code
from fsdb.access.rows import hiding
from fsdb.catalog.feature_sets import RegisteredSet
from fsdb.errors import ConnectionFailed
from fsdb.history.columns import Columns, listed
from fsdb.history.live import shown
from fsdb.sql import joined, query
from fsdb.table import Table

FILE = "history/repair"
ROWS = Identifier("_fsdb_differences")
SHOWN = 20


@dataclass(frozen=True)
class Differences:
    """In how many keys live table and history differ: other values, in the live table alone, in history alone; and the first rows."""

    feature_set: str
    changed: int
    only_live: int
    only_history: int
    rows: Table

    @property
    def total(self) -> int:
        """How many keys differ."""
        return self.changed + self.only_live + self.only_history

    def __bool__(self) -> bool:
        return self.total > 0

    def __str__(self) -> str:
        if not self:
            return f"Live table and history of {self.feature_set} are the same."
        parts = [
            f"{number} {what}"
            for number, what in (
                (self.changed, "with other values"),
                (self.only_live, "in the live table alone"),
                (self.only_history, "in history alone"),
            )
            if number
        ]
        what = "row differs" if self.total == 1 else "rows differ"
        return f"{self.total} {what} between live table and history of {self.feature_set}: {', '.join(parts)}."

    def to_dict(self) -> dict[str, Any]:
        """All of it as JSON can carry it."""
        counts = {"changed": self.changed, "only_live": self.only_live, "only_history": self.only_history}
        return {"feature_set": self.feature_set, **counts, "rows": self.rows.to_dicts()}


def count(connection: Connection[Any], registered: RegisteredSet) -> Differences:
    """How many keys differ, without the rows. Reads both tables once; writes nothing.

    Raises ConnectionFailed where row security would hide rows from this user.
    """
    with seeing_all(connection, registered):
        return _counted(connection, registered, _inline(registered))


def differences(connection: Connection[Any], registered: RegisteredSet) -> Differences:
    """How many keys differ, with the first of them. Raises ConnectionFailed as `count` does."""
    with seeing_all(connection, registered):
        return read(connection, registered, _inline(registered))


@contextmanager
def kept(connection: Connection[Any], registered: RegisteredSet) -> Iterator[Differences]:
    """Inside the block the keys that differ are in the temporary table ROWS of the connection. Raises ConnectionFailed as `count` does."""
    parts = parts_of(registered)
    with seeing_all(connection, registered):
        connection.execute(query(FILE, "keep", **parts))
    yield read(connection, registered, SQL("pg_temp.{}").format(ROWS))
    connection.execute(query(FILE, "drop_rows", **parts))


@contextmanager
def seeing_all(connection: Connection[Any], registered: RegisteredSet) -> Iterator[None]:
    """Around reads of a set's tables that must not lack a row."""
    said = (
        f"This database user does not see every row of {shown(registered.live_schema, registered.live_table)} and of its history: "
        "{}. Connect as a user with SELECT on both whom no row security holds."
    )
    try:
        with connection.transaction():
            doing = f"Reading the live table of {registered.name}"
            foreign_code.refuse(connection, registered.live_schema, registered.live_table, doing, writes=False)
            live = registered.live.as_string()
            if connection.execute(query(FILE, "hidden_live"), {"live": live}).fetchone() == (True,):
                raise ConnectionFailed(said.format(f"row security of {live} binds it"))
            hidden = hiding(connection, [registered.name])
            if hidden is not None:
                raise ConnectionFailed(said.format(hidden))
            yield
    except errors.InsufficientPrivilege as error:
        raise ConnectionFailed(said.format(error.diag.message_primary)) from error


def parts_of(registered: RegisteredSet) -> dict[str, Composable]:
    """What the texts that compare a live table with history name."""
    columns = Columns(registered)
    live, past = _row("l:row", columns.live_names), _row("h:row", columns.kept_names)
    differs: Composed = SQL("ROW({}) IS DISTINCT FROM ROW({})").format(joined(live), joined(past))
    if columns.time is not None and not registered.tracked:  # the time of a tracked table is its application's
        times = SQL("{} IS DISTINCT FROM {}").format(_field("l:row", columns.time), _field("h:row", "event_time"))
        differs = SQL("({} OR {})").format(differs, times)
    parts: dict[str, Composable] = {
        "rows": ROWS,
        "live": registered.live,
        "history": registered.history,
        "keys": columns.keys(),
        "l_keys": columns.keys("l"),
        "h_keys": columns.keys("h"),
        "l_is_r": columns.same_key_anywhere("l", "r"),
        "live_values": joined(live),
        "kept_values": joined(past),
        "differs": differs,
    }
    return parts | {"differing": query(FILE, "differing", **parts)}


def filling(registered: RegisteredSet) -> dict[str, Composable]:
    """The columns of the live table with what the newest version of a key, `r."h:row"`, has for each."""
    columns = Columns(registered)
    pairs = [
        *zip(columns.key_names, columns.key_names, strict=True),
        *zip(columns.live_names, columns.kept_names, strict=True),
    ]
    if columns.time is not None:
        pairs.append((columns.time, "event_time"))
    taken = {live: SQL("(r.{}).{}").format(Identifier("h:row"), Identifier(past)) for live, past in pairs}
    unchanged = {*columns.key_names, *([columns.time] if registered.tracked else [])}
    changed = [(name, value) for name, value in taken.items() if name not in unchanged]
    return {
        "columns": listed(list(taken)),
        "kept": joined(list(taken.values())),
        "sets": joined([SQL("{} = {}").format(Identifier(name), value) for name, value in changed]),
    }


def _field(row: str, column: str) -> Composed:
    return SQL("({}).{}").format(Identifier(row), Identifier(column))


def _row(row: str, names: list[str]) -> list[Composed]:
    return [_field(row, name) for name in names]


def _inline(registered: RegisteredSet) -> Composed:
    return SQL("({})").format(parts_of(registered)["differing"])


def _counted(connection: Connection[Any], registered: RegisteredSet, source: Composable) -> Differences:
    counts = connection.execute(query(FILE, "count", source=source)).fetchone()
    assert counts is not None
    changed, only_live, only_history = counts
    return Differences(registered.name, changed, only_live, only_history, Table.of((), ()))


def read(connection: Connection[Any], registered: RegisteredSet, source: Composable) -> Differences:
    """What the rows of a relation like ROWS say."""
    counted = _counted(connection, registered, source)
    parts = parts_of(registered) | {"source": source}
    keys, features = list(registered.keys), [feature.name for feature in registered.features]
    rows = []
    for is_live, is_kept, *values in connection.execute(query(FILE, "first", **parts), {"limit": SHOWN}).fetchall():
        key, both = values[: len(keys)], values[len(keys) :]
        live, past = both[: len(features)], both[len(features) :]
        differing = [
            name
            for name, one, other in zip(features, live, past, strict=True)
            if one != other or not (is_live and is_kept)
        ]
        rows.append((*key, _side(is_live, features, live, differing), _side(is_kept, features, past, differing)))
    title = f"Live table and history of {registered.name}"
    return replace(counted, rows=Table.of((*keys, "live_table", "history"), rows, title=title))


def _side(is_there: bool, names: list[str], values: list[Any], differing: list[str]) -> str:
    if not is_there:
        return "no row"
    pairs = [f"{name} = {value}" for name, value in zip(names, values, strict=True) if name in differing]
    return ", ".join(pairs) or "another time"
