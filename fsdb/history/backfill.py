"""Gives features values for the past."""

from collections.abc import Sequence
from typing import Any

from psycopg import Connection
from psycopg.sql import SQL, Composable, Identifier

from fsdb.catalog.feature_sets import RegisteredSet
from fsdb.errors import InvalidData
from fsdb.history import bounds
from fsdb.history.columns import Columns
from fsdb.history.held import refuse_unfit
from fsdb.history.names import internal
from fsdb.history.reach import refuse_before
from fsdb.history.refusals import may_write
from fsdb.history.versions import version_row
from fsdb.search_path import of_user
from fsdb.sql import joined, query

FILE = "history/backfill"
ROWS = Identifier("_fsdb_backfill")


def backfill(
    connection: Connection[Any], registered: RegisteredSet, feature_names: Sequence[str], relation: Composable
) -> int:
    """Writes what the named features were at past times, and returns the number of versions that took.

    relation: what can stand after FROM, with the set's keys, `event_time` (timestamptz) and the features as columns; at most
    one row a key and time. A row states the features' values from its event_time on:

    - At that time a version is written which carries the other features as they were then, so nothing else changes.
    - Later versions that have NULL for a feature, because they were written before it was known, see the value
      too: each gets a correction, a version with the same event_time. That ends at the next row, at a version that has a value
      of its own, and at a tombstone.
    - The live row gets what its newest version then has, so live stays history as of infinity. In a tracked set the newest
      version is the application's, and is left alone: rows at or after its time are not taken.
    - Rows for keys without a version, and for times at which the entity was deleted, are not taken. A row before
      the entity's first version is: the other features are NULL then.

    Nothing is removed: training sets saved before rebuild as they were. Doing it twice writes nothing the second time.
    Raises UnknownName for a feature that the set has not, InvalidData for rows without key or time, or with the same ones, and
    RetentionRefused for times before the set's reach: the versions that a row would carry on from may have left.
    """
    features = [registered.feature(name) for name in feature_names]
    if not features:
        raise InvalidData(f"A backfill of {registered.name} needs at least one feature.")
    parts = _parts(registered, [(f.name, f.history_column) for f in features], relation)
    _check(connection, registered, parts)
    if registered.tracked:
        parts["points"] = query(FILE, "past_points", **parts)
    with may_write(registered), connection.transaction():
        connection.execute(query(FILE, "lock", **parts))
        connection.execute(query(FILE, "compute", **parts))
        if registered.tracked:
            connection.execute(query(FILE, "leave_newest", **parts))
        written = connection.execute(query(FILE, "count", **parts)).fetchone()
        assert written is not None
        _hold(connection, registered, [f.name for f in features], parts)
        connection.execute(query(FILE, "write_past", **parts))
        if not registered.tracked:
            anywhere = {**parts, "l_is_b": Columns(registered).same_key_anywhere("l", "b")}
            with of_user(connection):  # under which the table's other triggers were written
                connection.execute(query(FILE, "write_newest", **anywhere))
        connection.execute(query(FILE, "drop_rows", **parts))
        return int(written[0])


def _check(connection: Connection[Any], registered: RegisteredSet, parts: dict[str, Composable]) -> None:
    counts = connection.execute(query(FILE, "bad_points", **parts, **bounds.parts(registered.ahead))).fetchone()
    assert counts is not None
    no_key, no_time, repeated, earliest = counts
    if no_key:
        raise InvalidData(
            f"{no_key} rows to backfill into {registered.name} have a NULL key: give each a key, or leave them out."
        )
    if no_time:
        raise InvalidData(
            f"{no_time} rows to backfill into {registered.name} have no finite event_time within {bounds.words(registered.ahead)}: a backfill needs the time of each value."
        )
    if repeated:
        raise InvalidData(
            f"{repeated} rows to backfill into {registered.name} repeat a key and event_time: give one row for each."
        )
    refuse_before(connection, registered, earliest, f"A backfill of {registered.name} begins")


def _hold(
    connection: Connection[Any], registered: RegisteredSet, filled: Sequence[str], parts: dict[str, Composable]
) -> None:
    """Refuses past values that the live table would not take, by its rules on what is filled."""
    columns = {key: key for key in registered.keys} | {f.name: f.history_column for f in registered.features}
    values: dict[str, Composable] = {
        name: query(FILE, "version_value", column=Identifier(column)) for name, column in columns.items()
    }
    if registered.event_time_column is not None:
        values[registered.event_time_column] = Identifier("b", "event_time")
    refuse_unfit(connection, registered, query(FILE, "past_rows", **parts), values=values, filled=filled)


def _parts(registered: RegisteredSet, features: list[tuple[str, str]], relation: Composable) -> dict[str, Composable]:
    columns = Columns(registered)

    def each(text: str, **more: Composable) -> Composable:
        """A text of the file for each feature, with commas between."""
        return joined(
            [
                query(
                    FILE,
                    text,
                    feature=Identifier(name),
                    column=Identifier(column),
                    **{part: Identifier(f"{part}:{n}") for part in ("old", "stated", "stretch", "new")},
                    **more,
                )
                for n, (name, column) in enumerate(features)
            ]
        )

    x_keys = columns.keys("x")
    news: list[Composable] = [Identifier("x", f"new:{n}") for n in range(len(features))]
    parts: dict[str, Composable] = {
        "rows": ROWS,
        "points": relation,
        "live": registered.live,
        "history": registered.history,
        "write": internal(registered.history_table, "write"),
        "null_key": joined([SQL("{} IS NULL").format(Identifier("p", key)) for key in columns.key_names], " OR "),
        "held_values": each("held_value"),
        "point_values": each("point_value"),
        "anchors": each("anchor"),
        "carries": each("carry", x_keys=x_keys),
        "new_values": joined(news),
        "news": joined(news),
        "olds": joined([Identifier("x", f"old:{n}") for n in range(len(features))]),
        "sets": joined(
            [
                SQL("{} = {}").format(Identifier(name), Identifier("b", f"new:{n}"))
                for n, (name, _) in enumerate(features)
            ]
        ),
        "version": version_row(
            registered,
            keys=[Identifier("x", key) for key in columns.key_names],
            features={column: new for (_, column), new in zip(features, news, strict=True)},
            others=SQL("(x.version)"),
            event_time=Identifier("x", "at"),
        ),
    }
    if columns.time is not None:
        parts["time"] = Identifier(columns.time)
    parts.update({f"{alias}_keys": columns.keys(alias) for alias in ("p", "h", "t", "l", "b", "x")})
    for left, right in ("lg", "hp", "pt", "ht", "lb"):
        parts[f"{left}_is_{right}"] = columns.same_key(left, right)
    return parts
