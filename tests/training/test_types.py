"""Every type of feature: the same value in the history, in a training set, in a vector, and after saving."""

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
import polars as pl
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fsdb import history
from fsdb.array_text import written
from fsdb.definitions import Feature, FeatureSet
from fsdb.errors import InvalidData
from fsdb.training import TrainingSet, build, load, save, verify
from fsdb.vectors import feature_vector, feature_vectors

T = datetime(2013, 7, 1, 12, tzinfo=UTC)
UNIQUE = UUID("12345678-1234-5678-1234-567812345678")
WORDS = ["", "NULL", "null", None, "a,b", "{x}", '"q"', "back\\slash", " blank ", "two\nlines", "ü🎈", "{{"]
# type: Arrow type; then text of a value, the value in Arrow, the value in Python of a vector.
TYPES: dict[str, tuple[pa.DataType, list[tuple[str, Any, Any]]]] = {
    "smallint": (pa.int16(), [("-32768", -32768, -32768)]),
    "integer": (pa.int32(), [("2147483647", 2147483647, 2147483647)]),
    "bigint": (pa.int64(), [("9007199254740993", 9007199254740993, 9007199254740993)]),
    "real": (pa.float32(), [("0.1", float(np.float32(0.1)), float(np.float32(0.1))), ("-Infinity", float("-inf"), float("-inf"))]),
    "double precision": (pa.float64(), [("0.1", 0.1, 0.1), ("5e-324", 5e-324, 5e-324), ("Infinity", float("inf"), float("inf"))]),
    "numeric": (pa.string(), [("1e-20", "0.00000000000000000001", Decimal("1E-20")), ("Infinity", "Infinity", Decimal("Infinity"))]),
    "numeric(10,2)": (pa.decimal128(10, 2), [("1.5", Decimal("1.50"), Decimal("1.50"))]),
    "numeric(40,2)": (pa.string(), [("1.5", "1.50", Decimal("1.50"))]),
    "boolean": (pa.bool_(), [("t", True, True), ("f", False, False)]),
    "text": (pa.string(), [("", "", ""), ('a"b,\n\\N', 'a"b,\n\\N', 'a"b,\n\\N'), ("NULL", "NULL", "NULL"), ("ü🎈", "ü🎈", "ü🎈")]),
    "character varying(5)": (pa.string(), [("01234", "01234", "01234")]),
    "date": (pa.date32(), [("1969-12-31", date(1969, 12, 31), date(1969, 12, 31)), ("9999-12-31", date(9999, 12, 31), date(9999, 12, 31))]),
    "timestamp with time zone": (
        pa.timestamp("us", "UTC"),
        [(text, datetime.fromisoformat(text), datetime.fromisoformat(text)) for text in ("1900-01-01 00:00:00.000001+00:00", "9999-12-31 23:59:59.999999+00:00")],
    ),
    "uuid": (pa.string(), [(str(UNIQUE), str(UNIQUE), UNIQUE)]),
    "real[]": (pa.list_(pa.float32()), [("{}", [], []), ("{1.5,NULL,-0.25}", [1.5, None, -0.25], [1.5, None, -0.25])]),
    "double precision[]": (pa.list_(pa.float64()), [("{0.1,NULL,Infinity}", [0.1, None, float("inf")], [0.1, None, float("inf")]), ("{}", [], []), ("{NULL}", [None], [None])]),
    "integer[]": (pa.list_(pa.int32()), [("{1,NULL,-2147483648}", [1, None, -2147483648], [1, None, -2147483648]), ("{}", [], []), ("[0:1]={7,8}", [7, 8], [7, 8])]),
    "bigint[]": (pa.list_(pa.int64()), [("{9007199254740993,NULL}", [9007199254740993, None], [9007199254740993, None]), ("{}", [], [])]),
    "text[]": (pa.list_(pa.string()), [(written(WORDS), WORDS, WORDS), ("{}", [], []), ("{a,NULL,b}", ["a", None, "b"], ["a", None, "b"]), ('{""}', [""], [""])]),
    "boolean[]": (pa.list_(pa.bool_()), [("{t,NULL,f}", [True, None, False], [True, None, False]), ("{}", [], [])]),
    "bytea": (pa.binary(), [("\\x00ff41", b"\x00\xffA", b"\x00\xffA"), ("\\x", b"", b""), ("\\x5c7834", b"\\x4", b"\\x4")]),
    "jsonb": (pa.string(), [('{"a": [1, null, "x"]}', '{"a": [1, null, "x"]}', {"a": [1, None, "x"]})]),
}  # fmt: skip
NAMES = {kind: f"f{number}" for number, kind in enumerate(TYPES)}
REFERENCES = [f"typed.{name}" for name in NAMES.values()]


@pytest.fixture
def typed(connection: psycopg.Connection) -> psycopg.Connection:
    """A set with a feature of each type; entity n holds each type's n-th value, the last holds NULLs."""
    with connection.transaction():
        features = tuple(Feature(name, kind) for kind, name in NAMES.items())
        history.create(connection, FeatureSet("typed", {"n": "integer"}, features))
    for n in range(5):
        values = [entries[n][0] if n < len(entries) else None for _, entries in TYPES.values()]
        places = ", ".join(["%s"] * len(values))
        columns = ", ".join(NAMES.values())
        connection.execute(f"INSERT INTO typed (n, {columns}, event_time) VALUES (%s, {places}, %s)", [n, *values, T])  # noqa: S608
    return connection


def built(connection: psycopg.Connection) -> TrainingSet:
    spine = pa.table({"n": pa.array(range(5), pa.int32()), "at": pa.array([T] * 5, pa.timestamp("us", "UTC"))})
    return build(connection, spine=spine, features=REFERENCES, timestamp="at")


def test_in_arrow(typed: psycopg.Connection) -> None:
    table = built(typed).to_arrow()
    for kind, (arrow, entries) in TYPES.items():
        column = table[NAMES[kind]]
        assert column.type == arrow, kind
        assert column.to_pylist() == [entries[n][1] if n < len(entries) else None for n in range(5)], kind
    assert (
        feature_vectors(typed, REFERENCES, [{"n": n} for n in range(5)])
        .drop_columns(["found"])
        .equals(table.drop_columns(["n", "at"]))
    )


def test_in_a_vector(typed: psycopg.Connection) -> None:
    for n in range(5):
        wanted = {NAMES[k]: entries[n][2] if n < len(entries) else None for k, (_, entries) in TYPES.items()}
        assert feature_vector(typed, REFERENCES, {"n": n}) == {**wanted, "found": True}


def test_saved(typed: psycopg.Connection) -> None:
    before = built(typed)
    save(typed, before, "kept")
    typed.execute("DELETE FROM typed")
    assert verify(typed, load(typed, "kept").saved) == before.content_hash


def test_the_hash_does_not_depend_on_the_layout(typed: psycopg.Connection) -> None:
    before = built(typed)
    other = built(typed)
    pieces = [before.to_arrow().slice(0, 2), before.to_arrow().slice(2, 0), before.to_arrow().slice(2)]
    other.table = pa.concat_tables(pieces)
    assert other.content_hash == before.content_hash
    for position in range(before.table.num_columns):
        changed = built(typed)
        column = before.table.column(position)
        other_rows = pa.concat_arrays([*column.slice(1).chunks, *column.slice(0, 1).chunks])
        if other_rows.equals(pa.concat_arrays(column.chunks)):
            continue
        changed.table = before.table.set_column(position, before.table.field(position), other_rows)
        assert changed.content_hash != before.content_hash, before.table.column_names[position]


def test_for_pandas_and_polars_and_parquet(typed: psycopg.Connection, tmp_path: Any) -> None:
    training_set = built(typed)
    frame = training_set.to_pandas()
    types = {kind: str(frame[name].dtype) for kind, name in NAMES.items()}
    assert types == {
        "smallint": "float64", "integer": "float64", "bigint": "Int64", "real": "float32", "double precision": "float64",
        "numeric": "float64", "numeric(10,2)": "float64", "numeric(40,2)": "float64", "boolean": "float64", "text": "str",
        "character varying(5)": "str", "date": "datetime64[ms]", "timestamp with time zone": "datetime64[us, UTC]", "uuid": "str",
        "real[]": "object", "double precision[]": "object", "integer[]": "object", "bigint[]": "object", "text[]": "object",
        "boolean[]": "object", "bytea": "object", "jsonb": "str",
    }  # fmt: skip
    assert frame[NAMES["bigint"]][0] == 9007199254740993
    assert frame[NAMES["numeric"]].tolist()[:2] == [1e-20, float("inf")]
    assert (str(frame["n"].dtype), frame["n"].tolist()) == ("int32", [0, 1, 2, 3, 4])
    assert frame[NAMES["text"]].tolist()[:4] == ["", 'a"b,\n\\N', "NULL", "ü🎈"]
    assert pd.isna(frame[NAMES["text"]][4])
    assert training_set.to_polars().schema[NAMES["numeric"]] == pl.Float64
    assert training_set.to_polars()[NAMES["real[]"]].to_list() == [[], [1.5, None, -0.25], None, None, None]
    training_set.to_parquet(tmp_path / "typed.parquet")
    assert pq.read_table(tmp_path / "typed.parquet").equals(training_set.to_arrow())


def test_defaults_of_each_type(connection: psycopg.Connection) -> None:
    defaults = {
        kind: json.loads(entries[0][0]) if kind == "jsonb" else [1.5, 2.0] if kind == "real[]" else entries[0][0]
        for kind, (_, entries) in TYPES.items()
    }
    with connection.transaction():
        features = tuple(Feature(name, kind, default=defaults[kind]) for kind, name in NAMES.items())
        history.create(connection, FeatureSet("typed", {"n": "integer"}, features))
    vector = feature_vector(connection, REFERENCES, {"n": 1})
    wanted = {NAMES[kind]: [1.5, 2.0] if kind == "real[]" else entries[0][2] for kind, (_, entries) in TYPES.items()}
    assert vector == {**wanted, "found": False}


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("timestamp with time zone", "infinity"),
        ("date", "-infinity"),
        ("numeric(10,2)", "NaN"),
        ("real[]", "{{1,2},{3,4}}"),
        ("text[]", '{{a,"{{"}}'),
    ],
)
def test_what_arrow_cannot_hold_is_refused(typed: psycopg.Connection, kind: str, text: str) -> None:
    typed.execute(f"UPDATE typed SET {NAMES[kind]} = %s, event_time = %s WHERE n = 0", [text, T])  # noqa: S608
    with typed.transaction():
        with pytest.raises(InvalidData, match=rf"{NAMES[kind]}'|among .*'{NAMES[kind]}'"):
            built(typed)
        assert feature_vectors(typed, [REFERENCES[0]], [{"n": 0}]).num_rows == 1


def test_pre_1970_and_far_future_moments(typed: psycopg.Connection) -> None:
    typed.execute("INSERT INTO typed (n, f0, event_time) VALUES (9, 1, '0001-01-02'), (10, 2, '9999-12-29')")
    spine = """SELECT n, at FROM (VALUES (9, '4001-12-31 23:59:59.999999 BC'::timestamptz), (9, '0001-01-02'), (9, '1900-01-01'),
        (10, '9999-12-28 23:59:59.999999'), (10, '250000-01-01')) AS f (n, at)"""
    before = build(typed, spine=spine, features=["typed.f0"], timestamp="at")
    assert before.to_arrow()["f0"].to_pylist() == [None, 1, 1, None, 2]
    assert repr(before)
    save(typed, before, "kept")
    assert verify(typed, load(typed, "kept").saved) == before.content_hash
    frame = before.to_arrow().select(["n", "at"])
    again = build(typed, spine=frame, features=["typed.f0"], timestamp="at")
    assert again.content_hash == before.content_hash


def test_more_columns_than_a_query_has(connection: psycopg.Connection) -> None:
    with connection.transaction():
        for name in ("a", "b"):
            features = tuple(Feature(f"{name}{n}", "integer") for n in range(900))
            history.create(connection, FeatureSet(f"set_{name}", {"n": "integer"}, features))
    every = [f"set_{name}.{name}{n}" for name in ("a", "b") for n in range(900)]
    spine = "SELECT 1 AS n, now() AS at"
    connection.execute("INSERT INTO set_a (n, a5, event_time) VALUES (1, 5, %s)", [T - timedelta(days=1)])
    for wanted in (every[:1660], every):  # in one query, and in several
        wide = build(connection, spine=spine, features=wanted, timestamp="at").to_arrow()
        assert wide.column_names == ["n", "at", *(reference.partition(".")[2] for reference in wanted)]
        assert (wide["n"].to_pylist(), wide["a5"].to_pylist(), wide["b0"].to_pylist()) == ([1], [5], [None])


def test_large_values(connection: psycopg.Connection) -> None:
    with connection.transaction():
        history.create(
            connection, FeatureSet("doc", {"n": "integer"}, (Feature("body", "text"), Feature("v", "real[]")))
        )
    connection.execute(
        "INSERT INTO doc SELECT g, repeat('é\n', 3000000), array_fill(0.5::real, ARRAY[5000]), %s FROM generate_series(1, 3) g",
        [T],
    )
    table = feature_vectors(connection, ["doc.body", "doc.v"], [{"n": 1}, {"n": 4}, {"n": 3}])
    assert [None if b is None else len(b) for b in table["body"].to_pylist()] == [6000000, None, 6000000]
    assert [None if v is None else sum(v) for v in table["v"].to_pylist()] == [2500, None, 2500]
