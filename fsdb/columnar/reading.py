"""Reading which files a copy consists of: one query for the place of its metadata, then files that never change."""

import re
from collections import OrderedDict
from dataclasses import replace
from datetime import datetime
from typing import Any

import psycopg
from psycopg import Connection

from fsdb import db
from fsdb.access import erasures
from fsdb.columnar.copies import Copy
from fsdb.columnar.types import same_digits
from fsdb.errors import ConnectionFailed, CopyBroken
from fsdb.forks import Lock
from fsdb.sql import query

FILE = "columnar/copies"
_KEPT = 256  # copies remembered; a Copy is small but for its list of files

_AWAY = re.compile(r"AWS Error [^\n]*[^\n.)]")  # how Arrow's client says that S3 gave no answer, or refused one
AWAY = "Check the network, the credentials and $AWS_ENDPOINT_URL, and try again"

_remembered: "OrderedDict[str, Copy | None]" = OrderedDict()
_remembering = Lock()


def read_copy(connection: Connection[Any], feature_set: str) -> Copy | None:
    """The current copy of a set, under the names that its features have now; None where it was never synced.

    Reads what the connection sees; a reader must take its own snapshot of PostgreSQL after this. Raises CopyBroken where the
    copy cannot be read, or is gone and with it versions that have left PostgreSQL.
    """
    row = _place(connection, feature_set)
    if row is None:
        _refuse_lost(connection, feature_set)
        return None
    try:
        copy = _at(row, feature_set)
    except CopyBroken:
        again = _place(connection, feature_set)  # replaced and cleaned up while it was read
        if again is None or again[0] == row[0]:
            raise
        row = again
        copy = _at(row, feature_set)
    return None if copy is None else _named(copy, row[1], row[2], row[3])


def lost(feature_set: str, reach: datetime) -> CopyBroken:
    """What to say where there is no copy of a set of which versions have left PostgreSQL."""
    return CopyBroken(
        f"Versions of {feature_set} before {reach} have left PostgreSQL, and there is no columnar copy of it any more: restore the database from a backup."
    )


def server_lost(error: psycopg.Error) -> ConnectionFailed:
    """What to say where the connection is lost during work on copies."""
    return ConnectionFailed(
        f"The server went away during work on columnar copies: {db.reason(error)}. Each copy is as before or complete; sync again when the server is back."
    )


def _refuse_lost(connection: Connection[Any], feature_set: str) -> None:
    row = connection.execute(query("history/reach", "reach"), {"name": feature_set}).fetchone()
    if row is not None and row[0] is not None:
        if erasures.pending(connection, feature_set):
            raise CopyBroken(
                f"An erasure of {feature_set} has not reached its columnar copy, which alone has versions before {row[0]}: run fsdb erase --resume, or fsdb sync."
            )
        raise lost(feature_set, row[0])


def check_files(copy: Copy) -> None:
    """Raises CopyBroken where a file of the copy is gone or of another size. Looks at each file, but does not open it."""
    from fsdb.columnar.iceberg import file_problems

    for path, problem in file_problems(copy).items():
        raise broken(copy.feature_set, path, problem)


def broken(feature_set: str, path: str, problem: str) -> CopyBroken:
    """What to say where a file of a copy cannot be read, or only not be reached now."""
    away = _AWAY.search(problem)
    if away is not None:
        return CopyBroken(f"The columnar copy of {feature_set} cannot be reached ({path}: {away[0]}). {AWAY}.")
    return CopyBroken(
        f"The columnar copy of {feature_set} cannot be read: {path} {problem}. Run fsdb sync --rebuild {feature_set} to make it again from history."
    )


_Place = tuple[str, list[int], list[str], list[str], list[str], list[str]]


def _place(connection: Connection[Any], feature_set: str) -> _Place | None:
    return connection.execute(query(FILE, "place"), {"feature_set": feature_set}).fetchone()


def _at(place: _Place, feature_set: str) -> Copy | None:
    location, _, _, _, former, owners = place
    with _remembering:
        if location in _remembered:
            _remembered.move_to_end(location)
            return _remembered[location]
    from fsdb.columnar.iceberg import read  # pyiceberg takes a second to import, and most readers have no copy

    copy = read(location, feature_set, former, owners)
    with _remembering:
        _remembered[location] = copy
        while len(_remembered) > _KEPT:
            _remembered.popitem(last=False)
    return copy


def _named(copy: Copy, ids: list[int], names: list[str], kinds: list[str]) -> Copy:
    """The copy with its features under the names that they have in history now."""
    now = dict(zip(ids, zip(names, kinds, strict=True), strict=True))
    columns = tuple(
        replace(column, name=now[column.feature_id][0])
        if column.feature_id in now and column.name != now[column.feature_id][0]
        else column
        for column in copy.columns
    )
    for column in columns:
        kind = now[column.feature_id][1] if column.feature_id in now else column.kind
        if kind != column.kind and not same_digits(column.kind, kind):
            raise CopyBroken(
                f"Column {column.name!r} of {copy.feature_set} became {kind} after its columnar copy was written, where its digits differ: run fsdb sync --rebuild {copy.feature_set}."
            )
    return copy if columns == copy.columns else replace(copy, columns=columns)


def forget() -> None:
    """Forgets every copy that was read, so that its files are read again."""
    with _remembering:
        _remembered.clear()
