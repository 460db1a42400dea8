"""store.feature_vectors gives the keys back beside the features, and takes frames."""

from datetime import UTC, date, datetime
from uuid import UUID

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import fsdb
from fsdb.errors import InvalidArgument, InvalidData, UnknownName
from tests.conftest import TestDatabase

KEYS = {
    "n": ("bigint", 7),
    "t": ("text", "a"),
    "u": ("uuid", UUID(int=5)),
    "d": ("date", date(2024, 1, 2)),
    "b": ("boolean", True),
    "m": ("timestamp with time zone", datetime(2024, 1, 2, 3, tzinfo=UTC)),
}


@pytest.fixture(scope="module")
def store(module_database: TestDatabase):
    with fsdb.connect(module_database.url) as store:
        customer = fsdb.FeatureSet(
            "customer", keys={"id": "bigint"}, features=[fsdb.Feature("orders", "integer"), fsdb.Feature("c", "real")]
        )
        shop = fsdb.FeatureSet("shop", keys={"shop": "text"}, features=[fsdb.Feature("id", "bigint")])
        typed = fsdb.FeatureSet("typed", {k: v[0] for k, v in KEYS.items()}, [fsdb.Feature("x", "integer")])
        store.apply([customer, shop, typed])
        store.ingest("customer", "SELECT i AS id, i::int * 10 AS orders FROM generate_series(1, 3) AS i")
        store.ingest("shop", "SELECT 'a' AS shop, 99 AS id")
        yield store


def test_frames_and_mappings_give_the_same(store: fsdb.Store) -> None:
    rows = [{"id": 3}, {"id": 9}, {"id": 3}, {"id": 1}]
    expected = {
        "id": [3, 9, 3, 1],
        "orders": [30, None, 30, 10],
        "c": [None] * 4,
        "found": [True, False, True, True],
    }
    column = [row["id"] for row in rows]
    frames = [rows, tuple(rows), pd.DataFrame(rows), pl.DataFrame(rows), pa.table({"id": column})]
    for keys in [*frames, pd.DataFrame({"id": pd.array(column, "Int64")})]:
        table = store.feature_vectors("customer.*", keys)
        assert table.to_pydict() == expected
        assert table.column_names == list(expected)
    assert store.feature_vectors(["customer.orders"], pd.DataFrame({"id": pd.array([], "int64")})).num_rows == 0


def test_a_key_with_a_feature_s_name(store: fsdb.Store) -> None:
    table = store.feature_vectors(["customer.orders", "shop.id"], pd.DataFrame({"id": [2], "shop": ["a"]}))
    assert table.to_pylist() == [{"customer__id": 2, "shop": "a", "orders": 20, "id": 99, "found": True}]


def test_keys_of_every_type(store: fsdb.Store) -> None:
    given = {name: value for name, (_, value) in KEYS.items()}
    store.ingest("typed", pa.Table.from_pylist([{**given, "u": str(given["u"]), "x": 1}]))
    for keys in ([given], pd.DataFrame([given]), pa.Table.from_pylist([{**given, "u": str(given["u"])}])):
        (row,) = store.feature_vectors("typed.x", keys).to_pylist()
        assert row == {**given, "u": str(given["u"]), "x": 1, "found": True}


def test_what_holds_no_keys(store: fsdb.Store) -> None:
    for wrong in ({"id": 1}, "1", [1, 2], 3, None):
        with pytest.raises(InvalidArgument, match="give a list with a mapping for each entity"):
            store.feature_vectors("customer.orders", wrong)
    with pytest.raises(UnknownName, match="'name' is not a key of customer"):
        store.feature_vectors("customer.orders", pd.DataFrame({"id": [1], "name": ["a"]}))
    with pytest.raises(InvalidData, match="Entity 1: Key 'id' of customer has no value"):
        store.feature_vectors("customer.orders", pd.DataFrame({"id": pd.array([1, None], "Int64")}))
