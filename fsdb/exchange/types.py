"""PostgreSQL's types in Arrow, the same from every engine.

| PostgreSQL | Arrow |
|---|---|
| smallint, integer, bigint | int16, int32, int64 |
| real, double precision | float, double (NaN and infinities as they are) |
| boolean, date | bool, date32 |
| timestamp with time zone, timestamp | timestamp[us, UTC], timestamp[us] |
| numeric(p, s), p at most 38, 0 <= s <= p | decimal128(p, s) |
| any other numeric | string: Arrow has no type that holds every numeric, its digits are kept |
| real[], double precision[], integer[], bigint[] | list of float, of double, of int32, of int64 |
| boolean[], text[] | list of bool, of string |
| bytea | binary |
| text, varchar, uuid, jsonb and every other type | string, as PostgreSQL prints it |
"""

import re

import pyarrow as pa

from fsdb.asof.description import plain_type

_PLAIN = {
    "smallint": pa.int16(),
    "integer": pa.int32(),
    "bigint": pa.int64(),
    "real": pa.float32(),
    "double precision": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp with time zone": pa.timestamp("us", "UTC"),
    "timestamp without time zone": pa.timestamp("us"),
    "real[]": pa.list_(pa.float32()),
    "double precision[]": pa.list_(pa.float64()),
    "integer[]": pa.list_(pa.int32()),
    "bigint[]": pa.list_(pa.int64()),
    "boolean[]": pa.list_(pa.bool_()),
    "text[]": pa.list_(pa.string()),
    "bytea": pa.binary(),
}
_NUMERIC = re.compile(r"numeric\((\d+),(\d+)\)")
MOST_DIGITS = 38  # of decimal128


def arrow_type(kind: str) -> pa.DataType:
    """The Arrow type of a column, from PostgreSQL's name of its type as `format_type` spells it."""
    numeric = _NUMERIC.fullmatch(kind)
    if numeric:
        precision, scale = int(numeric[1]), int(numeric[2])
        return pa.decimal128(precision, scale) if scale <= precision <= MOST_DIGITS else pa.string()
    return _PLAIN.get(plain_type(kind), pa.string())


def empty(columns: list[tuple[str, str]]) -> pa.Table:
    """A table without rows, of columns by name and PostgreSQL type."""
    return pa.schema([(name, arrow_type(kind)) for name, kind in columns]).empty_table()
