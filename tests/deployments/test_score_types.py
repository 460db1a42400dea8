"""Keys and inputs of every type, scored in one call as they are inserted: the same version, the same prediction."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
import psycopg
import pyarrow as pa
import pytest
from psycopg import sql
from psycopg.rows import dict_row
from sklearn.linear_model import LinearRegression

from fsdb import history
from fsdb.definitions import Feature, FeatureSet
from fsdb.deployments import deploy, register_model
from fsdb.deployments.bulk import outside, score
from fsdb.errors import InvalidData

NAME = "wear"
KEYS = {
    "on_hire": "boolean",
    "built": "date",
    "part": "uuid",
    "since": "timestamp with time zone",
    "place": "character varying",
    "row_number": "smallint",
}
INPUTS = {"level": "parts.level", "amount": "numeric(12,4)", "share": "numeric", "size": "real", "hot": "boolean"}
WEIGHTS = {"level": 1.0, "amount": 0.5, "share": 3.0, "size": 7.0, "hot": 11.0}
MOMENT = datetime(2026, 3, 29, 1, 30, 0, 250, tzinfo=UTC)
ROWS: list[dict[str, Any]] = [
    {
        "on_hire": number % 2 == 0,
        "built": date(1969 + number, 12, 31),
        "part": UUID(int=2**127 + number),
        "since": MOMENT + timedelta(hours=number),
        "place": ["é", "", "01234", "1234"][number % 4],
        "row_number": number - 4,
        "amount": [Decimal("12.3456"), Decimal(-7), None][number % 3],
        "share": [Decimal("0.1"), Decimal("123456789012345678.25"), Decimal(3)][number % 3],
        "size": float(np.float32([0.1, 2.5, -3.75][number % 3])),
        "hot": [True, False, None, True, False][number % 5],
    }
    for number in range(12)
]
THERE = [row for number, row in enumerate(ROWS) if number % 4 != 3]
TYPES = pa.schema(
    [
        ("on_hire", pa.bool_()),
        ("built", pa.date32()),
        ("part", pa.string()),
        ("since", pa.timestamp("us", "UTC")),
        ("place", pa.string()),
        ("row_number", pa.int16()),
        ("amount", pa.decimal128(12, 4)),
        ("share", pa.decimal128(30, 10)),
        ("size", pa.float32()),
        ("hot", pa.bool_()),
    ]
)


def inserting(table: str, columns: Sequence[str]) -> sql.Composed:
    """An INSERT of a row by its columns' names."""
    return sql.SQL("INSERT INTO {} ({}) VALUES ({}) RETURNING *").format(
        sql.Identifier(table),
        sql.SQL(", ").join(map(sql.Identifier, columns)),
        sql.SQL(", ").join(map(sql.Placeholder, columns)),
    )


@pytest.fixture
def parts(connection: psycopg.Connection) -> psycopg.Connection:
    """A set with keys of every type, a quarter of its entities lacking, and a model of inputs of every type deployed on it."""
    with connection.transaction():
        history.create(connection, FeatureSet("parts", KEYS, (Feature("level", "double precision"),)))
    for row in THERE:
        connection.execute(inserting("parts", [*KEYS, "level"]), {**row, "level": 100.0 * row["row_number"]})
    rng = np.random.default_rng(5)
    X = pd.DataFrame(rng.normal(size=(60, len(WEIGHTS))), columns=list(WEIGHTS))
    model = LinearRegression().fit(X, X.to_numpy() @ list(WEIGHTS.values()))
    register_model(connection, NAME, model, inputs=INPUTS, rows=X.round(4).assign(hot=X["hot"] > 0).to_dict("records"))
    deploy(connection, NAME, NAME, on_error="null")
    return connection


def given() -> pa.Table:
    """The rows in the types that are nearest to PostgreSQL's."""
    return pa.Table.from_pylist([{**row, "part": str(row["part"])} for row in ROWS], TYPES)


def cast(**types: pa.DataType) -> pa.Table:
    """The same with some columns of other types."""
    table = given()
    for name, kind in types.items():
        place = table.column_names.index(name)
        values = table.column(name)
        changed = values.dictionary_encode() if pa.types.is_dictionary(kind) else values.cast(kind, safe=False)
        table = table.set_column(place, name, changed)
    return table


def frame() -> pd.DataFrame:
    """The same as pandas has it by itself: decimals, dates and UUIDs as objects."""
    return pd.DataFrame([{**row, "part": str(row["part"])} for row in ROWS])


@pytest.mark.parametrize("back_end", ["onnx", "sql"])
@pytest.mark.parametrize(
    "make",
    [
        given,
        frame,
        lambda: cast(
            built=pa.date64(), since=pa.timestamp("ns", "UTC"), place=pa.large_string(), row_number=pa.int64()
        ),
        lambda: cast(since=pa.timestamp("us", "Europe/Berlin"), row_number=pa.decimal128(5, 0), size=pa.float64()),
        lambda: cast(part=pa.string_view(), place=pa.dictionary(pa.int32(), pa.string()), row_number=pa.float64()),
        lambda: cast(amount=pa.float64(), row_number=pa.int8()),
    ],
    ids=["arrow", "pandas", "wider", "elsewhere", "encoded", "floats"],
)
def test_the_same_as_inserted(
    parts: psycopg.Connection, monkeypatch: pytest.MonkeyPatch, back_end: str, make: Any
) -> None:
    if back_end == "sql":
        monkeypatch.setattr(outside, "scorer_of", lambda *_: None)
    found = score(parts, NAME, make(), on_error="null")
    assert found.schema.metadata[b"fsdb_scored_by"] == back_end.encode()
    with parts.cursor(row_factory=dict_row) as cursor:
        records = [dict(cursor.execute(inserting(NAME, TYPES.names), row).fetchone() or {}) for row in ROWS]
    assert [record["parts_version"] is not None for record in records] == [row in THERE for row in ROWS]
    for one, record, row in zip(found.to_pylist(), records, ROWS, strict=True):
        assert one["parts_version"] == record["parts_version"], row
        assert (one["error"] is None) == (record["error"] is None), row
        assert (one["prediction"] is None) == (record["prediction"] is None), row
        if record["prediction"] is not None:
            assert one["prediction"] == pytest.approx(record["prediction"], rel=1e-9), row
    scored = [record for record in records if record["prediction"] is not None]
    assert len(scored) == sum(None not in (row["amount"], row["hot"]) for row in THERE) > 3
    for record in scored:
        values = {
            "level": 100.0 * record["row_number"],
            **{name: float(record[name]) for name in WEIGHTS if name != "level"},
        }
        assert record["prediction"] == pytest.approx(sum(WEIGHTS[name] * values[name] for name in WEIGHTS), rel=1e-6)


@pytest.mark.parametrize(
    ("column", "values", "said"),
    [
        ("since", pa.array([MOMENT.replace(tzinfo=None)] * 12), "say of which time zone it is"),
        ("since", pa.array([1] * 12, pa.timestamp("ns", "UTC")), "round it to microseconds"),
        ("on_hire", pa.array(["true"] * 12), "takes it as boolean: convert it first"),
        ("built", pa.array(["2026-01-01"] * 12), "takes it as date: convert it first"),
        ("amount", pa.array(["1"] * 12), r"takes it as numeric.*: convert it first"),
        ("row_number", pa.array([True] * 12), "convert it first"),
        ("row_number", pa.array([Decimal("1.5")] * 12), "1.5 in row 0, which is not a whole number"),
        ("place", pa.array([7] * 12), "convert it first"),
        ("part", pa.array(["not one"] * 12), "'not one' in row 0, which is not a UUID"),
    ],
)
def test_other_types_are_refused(parts: psycopg.Connection, column: str, values: pa.Array, said: str) -> None:
    table = given()
    place = table.column_names.index(column)
    with pytest.raises(InvalidData, match=said):
        score(parts, NAME, table.set_column(place, column, values))
    assert parts.execute("SELECT count(*) FROM wear").fetchone() == (0,)


def test_a_query_s_numeric_of_any_scale_is_a_number(parts: psycopg.Connection) -> None:
    one = ROWS[0] | {"amount": Decimal("12.3456000"), "size": 2.5}
    columns = sql.SQL(", ").join(
        [sql.SQL("{} AS {}").format(sql.Literal(one[name]), sql.Identifier(name)) for name in TYPES.names]
    )
    digits = sql.SQL("amount::numeric AS amount, size::text::numeric AS size, row_number::numeric + 0.0 AS row_number")
    text = sql.SQL("SELECT on_hire, built, part, since, place::text AS place, share, hot, {} FROM (SELECT {}) one")
    found = score(parts, NAME, text.format(digits, columns).as_string(parts)).to_pylist()[0]
    record = dict(zip(TYPES.names, (one[name] for name in TYPES.names), strict=True))
    with parts.cursor(row_factory=dict_row) as cursor:
        inserted = cursor.execute(inserting(NAME, TYPES.names), record).fetchone() or {}
    assert (found["prediction"], found["parts_version"]) == (inserted["prediction"], 1)
    half = text.format(sql.SQL("amount, size, 0.5::numeric AS row_number"), columns).as_string(parts)
    with pytest.raises(
        InvalidData, match=r"'row_number' of the data holds '0.50*' in row 0, which is not a whole number"
    ):
        score(parts, NAME, half)


def test_a_moment_in_another_zone_is_the_same_key(parts: psycopg.Connection) -> None:
    elsewhere = timezone(timedelta(hours=5, minutes=45))
    table = pa.Table.from_pylist(
        [{**ROWS[0], "part": str(ROWS[0]["part"]).upper(), "since": MOMENT.astimezone(elsewhere)}],
        TYPES.set(3, pa.field("since", pa.timestamp("us", "+05:45"))),
    )
    assert score(parts, NAME, table)["parts_version"].to_pylist() == [1]
