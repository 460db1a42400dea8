"""A column of data in the type of PostgreSQL that it is wanted in: the exact values, or one sentence with the first row that has none.

Everything that comes in goes through here: frames, files, streams, rows to be scored, keys of entities and of spines.

| wanted | taken from |
|---|---|
| smallint, integer, bigint | integers, and whole numbers of any other type, within its range |
| real, double precision | numbers, rounded to the nearest one of the type; none beyond its range |
| numeric | numbers with all their digits; a float as the shortest number that reads as the same float |
| boolean | booleans, and numbers that are 0 or 1 |
| text, varchar(n) | texts, UUIDs |
| date | dates, and times without a zone that are all midnight, as pandas has dates |
| timestamp with time zone | times with a zone, to the microsecond; without one where the caller says of which zone they are |
| uuid | UUIDs, texts that PostgreSQL reads as such, 16 bytes |
| arrays | lists of what their items are taken from |
| jsonb | JSON as text; structs, lists and maps |

A column without any value is of any type.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from uuid import UUID

import pyarrow as pa
import pyarrow.compute as pc

from fsdb.asof.description import plain_type
from fsdb.errors import InvalidData
from fsdb.exchange.documents import documents, is_document
from fsdb.exchange.numbers import as_boolean, as_numeric, as_real, as_whole
from fsdb.exchange.plain import holds_digits, is_list, lists, plain
from fsdb.exchange.timezones import Zone, local_moments
from fsdb.exchange.types import arrow_type
from fsdb.exchange.wanted import Wanted, first_of
from fsdb.exchange.written import WRITTEN, read_texts

INSTANT, LOCAL = "timestamp with time zone", "timestamp without time zone"
_FIRST_MOMENT = -210_866_803_200_000_000  # of PostgreSQL, 4714-11-24 BC, in microseconds from 1970
_CANONICAL = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
_DAY = 86_400_000_000


def conformed(
    given: pa.ChunkedArray,
    field: pa.Field,
    kind: str,
    *,
    owner: str = "",
    what: str = "data",
    zone: Zone | None = None,
    first: int = 0,
    takes_zone: bool = True,
) -> pa.ChunkedArray:
    """The column in the Arrow type that fsdb.exchange.types has for PostgreSQL's type `kind`.

    field: the column's name, and whether it holds texts that are numbers. owner: who takes it; what: what it is a column of;
    zone: what times without a zone are of; first: the number of its first row, for errors. takes_zone: whether the caller can
    say a zone. Raises InvalidData.
    """
    wanted = Wanted(field.name, kind, owner, what, given.type, first)
    column = plain(given)
    target = arrow_type(kind)
    if column.null_count == len(column):
        return pa.chunked_array([pa.nulls(len(column), target)], type=target)
    digits = holds_digits(field)
    if not takes_zone and plain_type(kind) == INSTANT and pa.types.is_timestamp(column.type) and column.type.tz is None:
        raise wanted.unfit()
    written = WRITTEN in (field.metadata or {})
    made = [_made(chunk, wanted.at(start), digits, zone, written) for chunk, start in _numbered(column)]
    return pa.chunked_array(made, type=target)


def _numbered(column: pa.ChunkedArray) -> list[tuple[pa.Array, int]]:
    numbered, start = [], 0
    for chunk in column.chunks:
        numbered.append((chunk, start))
        start += len(chunk)
    return numbered


def _made(array: pa.Array, wanted: Wanted, digits: bool, zone: Zone | None, written: bool = False) -> pa.Array:
    target = arrow_type(wanted.kind)
    if written:
        array, digits = read_texts(array, wanted, zone)
        if array.null_count == len(array):
            return pa.nulls(len(array), target)
    if wanted.kind.endswith("[]"):
        made = _array(array, wanted)
    elif plain_type(wanted.kind) == INSTANT:
        made = _moment(array, wanted, zone)
    else:
        made = _MAKING.get(plain_type(wanted.kind), _same)(array, wanted, digits)
    return made if made.type == target else made.cast(target)


def _array(array: pa.Array, wanted: Wanted) -> pa.Array:
    if not is_list(array.type):
        raise wanted.unfit()
    items = array.flatten()
    inner = replace(wanted, kind=wanted.kind.removesuffix("[]"), first=None, items=wanted.kind)
    made = (
        pa.nulls(len(items), arrow_type(inner.kind))
        if items.null_count == len(items)
        else _made(items, inner, False, None)
    )
    lengths = pc.fill_null(pc.list_value_length(array), 0)
    return lists(made, lengths, array.is_null(), pa.list_(made.type))


def _moment(array: pa.Array, wanted: Wanted, zone: Zone | None) -> pa.Array:
    if not pa.types.is_timestamp(array.type):
        raise wanted.unfit()
    array = _microseconds(array, wanted)
    if array.type.tz is None:
        if zone is None:
            raise InvalidData(
                f"The times of column {wanted.name!r} are naive: give their time zone with timezone='UTC' or timezone='America/New_York'."
            )
        array = pa.concat_arrays(local_moments(pa.chunked_array([array]), zone, wanted.name).chunks)
    return _within(array.cast(pa.timestamp("us", "UTC")), wanted)


def _microseconds(array: pa.Array, wanted: Wanted) -> pa.Array:
    """Times in microseconds, of the zone that they are of. Raises InvalidData where that loses something."""
    try:
        return array.cast(pa.timestamp("us", array.type.tz))
    except pa.ArrowInvalid:
        cut = array.cast(pa.timestamp("us", array.type.tz), safe=False)
        row = first_of(pc.not_equal(cut.cast(array.type, safe=False), array))
        raise InvalidData(
            f"Column {wanted.name!r} has nanoseconds, or times beyond PostgreSQL's{wanted.in_row(row)}: round it to microseconds."
        ) from None


def _within(array: pa.Array, wanted: Wanted) -> pa.Array:
    least = pc.min(array.cast(pa.int64())).as_py()
    if least is not None and least < _FIRST_MOMENT:
        raise InvalidData(f"Column {wanted.name!r} has times before PostgreSQL's first, 4714-11-24 BC.")
    return array


def _local(array: pa.Array, wanted: Wanted, _digits: bool) -> pa.Array:
    if not pa.types.is_timestamp(array.type) or array.type.tz is not None:
        raise wanted.unfit()
    return _within(_microseconds(array, wanted), wanted)


def _date(array: pa.Array, wanted: Wanted, _digits: bool) -> pa.Array:
    if pa.types.is_date(array.type):
        return array.cast(pa.date32())
    if not pa.types.is_timestamp(array.type) or array.type.tz is not None:
        raise wanted.unfit()
    times = _microseconds(array, wanted).cast(pa.int64())
    days = pc.floor(pc.divide(times.cast(pa.float64()), float(_DAY))).cast(pa.int64())
    row = first_of(pc.not_equal(pc.multiply(days, _DAY), times))
    if row is not None:
        raise wanted.refused(array, row, "which has a time of day: give dates, or times that are midnight")
    return days.cast(pa.int32()).cast(pa.date32())


def _text(array: pa.Array, wanted: Wanted, digits: bool) -> pa.Array:
    if array.type == pa.uuid():
        array = _uuid(array, wanted, digits)
    if not pa.types.is_string(array.type) or digits:
        raise wanted.unfit()
    if pc.any(pc.match_substring(array, "\0")).as_py():
        raise InvalidData(f"Column {wanted.name!r} has texts with a zero byte, which PostgreSQL does not take.")
    if "(" in wanted.kind:
        most = int(wanted.kind.partition("(")[2].rstrip(")"))
        row = first_of(pc.greater(pc.utf8_length(pc.utf8_rtrim(array, " ")), most))
        if row is not None:
            raise wanted.refused(
                array, row, f"which is longer than {wanted.kind} takes: shorten it, or widen the column"
            )
    return array


def _uuid(array: pa.Array, wanted: Wanted, digits: bool) -> pa.Array:
    if array.type == pa.uuid():
        array = array.storage
    if pa.types.is_binary(array.type) or pa.types.is_fixed_size_binary(array.type):
        row = first_of(pc.not_equal(pc.binary_length(array), 16))
        if row is not None:
            raise wanted.refused(array, row, "which is not a UUID: those have 16 bytes")
        return pa.array([None if b is None else str(UUID(bytes=b)) for b in array.to_pylist()], pa.string())
    if not pa.types.is_string(array.type) or digits:
        raise wanted.unfit()
    lower = pc.ascii_lower(array)
    if pc.all(pc.match_substring_regex(lower, _CANONICAL)).as_py() is not False:
        return lower
    return pa.array([_one_uuid(text, array, row, wanted) for row, text in enumerate(lower.to_pylist())], pa.string())


def _one_uuid(text: str | None, array: pa.Array, row: int, wanted: Wanted) -> str | None:
    if text is None:
        return None
    try:
        return str(UUID(text.strip()))
    except ValueError:
        raise wanted.refused(array, row, "which is not a UUID: correct it, or leave the row out") from None


def _document(array: pa.Array, wanted: Wanted, digits: bool) -> pa.Array:
    if pa.types.is_nested(array.type):
        return documents(array, wanted.name, wanted.first or 0)
    if not pa.types.is_string(array.type) or digits:
        raise wanted.unfit()
    for row, text in enumerate(array.to_pylist()):
        if text is not None and not is_document(text):
            raise wanted.refused(array, row, "which is not JSON: correct it, or leave the row out")
    return array


def _bytes(array: pa.Array, wanted: Wanted, _digits: bool) -> pa.Array:
    if not pa.types.is_binary(array.type) and not pa.types.is_fixed_size_binary(array.type):
        raise wanted.unfit()
    return array.cast(pa.binary())


def _same(array: pa.Array, wanted: Wanted, digits: bool) -> pa.Array:
    """A type that fsdb does not keep, as a column of a query has it: as it is."""
    if array.type != arrow_type(wanted.kind) or digits:
        raise wanted.unfit()
    return array


_MAKING: Mapping[str, Callable[[pa.Array, Wanted, bool], pa.Array]] = {
    "smallint": as_whole,
    "integer": as_whole,
    "bigint": as_whole,
    "real": as_real,
    "double precision": as_real,
    "numeric": as_numeric,
    "boolean": as_boolean,
    "text": _text,
    "character varying": _text,
    "date": _date,
    LOCAL: _local,
    "uuid": _uuid,
    "jsonb": _document,
    "bytea": _bytes,
}
