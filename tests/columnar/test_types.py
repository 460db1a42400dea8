"""Every type goes into the copy and comes back as history has it."""

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.sql import SQL, Identifier

from fsdb import history
from fsdb.array_text import texts_of, written
from fsdb.columnar import read_copy, sync
from fsdb.definitions import Feature, FeatureSet
from fsdb.errors import InvalidData
from tests.columnar.made import arrow_rows
from tests.conftest import TestDatabase
from tests.history.test_types import VALUES

KINDS = list(VALUES)
NAMES = {kind: f"f{number}" for number, kind in enumerate(KINDS)}
# Beyond what a copy holds, and refused: see below.
BEYOND = {"294276-12-31 23:59:59.999999+00", "{{1,2},{3,4}}", "{{a,b},{c,d}}"}


def texts(connection: psycopg.Connection, kind: str, rows: list[Any]) -> list[str | None]:
    """Values of a copy as PostgreSQL prints them, by way of what a reader makes of them."""
    shown: list[str | None] = []
    for value in rows:
        if value is None:
            shown.append(None)
            continue
        if kind == "timestamp with time zone":
            largest = (1 << 63) - 1
            special = {largest: "infinity", -largest: "-infinity"}.get(value)
            as_time = SQL("('epoch'::timestamptz + %s * interval '1 microsecond')::text")
            if special:
                shown.append(special)
                continue
            row = connection.execute(SQL("SELECT {}").format(as_time), (value,)).fetchone()
        elif kind == "date":
            special = {(1 << 31) - 1: "infinity", -(1 << 31) + 1: "-infinity"}.get(value)
            if special:
                shown.append(special)
                continue
            row = connection.execute("SELECT ('1970-01-01'::date + %s::int)::text", (value,)).fetchone()
        else:
            row = connection.execute(SQL("SELECT (%s::{})::text").format(SQL(kind)), (_given(value, kind),)).fetchone()
        assert row is not None
        shown.append(row[0])
    return shown


def _given(value: Any, kind: str) -> Any:
    if kind.endswith("[]"):
        return written(texts_of(value, kind.removesuffix("[]")))
    if kind == "real":
        return repr(value)
    return value


def numbers(column: pa.ChunkedArray) -> list[Any]:
    """A column's values; times as the numbers that they are kept as."""
    if pa.types.is_timestamp(column.type):
        return list(column.cast(pa.int64()).to_pylist())
    if pa.types.is_date(column.type):
        return list(column.cast(pa.int32()).to_pylist())
    return list(column.to_pylist())


@pytest.fixture(scope="module")
def server(module_database: TestDatabase) -> Iterator[psycopg.Connection]:
    with module_database.connect() as connection:
        connection.execute("SET timezone = 'UTC'")
        yield connection


@pytest.mark.parametrize("kind", KINDS)
def test_edge_values_of_every_type(server: psycopg.Connection, module_database: TestDatabase, kind: str) -> None:
    connection, name = server, f"typed_{NAMES[kind]}"
    history.create(connection, FeatureSet(name, keys={"k": "integer"}, features=[Feature("x", kind)]))
    values = [value for value in VALUES[kind] if value not in BEYOND]
    for number, value in enumerate(values):
        insert = SQL("INSERT INTO {} (k, x) VALUES (%s, %s)").format(Identifier(name))
        connection.execute(insert, (number, value))
    sync(module_database.url, [name])
    copy = read_copy(connection, name)
    assert copy is not None
    table = arrow_rows(copy)
    held = numbers(table.column("x"))
    if kind.endswith("[]"):
        values = ["{1,2}" if value == "[0:1]={1,2}" else value for value in values]  # bounds are not kept
    assert texts(connection, kind, held) == values
    if pa.types.is_floating(table.column("x").type):
        assert [math.copysign(1, x) for x in held if x == 0] == [-1.0, 1.0]


@pytest.mark.parametrize(
    ("kind", "value", "says"),
    [
        ("timestamp with time zone", "294276-12-31 23:59:59.999999+00", "beyond the year"),
        ("real[]", "{{1,2},{3,4}}", "arrays of arrays"),
        ("text[]", '{{a,"{{"}}', "arrays of arrays"),
    ],
)
def test_what_no_copy_can_hold_is_refused(
    database: TestDatabase, connection: psycopg.Connection, kind: str, value: str, says: str
) -> None:
    history.create(connection, FeatureSet("typed", keys={"k": "integer"}, features=[Feature("x", kind)]))
    connection.execute("INSERT INTO typed (k, x) VALUES (1, %s)", (value,))
    with pytest.raises(InvalidData, match=says) as refused:
        sync(database.url)
    assert "'x'" in str(refused.value)
    assert "typed" in str(refused.value)
    assert read_copy(connection, "typed") is None
    assert connection.execute("SELECT count(*) FROM typed").fetchone() == (1,)


TIMES = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)).map(lambda t: t.replace(tzinfo=UTC))
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
ROWS = st.lists(
    st.tuples(
        st.one_of(st.none(), st.integers(-(2**15), 2**15 - 1)),
        st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)),
        st.one_of(st.none(), st.floats(width=32)),
        st.one_of(st.none(), st.floats()),
        st.one_of(st.none(), st.booleans()),
        st.one_of(st.none(), TEXTS),
        st.one_of(st.none(), st.dates()),
        st.one_of(st.none(), TIMES),
        st.one_of(st.none(), st.decimals(allow_infinity=False, places=5, min_value=-(10**9), max_value=10**9)),
        st.one_of(st.none(), st.lists(st.one_of(st.none(), st.floats(width=32)), max_size=4)),
        st.one_of(st.none(), st.lists(st.one_of(st.none(), TEXTS), max_size=4)),
        st.one_of(st.none(), st.lists(st.one_of(st.none(), st.booleans()), max_size=4)),
        st.one_of(st.none(), st.lists(st.one_of(st.none(), st.integers(-(2**31), 2**31 - 1)), max_size=4)),
        st.one_of(st.none(), st.binary(max_size=5)),
    ),
    min_size=1,
    max_size=20,
)
COLUMNS = (
    "smallint",
    "bigint",
    "real",
    "double precision",
    "boolean",
    "text",
    "date",
    "timestamp with time zone",
    "numeric",
    "real[]",
    "text[]",
    "boolean[]",
    "integer[]",
    "bytea",
)


@pytest.mark.slow
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=ROWS)
def test_rows_of_any_values_are_the_same_in_both(connection: psycopg.Connection, rows: list[tuple[Any, ...]]) -> None:
    name = "generated"
    if connection.execute("SELECT to_regclass('generated')").fetchone() == (None,):
        features = [Feature(f"f{number}", kind) for number, kind in enumerate(COLUMNS)]
        keys = {"k": "integer", "t": "text"}
        history.create(connection, FeatureSet(name, keys=keys, features=features))
    marks = SQL(", ").join([SQL("%s")] * (len(COLUMNS) + 2))
    connection.execute("TRUNCATE generated")
    for number, row in enumerate(rows):
        connection.execute(SQL("INSERT INTO generated VALUES ({})").format(marks), (number, str(number % 3), *row))
    sync(connection.info.dsn)
    copy = read_copy(connection, name)
    assert copy is not None
    names = [column.name for column in copy.columns]
    shown = {"xid": SQL("xid::text::bigint"), "f8": SQL("f8::text"), "f2": SQL("f2::float8"), "f9": SQL("f9::float8[]")}
    select = SQL(", ").join(shown.get(column, Identifier(column)) for column in names)
    wanted = connection.execute(
        SQL("SELECT {} FROM fsdb_history.generated ORDER BY version_id").format(select)
    ).fetchall()
    found = [tuple(row.values()) for row in arrow_rows(copy).to_pylist()]
    assert len(found) == len(wanted)
    for mine, theirs in zip(found, wanted, strict=True):
        for one, other in zip(mine, theirs, strict=True):
            assert same(one, other), (one, other)


def same(one: Any, other: Any) -> bool:
    """Equal, and for floats the same NaN-ness and sign."""
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(same(a, b) for a, b in zip(one, other, strict=True))
    if isinstance(one, float) and isinstance(other, float):
        return (math.isnan(one) and math.isnan(other)) or (
            one == other and math.copysign(1, one) == math.copysign(1, other)
        )
    if isinstance(one, datetime) and isinstance(other, datetime):
        return one - other == timedelta(0)
    return type(one) is type(other) and bool(one == other)


def test_keys_of_every_type_in_order_and_with_bounds(database: TestDatabase, connection: psycopg.Connection) -> None:
    keys = {"t": "text", "i": "smallint", "u": "uuid", "d": "date", "b": "boolean", "z": "timestamp with time zone"}
    history.create(connection, FeatureSet("typed", keys=keys, features=[Feature("x", "integer")]))
    connection.execute(
        "INSERT INTO typed SELECT repeat(chr(233 + i), i), i, md5(i::text)::uuid, date '1960-01-01' + i, i % 2 = 0,"
        " timestamptz '1960-01-01' + i * interval '1 day', i FROM generate_series(1, 40) i"
    )
    sync(database.url)
    copy = read_copy(connection, "typed")
    assert copy is not None
    table = arrow_rows(copy, ordered=False)
    rows = [tuple(row[key] for key in keys) for row in table.to_pylist()]
    assert rows == sorted(rows, key=lambda row: (row[0].encode(), *row[1:]))
    (file,) = copy.files
    for column in ("i", "u", "d", "z", "version_id", "event_time", "recorded_at", "xid"):
        values = table.column(column).to_pylist()
        if column == "u":
            assert file.lower[column] <= min(values)
            assert file.upper[column] >= max(values)
        else:
            assert (file.lower[column], file.upper[column]) == (min(values), max(values))
    texts_there = [row[0].encode() for row in rows]
    assert file.lower["t"].encode() <= min(texts_there)
    assert file.upper["t"].encode() >= max(texts_there)
