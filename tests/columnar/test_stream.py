"""Rows by binary COPY: in batches, of any size, broken off anywhere."""

import psycopg
import pyarrow as pa
import pytest
from psycopg.sql import SQL

from fsdb.exchange.copy_binary import OutOfRange, stream

SCHEMA = pa.schema([("i", pa.int64()), ("t", pa.string()), ("x", pa.float64())])
COLUMNS = [
    SQL("i"),
    SQL("CASE WHEN i % 3 = 0 THEN NULL ELSE repeat('é', (i % 40)::integer) END"),
    SQL("nullif(i % 5, 0)::float8"),
]
ROWS = SQL("FROM generate_series(1::bigint, 5000) AS i")


def expected(count: int = 5000) -> list[dict[str, object]]:
    return [
        {"i": i, "t": None if i % 3 == 0 else "é" * (i % 40), "x": float(i % 5) or None} for i in range(1, count + 1)
    ]


@pytest.mark.parametrize("rows", [1, 1024, 4999, 5000, 100_000])
def test_batches_of_any_size(connection: psycopg.Connection, rows: int) -> None:
    with connection.transaction():
        batches = list(stream(connection, SCHEMA, COLUMNS, ROWS, rows))
    assert pa.Table.from_batches(batches).to_pylist() == expected()


def test_rows_that_are_alike_and_rows_that_are_not(connection: psycopg.Connection) -> None:
    one, other = SQL("i"), SQL("CASE WHEN i % 2 = 0 THEN i END")
    schema = pa.schema([("a", pa.int64()), ("b", pa.int64()), ("c", pa.float64()), ("d", pa.int64())])
    source = SQL("FROM generate_series(1::bigint, 9) AS i")
    for second in (one, SQL("NULL::bigint"), other):
        with connection.transaction():
            found = list(stream(connection, schema, [one, second, SQL("i::float8"), second], source))
        rows = pa.Table.from_batches(found).to_pylist()
        for i, row in enumerate(rows, 1):
            b = i if second is one else None if second is not other or i % 2 else i
            assert row == {"a": i, "b": b, "c": float(i), "d": b}


def test_long_texts_and_none_at_all(connection: psycopg.Connection) -> None:
    schema = pa.schema([("t", pa.string())])
    source = SQL("FROM generate_series(1, 50) AS i")
    with connection.transaction():
        (batch,) = stream(connection, schema, [SQL("repeat('é', 1000 * i)")], source)
        assert batch.column("t").to_pylist() == ["é" * 1000 * i for i in range(1, 51)]
        assert list(stream(connection, schema, [SQL("'x'")], SQL("WHERE false"))) == []


def test_a_stream_that_is_broken_off_leaves_the_connection(connection: psycopg.Connection) -> None:
    many = SQL("FROM generate_series(1::bigint, 1000000) AS i")
    with connection.transaction(force_rollback=True):
        rows = stream(connection, SCHEMA, COLUMNS, many, 1024)
        assert next(rows).num_rows == 1024
        rows.close()
        with pytest.raises(psycopg.errors.InFailedSqlTransaction):
            connection.execute("SELECT 1")
    assert connection.execute("SELECT 1").fetchone() == (1,)


def test_what_the_server_refuses_is_said(connection: psycopg.Connection) -> None:
    for source in (SQL("FROM nowhere"), SQL("FROM generate_series(1::bigint, 3000) AS i WHERE 1 / (i - 2500) < 5")):
        with pytest.raises((psycopg.errors.UndefinedTable, psycopg.errors.DivisionByZero)), connection.transaction():
            list(stream(connection, SCHEMA, COLUMNS, source, 1024))
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_times_beyond_arrow_name_their_column(connection: psycopg.Connection) -> None:
    schema = pa.schema([("i", pa.int64()), ("at", pa.timestamp("us", "UTC"))])
    with pytest.raises(OutOfRange, match="'at'") as refused, connection.transaction():
        list(stream(connection, schema, [SQL("1::bigint"), SQL("timestamptz '294270-01-01'")], SQL("")))
    assert refused.value.column == 1
