"""The evaluator against plain Python, and PostgreSQL against both: random expressions over edge values, compared bit by bit."""

import itertools
import math
import struct
from decimal import Decimal
from typing import Any

import psycopg
import pyarrow as pa
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from psycopg.sql import SQL, Literal

from fsdb.errors import InvalidData, InvalidDefinition
from fsdb.expressions import Node, from_document, inputs_of, to_document
from fsdb.expressions.evaluation import evaluate
from fsdb.expressions.parity import check_parity
from fsdb.expressions.translation import compiled
from tests.conftest import TestDatabase
from tests.expressions.oracle import OutOfRangeError, read, value_of
from tests.expressions.strategies import TYPES, expressions, rows

ARROW = {"double precision": pa.float64(), "real": pa.float32(), "integer": pa.int32(), "bigint": pa.int64(), "smallint": pa.int16(), "text": pa.string(), "boolean": pa.bool_()}  # fmt: skip


def tree_of(text: str) -> Node:
    """The tree; an expression whose constants have no value is no example."""
    try:
        return compiled(text, "e", TYPES.__getitem__)
    except InvalidDefinition as error:
        assume(
            "constant part" not in str(error)
            and "looks for a real" not in str(error)
            and "NULL whatever" not in str(error)
        )
        raise


def cell(text: str | None, kind: str) -> Any:
    if kind == "real" and text is not None:
        return struct.unpack("f", struct.pack("f", float(text)))[0]
    return read(text, kind)


def evaluated(tree: Node, row: dict[str, Any]) -> Any:
    columns = {name: pa.array([row[name]], ARROW[kind]) for name, kind in inputs_of(tree).items()}
    try:
        found = evaluate(tree, columns, 1, "e")
    except InvalidData:
        return "refused"
    assert found.type == ARROW[tree.type]
    return found[0].as_py()


def same(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return (math.isnan(one) and math.isnan(other)) or struct.pack("d", one) == struct.pack("d", other)
    return type(one) is type(other) and bool(one == other)


@settings(max_examples=80, deadline=None)
@given(expressions(), st.lists(rows(), min_size=6, max_size=6))
def test_the_evaluator_gives_what_plain_python_gives(text: str, given_rows: list[dict[str, Any]]) -> None:
    tree = tree_of(text)
    assert from_document(to_document(tree)) == tree
    for given_row in given_rows:
        row = {name: cell(value, TYPES[name]) for name, value in given_row.items()}
        try:
            expected = value_of(tree, row)
        except OutOfRangeError:
            expected = "refused"
        found = evaluated(tree, row)
        assert same(found, expected), (text, row, found, expected)


@settings(max_examples=25, deadline=None)
@given(expressions())
def test_postgresql_gives_what_the_evaluator_gives(module_database: TestDatabase, text: str) -> None:
    tree = tree_of(text)
    with psycopg.connect(module_database.url) as connection:
        check_parity(connection, tree, "e")


@settings(max_examples=40, deadline=None)
@given(expressions(2), rows())
def test_an_expression_means_what_postgresql_means_by_its_text(
    module_database: TestDatabase, text: str, row: dict[str, Any]
) -> None:
    """The user's own words, given to PostgreSQL: type, precedence and value. div is of integers here, and x / 0 is NULL."""
    assume("div(" not in text)
    tree = tree_of(text)
    given_row = {name: cell(value, TYPES[name]) for name, value in row.items()}
    inputs = SQL(", ").join(
        SQL("{}::{} AS {}").format(Literal(value), SQL(TYPES[name]), SQL(name)) for name, value in row.items()
    )
    with psycopg.connect(module_database.url) as connection:
        cursor = connection.cursor(binary=True)
        statement = SQL("SELECT v, pg_typeof(v)::text FROM (SELECT {} FROM (SELECT {} OFFSET 0) AS given) AS one (v)")
        try:
            value, kind = cursor.execute(statement.format(SQL(text), inputs)).fetchone() or (None, None)
        except psycopg.errors.DivisionByZero:
            return
        except psycopg.errors.NumericValueOutOfRange:
            value, kind = "refused", tree.type
    assert kind == tree.type
    assert same(evaluated(tree, given_row), value), (text, row, value)


# What precedence and words decide.
SPELLED = [
    *(
        "NOT c = (i = 1)",
        "c OR (x > y) AND NOT c",
        "i + j * 2 - -i",
        "- i % 3",
        "i - j - 1",
        "t || u = u",
        "t || u || 'x' IS NULL",
    ),
    *(
        "i = j IS NULL",
        "x < y IS NOT NULL",
        "i < j IS TRUE",
        "NOT c IS NULL",
        "i BETWEEN 1 AND 3 AND c",
        "i NOT IN (1, 2) OR c",
    ),
    *(
        "NOT i IN (1, 2)",
        "CASE WHEN c THEN 1 END + 1",
        "CASE i WHEN 1 THEN 2 ELSE 3 END * 2",
        "i IS DISTINCT FROM j AND c",
    ),
    *(
        "i::float8 * j::float8 + 2",
        "-i::float8",
        "- -i",
        "+i",
        "i % 3 * 2",
        "i * j % 3",
        "i + 1 = j - 1",
        "c <> (i = 1)",
        "c != c",
    ),
    *(
        "x > y OR NULL",
        "coalesce(NULL, i)",
        "nullif(i, NULL)",
        "i IN (NULL)",
        "t = 'it''s'",
        "i = '2'",
        "CAST(i AS bigint)",
        "x::float",
    ),
    *(
        "c IS NOT TRUE",
        "NOT NOT c",
        "i NOTNULL",
        "c IS NOT UNKNOWN",
        "x = 'NaN'",
        "1e3 + i",
        ".5 + i",
        "i::text || '%'",
        "1. * x",
    ),
]


def test_words_and_signs_bind_as_postgresql_binds_them(module_database: TestDatabase) -> None:
    pools: dict[str, list[Any]] = {"x": [None, 0.5, float("nan")], "y": [0.5], "i": [None, 1, -7], "j": [2], "t": [None, "a"], "u": [""], "c": [None, True, False]}  # fmt: skip
    given_rows = [dict(zip(pools, values, strict=True)) for values in itertools.product(*pools.values())]
    with psycopg.connect(module_database.url) as connection:
        cursor = connection.cursor(binary=True)
        for text in SPELLED:
            tree = tree_of(text)
            rows_ = list({tuple(row[name] for name in inputs_of(tree)): row for row in given_rows}.values())
            columns = {name: pa.array([row[name] for row in rows_], ARROW[TYPES[name]]) for name in inputs_of(tree)}
            found = evaluate(tree, columns, len(rows_), "e").to_pylist()
            values = [
                SQL("{}::{}").format(Literal([row[name] for row in rows_]), SQL(TYPES[name] + "[]")) for name in columns
            ]
            statement = SQL("SELECT v, pg_typeof(v)::text FROM (SELECT {} FROM unnest({}) AS given ({})) AS one (v)")
            names = SQL(", ").join([SQL(name) for name in columns])
            there = cursor.execute(statement.format(SQL(text), SQL(", ").join(values), names)).fetchall()
            assert {kind for _, kind in there} == {tree.type}, text
            assert all(same(float(one) if isinstance(one, Decimal) else one, float(other) if tree.type == "numeric" and other else other) for (one, _), other in zip(there, found, strict=True)), text  # fmt: skip


FIXED = [
    *(
        "n * 2.50",
        "n < x",
        "round(n, 2)",
        "trunc(n)",
        "n::integer",
        "n::real",
        "sign(n)",
        "nullif(n, 0.00)",
        "n IN (1, 0.5)",
    ),
    *("sqrt(x)", "b::real", "i::real", "nullif(r, 0)", "CASE WHEN x > 0 THEN r ELSE 2 END", "coalesce(x, 0.5)"),
    *(
        "length(t)",
        "t || i::text",
        "starts_with(t, u)",
        "strpos(t, u)",
        'upper(t COLLATE "C")',
        'greatest(t COLLATE "C", u)',
    ),
    *("d - d", "d + i", "d - s", "d < '2024-02-29'", "extract(year from d)", "extract(doy from d)::integer", "d::text"),
    *(
        "at < at",
        "at + interval '90 minutes'",
        "at - interval '1 microsecond'",
        "extract(epoch from at)",
        "extract(epoch from at)::float8",
    ),
    *("extract(epoch from at - '2024-01-01 00:00:00+00')::float8", "(at AT TIME ZONE 'UTC')::date"),
    *(f"extract({part} from at AT TIME ZONE 'UTC')::integer" for part in ("year", "month", "hour", "minute", "isodow")),
    *("c AND b * b > 0", "coalesce(i, b * b)", "CASE WHEN false THEN b * b ELSE 0 END", "i IS DISTINCT FROM NULL"),
]


def test_other_types_agree_too(module_database: TestDatabase) -> None:
    types = {**TYPES, "n": "numeric", "d": "date", "at": "timestamp with time zone"}
    with psycopg.connect(module_database.url) as connection:
        for text in FIXED:
            check_parity(connection, compiled(text, "e", types.__getitem__), "e")


@pytest.mark.parametrize(
    "document",
    [
        {"call": "pg_read_file", "of": [], "type": "text"},
        {"constant": "1", "type": "public.evil"},
        {"call": "add", "of": [{"constant": "1", "type": "integer"}], "type": "integer"},
        {"call": "extract", "of": [{"input": "x", "type": "text"}, {"input": "d", "type": "date"}], "type": "numeric"},
        {"input": 1, "type": "integer"},
        {"type": "integer"},
        [],
        None,
    ],
)
def test_a_document_that_somebody_wrote_is_refused(document: Any) -> None:
    with pytest.raises(InvalidData, match="Define the expression again"):
        from_document(document)
