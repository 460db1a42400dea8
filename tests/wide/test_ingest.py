"""One frame into several sets: each takes its own columns, all of them or none."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import fsdb
from fsdb.definitions import Feature, FeatureSet
from fsdb.errors import InvalidData, UnknownName
from fsdb.ingest import IngestResult
from fsdb.store import Store
from tests.conftest import TestDatabase

T = datetime(2024, 1, 1, tzinfo=UTC)
SETS = [
    FeatureSet("one", {"id": "bigint"}, [Feature("a", "double precision"), Feature("note", "jsonb")]),
    FeatureSet("two", {"id": "bigint"}, [Feature("b", "text"), Feature("a", "real")]),
    FeatureSet("three", {"id": "bigint"}, [Feature("c", "integer")]),
]
ROWS = {
    "id": [1, 2],
    "a": [0.5, None],
    "b": ["x", "y"],
    "note": ['{"n": 1}', "[]"],
    "event_time": [T, T + timedelta(hours=1)],
}
TIME = pa.timestamp("us", "UTC")
COLUMNS = {"id": pa.int64(), "a": pa.float64(), "b": pa.string(), "note": pa.string(), "event_time": TIME}
TABLE = pa.table(ROWS, pa.schema(COLUMNS.items()))


@pytest.fixture
def store(database: TestDatabase) -> Iterator[Store]:
    with fsdb.connect(database.url) as store:
        store.apply(SETS)
        yield store


def parquet(folder: Path) -> str:
    pq.write_table(TABLE, folder / "rows.parquet")
    return str(folder / "rows.parquet")


QUERY = """SELECT id, a, b, note::jsonb, event_time::timestamptz FROM (VALUES (1, 0.5, 'x', '{"n": 1}', '2024-01-01 00:00+00'),
    (2, NULL, 'y', '[]', '2024-01-01 01:00+00')) AS given (id, a, b, note, event_time);"""
KINDS: dict[str, Callable[[Path], Any]] = {
    "arrow": lambda _folder: TABLE,
    "reader": lambda _folder: TABLE.to_reader(),
    "pandas": lambda _folder: pd.DataFrame({**ROWS, "note": [{"n": 1}, []]}),
    "polars": lambda _folder: pl.from_arrow(TABLE),
    "parquet": parquet,
    "path": lambda folder: Path(parquet(folder)),
    "query": lambda _folder: QUERY,
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_set_takes_its_columns(store: Store, tmp_path: Path, kind: str) -> None:
    sent: list[int] = []
    result = store.ingest(["one", SETS[1], "three"], KINDS[kind](tmp_path), progress=sent.append)
    assert result == IngestResult(4, 0, 0, 0)
    with store.transaction() as connection:
        assert connection.execute("SELECT id, a, note, event_time FROM one ORDER BY id").fetchall() == [
            (1, 0.5, {"n": 1}, T),
            (2, None, [], T + timedelta(hours=1)),
        ]
        assert connection.execute("SELECT id, b, a FROM two ORDER BY id").fetchall() == [(1, "x", 0.5), (2, "y", None)]
        assert connection.execute("SELECT count(*) FROM three").fetchone() == (0,)
    assert sent == ([] if kind == "query" else [2, 2])
    assert store.ingest(SETS[:2], KINDS[kind](tmp_path)) == IngestResult(0, 0, 0, 4)


def test_a_named_event_time(store: Store) -> None:
    table = TABLE.rename_columns({"event_time": "seen"})
    assert store.ingest(SETS, table, event_time="seen").inserted == 4
    assert store.ingest(SETS, table.set_column(1, "a", pa.array([1.0, 2.0])), event_time="seen").updated == 4


@pytest.mark.parametrize(
    ("sets", "data", "error", "message"),
    [
        (SETS, TABLE.append_column("d", pa.array([1, 2])), UnknownName, "None of one, three, two has 'd'"),
        (SETS, TABLE.drop_columns("id"), InvalidData, "no column for the key 'id' of one"),
        (SETS[2:], TABLE.select(["id", "event_time"]), InvalidData, "The data has no feature of three"),
        (SETS, pa.table([TABLE["id"], TABLE["a"], TABLE["a"]], ["id", "a", "a"]), InvalidData, "two columns named 'a'"),
        (["one", "four"], TABLE, UnknownName, "no feature set 'four'"),
        (SETS, "nowhere.parquet", InvalidData, "there are none: check the path"),
    ],
)
def test_what_is_refused_leaves_nothing(
    store: Store, sets: Any, data: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        store.ingest(sets, data)
    with store.transaction() as connection:
        assert connection.execute("SELECT count(*) FROM one").fetchone() == (0,)


def test_all_sets_or_none(store: Store) -> None:
    """The second set does not take its column: the first is as it was."""
    bad = TABLE.set_column(2, "b", pa.array([1, 2]))
    with pytest.raises(InvalidData, match="'b' of the data is of type bigint"):
        store.ingest(SETS, bad)
    with store.transaction() as connection:
        assert connection.execute("SELECT count(*) FROM one").fetchone() == (0,)
