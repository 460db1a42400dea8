"""Many features in as many sets as they take, each of which holds a row of any values."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
import sqlalchemy as sa

import fsdb
from fsdb.definitions import MOST_FEATURES, Feature, FeatureSet
from fsdb.errors import InvalidDefinition
from tests.conftest import TestDatabase

T = datetime(2024, 1, 1, tzinfo=UTC)


def doubles(count: int) -> list[Feature]:
    return [Feature(f"f{number}", sa.Double) for number in range(count)]


def test_every_feature_once_in_order_with_the_sets_attributes() -> None:
    features = doubles(20_000)
    sets = FeatureSet.split("wide", {"id": sa.BigInteger}, features, max_age="6 hours", owner="ada", tags=["x"])
    assert [s.name for s in sets] == [f"wide_{number}" for number in range(1, 22)]
    assert [feature for s in sets for feature in s.features] == features
    assert {(s.sql_keys["id"], s.max_age, s.owner, s.tags) for s in sets} == {
        ("bigint", sets[0].max_age, "ada", ("x",))
    }
    assert [len(s.features) for s in sets] == [*[995] * 20, 100]
    assert sets[1].references[0] == "wide_2.f995"


def test_features_keep_their_sets_when_others_are_added_at_the_end() -> None:
    before, after = (FeatureSet.split("wide", {"id": sa.Text}, doubles(count)) for count in (1500, 3000))
    assert after[0] == before[0]
    assert set(before[1].features) < set(after[1].features)


def test_a_set_has_no_more_features_than_a_table_columns() -> None:
    sets = FeatureSet.split("few", {"a": sa.Date, "b": sa.Text}, doubles(3))
    assert [(s.name, len(s.features)) for s in sets] == [("few_1", 3)]
    assert max(len(s.features) for s in FeatureSet.split("b", {"k": sa.Text}, doubles(5000))) < MOST_FEATURES


@pytest.mark.parametrize(
    ("features", "message"),
    [
        ([], "no features"),
        ([*doubles(1200), Feature("f0", sa.Text)], "'f0' appears twice in wide"),
        ([Feature("id", sa.Text)], "'id' appears twice in wide_1"),
    ],
)
def test_what_cannot_be_split(features: Sequence[Feature], message: str) -> None:
    with pytest.raises(InvalidDefinition, match=message):
        FeatureSet.split("wide", {"id": sa.BigInteger}, features)


KINDS: dict[str, tuple[str, pa.DataType, Any]] = {
    "double": ("double precision", pa.float64(), 0.5),
    "integer": ("integer", pa.int64(), 7),
    "flag": ("boolean", pa.bool_(), True),
    "moment": ("timestamp with time zone", pa.timestamp("us", "UTC"), T),
    "text": ("text", pa.string(), "twenty-three characters"),
    "long": ("text", pa.string(), "x" * 2500),
    "digits": ("numeric", pa.decimal128(38, 10), Decimal("-1234567890123456789012345678.0123456789")),
    "list": ("real[]", pa.list_(pa.float32()), [1.0]),
    "uuid": ("uuid", pa.string(), "8a5e4b2c-1d3f-4a6b-9c8d-7e6f5a4b3c2d"),
}


MIXED = ["integer", "text", "flag", "uuid", "double", "list"]


@pytest.mark.parametrize(
    ("kinds", "key"), [*(([kind], "bigint") for kind in KINDS), (["double"], "text"), (MIXED, "text")]
)
def test_the_widest_rows_fit(database: TestDatabase, kinds: list[str], key: str) -> None:
    """A row of the longest values, and one with a NULL, which adds a bit for each column, into the fullest set."""
    chosen = [KINDS[kinds[number % len(kinds)]] for number in range(1600)]
    features = [Feature(f"f{number}", kind) for number, (kind, _, _) in enumerate(chosen)]
    first, *_ = FeatureSet.split("wide", {"id": key}, features)
    keys = pa.array([1, 2]) if key == "bigint" else pa.array(["a" * 100, "b" * 100])
    columns = {"id": keys, "event_time": pa.array([T, T], pa.timestamp("us", "UTC"))}
    for feature, (_, kind, value) in zip(first.features, chosen, strict=False):
        columns[feature.name] = pa.array([value, value], kind)
    columns["f0"] = pa.array([columns["f0"][0].as_py(), None], columns["f0"].type)
    store = fsdb.connect(database.url)
    store.apply([first])
    assert store.ingest(first, pa.table(columns)).inserted == 2
    store.close()
