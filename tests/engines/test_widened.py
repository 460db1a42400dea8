"""Features whose type was widened: versions, files and tail of both types read as plain Python converts them, on every engine."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import psycopg
import pyarrow as pa
import pytest
from psycopg.sql import SQL, Identifier
from pyspark.sql import SparkSession

from fsdb import history
from fsdb.catalog.feature_sets import get_set
from fsdb.columnar import compact, rebuild, sync
from fsdb.definitions import Feature, FeatureSet
from fsdb.errors import CopyBroken, EngineUnavailable
from fsdb.training import build
from tests.conftest import TestDatabase

pytestmark = pytest.mark.slow
T = datetime(2020, 1, 1, tzinfo=UTC)
ENGINES = ("postgres", "duckdb", "spark")


def whole(text: str) -> int:
    return int(text)


def single(text: str) -> float:
    return float(np.float32(text))


# A column: its type and the wider one, texts of before and after, and what plain Python makes of each in the wider type.
KEPT: dict[str, tuple[str, str, list[str], list[str], Any, Any]] = {
    "s_i": ("smallint", "integer", ["-32768", "7"], ["2147483647", "-1"], whole, whole),
    "s_b": ("smallint", "bigint", ["32767", "0"], ["9223372036854775807", "-1"], whole, whole),
    "i_b": ("integer", "bigint", ["-2147483648", "3"], ["-9223372036854775808", "4"], whole, whole),
    "r_d": ("real", "double precision", ["0.1", "-3.4028235e38"], ["0.1", "1e300"], single, float),
    "v_t": ("character varying(3)", "text", ["ab ", "é🎈"], ["a longer one", ""], str, str),
    "v_v": ("character varying(3)", "character varying(9)", ["abc", " "], ["123456789", "x  "], str, str),
    "n_n": ("numeric(5,1)", "numeric(8,3)", ["1234.5", "-0.1"], ["12345.125", "0.001"], Decimal, Decimal),
}
# Of these a copy holds other digits, or another kind of value, than history prints by now: it must be made anew, and is never misread.
ANEW: dict[str, tuple[str, str, list[str], list[str], Any, Any]] = {
    "i_n": ("integer", "numeric", ["5", "-2147483648"], ["0.50", "12345678901234567890.5"], str, str),
    "b_n": ("bigint", "numeric(25,2)", ["9223372036854775807", "1"], ["0.25", "1.50"], Decimal, Decimal),
    "s_n": ("smallint", "numeric(40,2)", ["3", "-3"], ["0.50", "-0.50"], lambda text: f"{text}.00", str),
}


@pytest.fixture(params=[KEPT, ANEW], ids=["kept", "anew"])
def columns(request: pytest.FixtureRequest, spark: SparkSession) -> dict[str, Any]:
    return request.param  # type: ignore[no-any-return]


def read(connection: psycopg.Connection, columns: dict[str, Any], engine: str) -> dict[str, list[Any]]:
    spine = pa.table({"k": pa.array(range(5), pa.int32()), "at": pa.array([T] * 5, pa.timestamp("us", "UTC"))})
    features = [f"widened.{name}" for name in columns]
    return build(connection, spine=spine, features=features, timestamp="at", engine=engine).to_arrow().to_pydict()


def test_values_of_both_types(database: TestDatabase, connection: psycopg.Connection, columns: dict[str, Any]) -> None:
    def write(first: int, place: int) -> None:
        for row in range(2):
            statement = SQL("INSERT INTO widened (k, event_time, {}) VALUES (%s, %s, {})").format(
                SQL(", ").join(map(Identifier, columns)), SQL(", ").join([SQL("%s")] * len(columns))
            )
            connection.execute(statement, [first + row, T, *(given[place][row] for given in columns.values())])

    wanted = {
        name: [*map(before_as, before), *map(after_as, after), None]
        for name, (_, _, before, after, before_as, after_as) in columns.items()
    }
    with connection.transaction():
        features = [Feature(name, given[0]) for name, given in columns.items()]
        history.create(connection, FeatureSet("widened", {"k": "integer"}, features))
    write(0, 2)
    sync(database.url)
    for name, given in columns.items():
        with connection.transaction():
            history.widen_feature(connection, get_set(connection, "widened"), name, given[1])
    write(2, 3)

    def check(*engines: str) -> None:
        for engine in engines:
            found = read(connection, columns, engine)
            assert {name: found[name] for name in columns} == wanted, engine
            assert all(map(same_bits, found["r_d"], wanted["r_d"])) if "r_d" in columns else True

    if columns is ANEW:
        check("postgres")
        for engine in ("duckdb", "spark"):
            with pytest.raises((CopyBroken, EngineUnavailable), match="--rebuild widened"):
                read(connection, columns, engine)
        rebuild(database.url, "widened")
        check(*ENGINES)
        return
    check(*ENGINES)  # the copy has one type, the tail the other
    sync(database.url)
    check(*ENGINES)  # files of both types
    compact(database.url)
    check("postgres", "duckdb")


def same_bits(one: float | None, other: float | None) -> bool:
    """Also of zeros and of doubles that print alike."""
    return np.array(one, float).tobytes() == np.array(other, float).tobytes()
