"""The entities to erase, as a temporary table of the transaction that every place is joined with."""

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
from psycopg import Connection, DataError
from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from fsdb.catalog.feature_sets import RegisteredSet
from fsdb.columnar import Copy
from fsdb.errors import InvalidData
from fsdb.exchange import copy_binary
from fsdb.keys import Key, key_values
from fsdb.sql import joined, query
from fsdb.types import base_name

FILE = "erasure/erasure"
TABLE = Identifier("_fsdb_erased")
K: dict[str, Composable] = {"keys_table": TABLE}


def keep(connection: Connection[Any], registered: RegisteredSet, rows: Sequence[Mapping[str, Any]]) -> None:
    """Keeps the keys until the transaction ends. Raises InvalidData for a key of another type, UnknownName for one that the set has not."""
    keys = [Key(name, kind, registered.name) for name, kind in registered.keys.items()]
    columns = zip(*(key_values(row, keys) for row in rows), strict=True)
    arrays = [
        SQL("ARRAY[{}]::{}[]").format(joined([Literal(value) for value in values]), SQL(key.type))
        for key, values in zip(keys, columns, strict=True)
    ]
    names = [Identifier(key.name) for key in keys]
    parts: dict[str, Composable] = {"keys": joined(names), "values": joined(names), "arrays": joined(arrays)}
    try:
        with connection.transaction():
            connection.execute(query(FILE, "keep_keys", **K, **parts))
    except DataError as error:
        types = ", ".join(f"{key.name} {key.type}" for key in keys)
        raise InvalidData(
            f"The keys are not of the types that {registered.name} has ({types}): {error.diag.message_primary}."
        ) from error


def same(registered: RegisteredSet, alias: str) -> Composed:
    """The condition that a row under this alias is of one of the keys, under whatever search path."""
    pairs = [
        SQL("{} OPERATOR(pg_catalog.=) {}").format(Identifier(alias, key), Identifier("k", key))
        for key in registered.keys
    ]
    return joined(pairs, " AND ")


def as_arrow(connection: Connection[Any], registered: RegisteredSet, copy: Copy) -> pa.Table:
    """The keys in the types that a copy has."""
    types = {column.name: column.type for column in copy.columns}
    schema = pa.schema([pa.field(key, types[key]) for key in registered.keys])
    expressions = [_expression(key, types[key], kind) for key, kind in registered.keys.items()]
    batches = list(copy_binary.stream(connection, schema, expressions, query(FILE, "keys", **K)))
    return pa.Table.from_batches(batches, schema)


def _expression(name: str, arrow: pa.DataType, kind: str) -> Composable:
    value = Identifier("version", name)
    plain = base_name(kind)
    if pa.types.is_string(arrow) and plain not in ("text", "character varying"):
        return SQL("{}::text").format(value)
    if arrow == pa.int32() and plain != "integer":
        return SQL("{}::integer").format(value)
    if arrow == pa.int64() and plain != "bigint":
        return SQL("{}::bigint").format(value)
    return value
