"""A spine's columns in a table of the database, where some names cannot stand."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from psycopg import Connection
from psycopg.sql import SQL, Identifier

from fsdb.asof import Column, Spine
from fsdb.exchange.copy_out import read
from fsdb.sql import query

_SYSTEM = frozenset({"ctid", "xmin", "cmin", "xmax", "cmax", "tableoid"})
_LONGEST = 63  # bytes; PostgreSQL cuts the rest off


def names_in_table(columns: Sequence[Column]) -> dict[str, str]:
    """What a table calls each column: its own name, but for those that no table can have, such as xmin, or one of more than 63 bytes."""
    taken = {column.name for column in columns}
    names = {}
    for number, column in enumerate(columns):
        name = column.name
        if not name or name in _SYSTEM or len(name.encode()) > _LONGEST:
            name = f"column_{number}"
            while name in taken:
                name += "_"
        names[column.name] = name
    return names


def rows_in_table(connection: Connection[Any], spine: Spine) -> Spine:
    """A spine whose table calls its columns as `names_in_table` says: read from there by the engines, or here where names differ."""
    names = names_in_table(spine.columns)
    if all(name == held for name, held in names.items()):
        return spine
    assert spine.relation is not None
    relation = SQL(".").join(map(Identifier, spine.relation))
    source = query("training/spine", "rows", relation=relation, ordinal=Identifier("spine", spine.ordinal))
    held = [Identifier("spine", names[column.name]) for column in spine.columns]
    return replace(spine, relation=None, rows=read(connection, spine.columns, list(held), source))
