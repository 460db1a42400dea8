"""Columns of every dtype in every type that they are wanted in: what plain Python expects of the values, or one sentence."""

import json
import math
import re
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import numpy as np
import polars as pl
import pytest

from fsdb.asof.binding import family
from fsdb.errors import InvalidData
from fsdb.exchange.conforming import conformed
from fsdb.exchange.frames import as_arrow
from fsdb.training.spine_rows import rows_of
from fsdb.types import KEY_TYPES
from tests.exchange.given_columns import COLUMNS, NANOSECONDS, NO_VALUE

WANTED = [
    "smallint",
    "integer",
    "bigint",
    "real",
    "double precision",
    "numeric",
    "boolean",
    "text",
    "character varying(1)",
]
WANTED += [
    "date",
    "timestamp with time zone",
    "uuid",
    "real[]",
    "double precision[]",
    "integer[]",
    "bigint[]",
    "boolean[]",
    "text[]",
    "bytea",
    "jsonb",
]
LIMITS = {"smallint": 2**15, "integer": 2**31, "bigint": 2**63}


class Refused(Exception):
    """What plain Python does not make from a value."""


def expected(value: Any, kind: str) -> Any:
    """The value as a column of that type has it, by plain Python."""
    if value is None:
        return None
    if value in (NO_VALUE, NANOSECONDS):
        raise Refused
    base = kind.partition("(")[0]
    if kind.endswith("[]"):
        if not isinstance(value, list):
            raise Refused
        return [expected(item, kind.removesuffix("[]")) for item in value]
    found = _EXPECTED[base](value, kind)
    if found is None:
        raise Refused
    return found


def number(value: Any) -> bool:
    return isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)


def whole(value: Any, kind: str) -> Any:
    if not number(value) or not math.isfinite(value) or value != int(value):
        return None
    return int(value) if -LIMITS[kind] <= int(value) < LIMITS[kind] else None


def real(value: Any, kind: str) -> Any:
    if not number(value):
        return None
    with np.errstate(over="ignore"):
        made = (
            float(value)
            if kind == "double precision"
            else float(np.float32(str(value) if isinstance(value, Decimal) else value))
        )
    return made if math.isinf(made) == math.isinf(value) else None


def numeric(value: Any, _kind: str) -> Any:
    return Decimal(repr(value)) if isinstance(value, float) else Decimal(value) if number(value) else None


def text(value: Any, kind: str) -> Any:
    made = str(value) if isinstance(value, (str, UUID)) else None
    return None if made is None or (kind.endswith("(1)") and len(made) > 1) else made


def boolean(value: Any, _kind: str) -> Any:
    return bool(value) if isinstance(value, bool) or (isinstance(value, (int, float)) and value in (0, 1)) else None


def day(value: Any, _kind: str) -> Any:
    if isinstance(value, datetime):
        return value.date() if value.tzinfo is None and value == datetime(value.year, value.month, value.day) else None
    return value if isinstance(value, date) else None


def moment(value: Any, _kind: str) -> Any:
    return value if isinstance(value, datetime) and value.tzinfo is not None else None


def uuid(value: Any, _kind: str) -> Any:
    try:
        return str(value if isinstance(value, UUID) else UUID(bytes=value) if isinstance(value, bytes) else UUID(value))
    except (ValueError, AttributeError, TypeError):
        return None


def octets(value: Any, _kind: str) -> Any:
    return value if isinstance(value, bytes) else None


def document(value: Any, _kind: str) -> Any:
    if isinstance(value, str):
        try:
            return json.loads(value)
        except ValueError:
            return None
    return value if isinstance(value, (dict, list)) else None


_EXPECTED = {
    **dict.fromkeys(LIMITS, whole),
    **dict.fromkeys(["real", "double precision"], real),
    "numeric": numeric,
    "boolean": boolean,
    **dict.fromkeys(["text", "character varying"], text),
    "date": day,
    "timestamp with time zone": moment,
    "uuid": uuid,
    "bytea": octets,
    "jsonb": document,
}
READ = {"numeric": Decimal, "jsonb": json.loads}


def taken(make: Any, kind: str) -> list[Any]:
    table = as_arrow(make(), "data", {"x": kind})
    column = conformed(table.column(0), table.schema.field(0), kind, owner="set")
    read = READ.get(kind, lambda value: value)
    return [None if value is None else read(value) for value in column.to_pylist()]


def same(one: Any, other: Any) -> bool:
    """Equal, NaN like NaN, and of the same kind of number."""
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(same(a, b) for a, b in zip(one, other, strict=True))
    if isinstance(one, (float, Decimal)) and isinstance(other, (float, Decimal)) and math.isnan(one):
        return math.isnan(other)
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


def attempted(call: Callable[[], Any]) -> tuple[Any, InvalidData | None]:
    """What a call gives, or the refusal."""
    try:
        return call(), None
    except InvalidData as error:
        return None, error


def one_sentence(error: BaseException) -> bool:
    said = str(error)
    return bool(re.fullmatch(r"[^\n]+\.", said)) and "x" in said and "Traceback" not in said


def of_objects(frame: Any) -> bool:
    """Whether the column holds Python's own values."""
    library = type(frame).__module__.partition(".")[0]
    return (library == "pandas" and frame["x"].dtype == object) or (
        library == "polars" and frame["x"].dtype == pl.Object
    )


def scalar(value: Any) -> Any:
    """A value of a column of objects as JSON has it."""
    if isinstance(value, Decimal) and value.is_finite():
        return int(value) if value == int(value) and abs(value) < 2**63 else float(value)
    if number(value) and math.isfinite(value):
        return value
    if isinstance(value, bool):
        return value
    return document(value, "jsonb")


def all_expected(frame: Any, values: list[Any], kind: str) -> list[Any] | None:
    """What is expected of a column; None where it is refused."""
    try:
        if kind == "jsonb" and of_objects(frame):
            made = [None if value is None else scalar(value) for value in values]
            return None if any(m is None and v is not None for m, v in zip(made, values, strict=True)) else made
        return [expected(value, kind) for value in values]
    except Refused:
        return None


@pytest.mark.parametrize("name", COLUMNS)
def test_a_column_is_what_plain_python_makes_of_it_or_one_sentence(name: str) -> None:
    make, values = COLUMNS[name]
    for kind in WANTED:
        wanted = all_expected(make(), values, kind)
        found, error = attempted(lambda kind=kind: taken(make, kind))
        if error is not None:
            assert (wanted, one_sentence(error)) == (None, True), (kind, str(error))
            continue
        if kind == "jsonb" and NO_VALUE in values and of_objects(make()):
            continue  # JSON has a form for lists of lists, and for values of several types
        assert wanted is not None, (kind, found)
        assert same(found, wanted), (kind, found, wanted)


@pytest.mark.parametrize("name", COLUMNS)
def test_a_column_that_passes_through_a_spine_keeps_its_values(name: str) -> None:
    make, values = COLUMNS[name]
    made, error = attempted(lambda: rows_of(make(), (), None, None))
    if error is not None:
        assert NO_VALUE in values or NANOSECONDS in values or KEPT_NOWHERE.search(name), str(error)
        assert one_sentence(error), str(error)
        return
    table, (column,) = made
    assert NO_VALUE not in values or name == "Arrow zero byte"
    assert NANOSECONDS not in values
    if not KEPT_NOWHERE.search(name):
        read = (
            Decimal
            if column.type == "numeric" or column.type.startswith("numeric(6")
            else UUID
            if column.type == "uuid"
            else lambda value: value
        )
        found = [None if value is None else read(value) for value in table.column(0).to_pylist()]
        assert same(found, [UUID(v) if column.type == "uuid" and isinstance(v, str) else v for v in values]), column


# What no column of PostgreSQL is made from by itself.
KEPT_NOWHERE = re.compile("dict|Struct|map|struct|large list|list of|UUIDs and texts")


# A key is compared with every value of its family, whatever its width.
WIDEST = {"smallint": "bigint", "integer": "bigint", "character varying": "text"}


@pytest.mark.parametrize("name", COLUMNS)
def test_a_key_of_a_spine_is_read_as_the_set_s_key(name: str) -> None:
    make, values = COLUMNS[name]
    for kind in sorted(KEY_TYPES):
        owner: Any = SimpleNamespace(keys={"x": kind})
        wanted = all_expected(make(), values, WIDEST.get(kind, kind))
        made, error = attempted(lambda owner=owner: rows_of(make(), [owner], None, None))
        if error is not None:
            assert (wanted, one_sentence(error)) == (None, True), (kind, str(error))
            continue
        table, (column,) = made
        assert wanted is not None, (kind, table)
        assert same(table.column(0).to_pylist(), wanted), kind
        assert family(column.type) == family(kind)
