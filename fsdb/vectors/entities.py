"""Entities as users give them, mappings or a frame, and their keys beside the vectors."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import pyarrow as pa
from psycopg import Connection

from fsdb.errors import InvalidArgument, InvalidDefinition
from fsdb.exchange.frames import as_arrow
from fsdb.exchange.types import arrow_type
from fsdb.keys import Key
from fsdb.vectors.read import read_many


def vectors_with_keys(connection: Connection[Any], features: str | Sequence[str], keys: Any) -> pa.Table:
    """The keys of many entities, their features as of one moment, and `found`: a row for each of `keys`, in their order.

    keys: mappings of keys to values, or a pandas, polars or Arrow table with a column for each key. A key that has a feature's name comes out as
    set__key. Raises UnknownName, InvalidData naming the entity by its position, InvalidArgument for what holds no entities.
    """
    compiled, given, table = read_many(connection, features, _rows(keys))
    columns, names = [], set(table.column_names)
    once = {key.name: (key, values) for key, values in zip(compiled.keys, given, strict=True)}  # whatever its types
    for key, values in once.values():
        name = _name(key, names)
        names.add(name)
        field = pa.field(name, arrow_type(key.type), metadata={"postgresql_type": key.type})
        columns.append((field, pa.array([_plain(value) for value in values], field.type)))
    for at, (field, array) in enumerate(columns):
        table = table.add_column(at, field, array)
    return table


def _rows(keys: Any) -> Sequence[Mapping[str, Any]]:
    if hasattr(keys, "columns") or hasattr(keys, "__arrow_c_stream__"):
        rows: list[dict[str, Any]] = as_arrow(keys, "table of keys").to_pylist()
        return rows
    if isinstance(keys, Sequence) and not isinstance(keys, str) and all(isinstance(one, Mapping) for one in keys):
        return keys
    raise InvalidArgument(
        f"keys is a {type(keys).__name__}: give a list with a mapping for each entity, such as [{{'id': 1}}, {{'id': 2}}], or a pandas, polars or Arrow table."
    )


def _name(key: Key, taken: set[str]) -> str:
    """What a key is called beside the features."""
    longer = f"{key.feature_set.replace('.', '__')}__{key.name}"
    found = next((name for name in (key.name, longer) if name not in taken), None)
    if found is None:
        raise InvalidDefinition(
            f"Key {key.name!r} of {key.feature_set} and a feature would both be called {longer!r}: choose other features."
        )
    return found


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, UUID) else value
