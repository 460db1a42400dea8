"""What fsdb gives out it takes again: keys and values of every type, as spine and as data, by every library."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
import polars as pl
import psycopg
import pyarrow as pa
import pytest

from fsdb import history
from fsdb.catalog.feature_sets import RegisteredSet
from fsdb.definitions import Feature, FeatureSet
from fsdb.ingest import IngestResult, ingest
from fsdb.training import TrainingSet, build, load, save, verify

KEYS = {
    "a": "smallint", "b": "integer", "c": "bigint", "d": "text", "e": "character varying(9)", "f": "date", "g": "uuid",
    "h": "boolean", "i": "timestamp with time zone",
}  # fmt: skip
ENTITIES = [
    (1, 2, 2**53 + 1, "", "007", date(1969, 7, 20), UUID(int=5), True, datetime(2024, 3, 31, 1, 30, tzinfo=UTC)),
    (-(2**15), -(2**31), -(2**63), "ü\n,", "NA", date(2024, 1, 1), UUID(int=2**127), False, datetime(1900, 1, 1, 0, 0, 0, 1, tzinfo=UTC)),
]  # fmt: skip
FEATURES = {
    "price": "numeric(10,2)", "many": "numeric", "whole": "numeric(25,0)", "half": "real", "doc": "jsonb", "v": "real[]", "on_day": "date",
    "yes": "boolean", "id": "uuid", "count": "integer", "big": "bigint",
    "ints": "integer[]", "bigs": "bigint[]", "texts": "text[]", "flags": "boolean[]", "doubles": "double precision[]", "raw": "bytea",
}  # fmt: skip
VALUES: list[dict[str, Any]] = [
    {"price": Decimal("62.23"), "many": Decimal("0.1"), "whole": 2**64 - 1, "half": 0.1, "doc": {"a": [1, None]}, "v": [0.5, 1.0], "on_day": date(1969, 7, 20), "yes": True, "id": UUID(int=9), "count": 1, "big": 2**53 + 1,
     "ints": [1, None], "bigs": [2**53 + 1, None], "texts": ["", 'a "b", {c}', None, "NULL"], "flags": [True, None], "doubles": [0.1, None], "raw": b"\\x00,"},
    dict.fromkeys(FEATURES),
]  # fmt: skip
AT = datetime(2024, 6, 1, tzinfo=UTC)
GIVEN_OUT: dict[str, Callable[[TrainingSet], Any]] = {
    "arrow": lambda training_set: training_set.to_arrow(),
    "pandas": lambda training_set: training_set.to_pandas(),
    "polars": lambda training_set: training_set.to_polars(),
    "pandas of Arrow": lambda training_set: training_set.to_arrow().to_pandas(types_mapper=pd.ArrowDtype),
    "plain pandas": lambda training_set: training_set.to_arrow().to_pandas(),
}


@pytest.fixture
def things(connection: psycopg.Connection) -> tuple[psycopg.Connection, RegisteredSet]:
    features = [Feature(name, kind) for name, kind in FEATURES.items()]
    with connection.transaction():
        registered = history.create(connection, FeatureSet("things", KEYS, features))
    rows = [dict(zip(KEYS, keys, strict=True)) | values for keys, values in zip(ENTITIES, VALUES, strict=True)]
    data = pd.DataFrame({name: pd.Series([row[name] for row in rows], dtype=object) for name in [*KEYS, *FEATURES]})
    assert ingest(connection, registered, data.assign(event_time=AT)) == IngestResult(2, 0, 0, 0)
    return connection, registered


@pytest.mark.parametrize("library", GIVEN_OUT)
def test_rows_that_came_out_are_taken_again(things: tuple[psycopg.Connection, RegisteredSet], library: str) -> None:
    connection, registered = things
    spine = "SELECT *, now() AS at FROM (SELECT a, b, c, d, e, f, g, h, i FROM things ORDER BY a DESC) AS t"
    chosen = [f"things.{name}" for name in FEATURES]
    first = build(connection, spine=spine, features=chosen, timestamp="at")
    given = GIVEN_OUT[library](first)
    keys = given.select([*KEYS, "at"]) if library in ("arrow", "polars") else given[[*KEYS, "at"]]
    for engine in ("postgres", "duckdb"):
        again = build(connection, spine=keys, features=chosen, timestamp="at", engine=engine)
        assert again.to_arrow().to_pylist() == first.to_arrow().to_pylist()
        assert [column.type.partition("(")[0] for column in again.columns] == [
            column.type.partition("(")[0].replace("character varying", "text") for column in first.columns
        ]
    if library == "arrow":
        save(connection, again, "again")
        assert verify(connection, load(connection, "again").saved) == again.content_hash
    data = (
        given.drop_columns(["at"])
        if library == "arrow"
        else given.drop(columns="at")
        if "pandas" in library
        else given.drop("at")
    )
    if library in ("pandas of Arrow", "plain pandas"):
        # Arrow has the digits of `many` as text, and pandas does not know of what; its own way makes floats of whole numbers with gaps.
        data = data.drop(columns=["many", "big", "bigs"] if library == "plain pandas" else ["many"])
    if library in ("pandas", "plain pandas"):
        data = data.drop(
            columns="doubles"
        )  # an array of numpy has NaN for what is missing, and NaN is a number of that type
    with connection.transaction(force_rollback=True):
        moment = "event_time"
        stamped = (
            data.append_column(moment, pa.array([AT] * 2))
            if library == "arrow"
            else data.with_columns(pl.lit(AT).alias(moment))
            if library == "polars"
            else data.assign(event_time=AT)
        )
        assert ingest(connection, registered, stamped) == IngestResult(0, 0, 0, 2)


def test_numeric_is_the_nearest_double_in_every_frame(things: tuple[psycopg.Connection, RegisteredSet]) -> None:
    connection, registered = things
    cents = [Decimal(n) / 100 for n in range(0, 20_000, 7)]
    names = {name: ENTITIES[0][number] for number, name in enumerate(KEYS)}
    many = pd.DataFrame([{**names, "a": n} for n in range(len(cents))]).assign(event_time=AT)
    ingest(connection, registered, many.assign(price=cents, many=cents))
    spine = "SELECT a, b, c, d, e, f, g, h, i, price::float8 AS wanted, now() AS at FROM things WHERE a >= 0 AND price IS NOT NULL"
    for engine in ("postgres", "duckdb"):
        built = build(connection, spine=spine, features=["things.price", "things.many"], timestamp="at", engine=engine)
        frame = built.to_pandas()
        assert len(frame) >= len(cents) - 1
        assert frame["price"].tolist() == frame["many"].tolist() == frame["wanted"].tolist()
        assert frame["wanted"].tolist() == [float(value) for value in built.to_arrow()["price"].to_pylist()]
        assert built.to_polars()["many"].to_list() == frame["wanted"].tolist()


def test_whole_numbers_beyond_bigint_stay_what_they_are(things: tuple[psycopg.Connection, RegisteredSet]) -> None:
    connection, _ = things
    keys = dict(zip(KEYS, ENTITIES[0], strict=True))
    columns: dict[str, tuple[Any, str, list[Any]]] = {
        "hashes": (np.array([2**63 + 1, 2**63 + 3], "uint64"), "uint64", [2**63 + 1, 2**63 + 3]),
        "gaps": (pd.array([2**64 - 1, None], "UInt64"), "UInt64", [2**64 - 1, None]),
        "small": (np.array([1, 2], "uint64"), "float64", [1.0, 2.0]),
        "wide": (pd.Series([2**70 + 1, 2**70 + 3], dtype=object), "object", [2**70 + 1, 2**70 + 3]),
        "signed": (pd.array([2**53 + 1, None], "Int64"), "Int64", [2**53 + 1, None]),
    }
    spine = pd.DataFrame([keys, keys]).assign(at=AT, **{name: values for name, (values, _, _) in columns.items()})
    for engine in ("postgres", "duckdb"):
        frame = build(connection, spine=spine, features=["things.whole"], timestamp="at", engine=engine).to_pandas()
        for name, (_, dtype, values) in columns.items():
            if name == "wide":  # digits that no decimal of fixed size is declared for
                continue
            assert str(frame[name].dtype) == dtype, name
            assert [None if pd.isna(value) else value for value in frame[name]] == values, name
        assert frame["whole"].tolist() == [2**64 - 1] * 2
