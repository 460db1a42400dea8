"""What PostgreSQL calls a column of an Arrow type."""

import pyarrow as pa

from fsdb.exchange.plain import is_list, plain_of

_TYPES = {
    pa.null(): "text",
    pa.bool_(): "boolean",
    pa.int8(): "smallint",
    pa.int16(): "smallint",
    pa.int32(): "integer",
    pa.int64(): "bigint",
    pa.uint8(): "smallint",
    pa.uint16(): "integer",
    pa.uint32(): "bigint",
    pa.uint64(): "numeric(20,0)",
    pa.float32(): "real",
    pa.float64(): "double precision",
    pa.string(): "text",
    pa.binary(): "bytea",
    pa.date32(): "date",
    pa.date64(): "date",
    pa.uuid(): "uuid",
}
_ITEMS = ("integer", "bigint", "real", "double precision", "boolean", "text")


def counterpart(given: pa.DataType) -> str | None:
    """PostgreSQL's type that holds every value of an Arrow type; None where there is none."""
    kind = plain_of(given)
    if pa.types.is_timestamp(kind):
        return f"timestamp {'with' if kind.tz else 'without'} time zone"
    if pa.types.is_decimal(kind):
        return f"numeric({kind.precision},{kind.scale})" if 0 <= kind.scale <= kind.precision else None
    if is_list(kind):
        item = counterpart(kind.value_type)
        item = "integer" if item == "smallint" else item
        return f"{item}[]" if item in _ITEMS else None
    return "bytea" if pa.types.is_fixed_size_binary(kind) else _TYPES.get(kind)


def sql_name(given: pa.DataType) -> str:
    """The type as errors call it: PostgreSQL's name, where it has a counterpart."""
    return counterpart(given) or str(given)
