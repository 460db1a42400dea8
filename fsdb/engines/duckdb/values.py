"""Values on their way: how PostgreSQL sends them, how DuckDB holds them, and as what they come out."""

import re

import pyarrow as pa
from psycopg.sql import SQL, Composable, Identifier, Literal

from fsdb.asof import FeatureRead, KeyBinding
from fsdb.columnar.types import copy_type
from fsdb.engines.duckdb.session import FILE, REFUSED
from fsdb.exchange.types import arrow_type
from fsdb.sql import query

_DUCKDB = {
    pa.int16(): "SMALLINT",
    pa.int32(): "INTEGER",
    pa.int64(): "BIGINT",
    pa.float32(): "FLOAT",
    pa.float64(): "DOUBLE",
    pa.bool_(): "BOOLEAN",
    pa.date32(): "DATE",
    pa.timestamp("us", "UTC"): "TIMESTAMP WITH TIME ZONE",
    pa.timestamp("us"): "TIMESTAMP",
    pa.string(): "VARCHAR",
    pa.binary(): "BLOB",
}
_SCALE = re.compile(r"numeric\(\d+,(\d+)\)")
_SENT = {
    pa.string(): "text",
    pa.int32(): "integer",
    pa.int64(): "bigint",
}  # types that several of PostgreSQL's are sent as


def duckdb_type(kind: pa.DataType) -> str:
    """DuckDB's name of an Arrow type."""
    if pa.types.is_decimal(kind):
        return f"DECIMAL({kind.precision},{kind.scale})"
    return f"{duckdb_type(kind.value_type)}[]" if pa.types.is_list(kind) else _DUCKDB[kind]


def key_type(key: KeyBinding) -> pa.DataType:
    """As what a key is compared: integers of all widths alike."""
    kind = copy_type(key.type)
    return pa.int64() if pa.types.is_integer(kind) else kind


def held_type(feature: FeatureRead) -> pa.DataType:
    """As what a feature is held until it comes out: a copy's type."""
    return copy_type(feature.type)


def sent(value: Composable, kind: pa.DataType) -> Composable:
    """A PostgreSQL expression as the type that the stream makes a column of `kind` from."""
    wanted = "text" if pa.types.is_list(kind) else _SENT.get(kind)
    return value if wanted is None else query("engines/duckdb_tail", "as_type", value=value, type=SQL(wanted))


def coming_out(feature: FeatureRead, held: Composable) -> Composable:
    """A held value as it comes out; a query that meets one which Arrow cannot hold fails with the sentence of the other engines."""
    kind = arrow_type(feature.type)
    if pa.types.is_decimal(kind):
        message = f"Column {feature.output!r} holds NaN in its type {feature.type}, which Arrow's decimals cannot hold: cast it to double precision or numeric."
        bad = SQL("{} = 'NaN'").format(held)
        return _refused(bad, message, query(FILE, "cast", value=held, type=SQL(duckdb_type(kind))))
    if pa.types.is_date32(kind) or pa.types.is_timestamp(kind):
        message = f"A time or date among {feature.output!r} is infinite, which Arrow cannot hold: leave such rows out, or cast the column to text."
        return _refused(SQL("isinf({})").format(held), message, held)
    scale = _SCALE.fullmatch(feature.type)
    if scale is not None and int(scale[1]):
        return query(FILE, "rescaled", value=held, scale=Literal(int(scale[1])))
    return held if kind == held_type(feature) else query(FILE, "cast", value=held, type=SQL(duckdb_type(kind)))


def numbered(prefix: str, count: int, alias: str | None = None) -> list[Identifier]:
    """Names of columns that are called by their position."""
    return [Identifier(*([] if alias is None else [alias]), f"{prefix}_{number}") for number in range(count)]


def _refused(bad: Composable, message: str, value: Composable) -> Composable:
    return query(FILE, "refused", bad=bad, message=Literal(REFUSED + message), value=value)
