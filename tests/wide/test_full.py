"""20,000 features: registered, taken in, joined into one training set, saved, built again, and served as one vector."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

import fsdb
from fsdb.definitions import Feature, FeatureSet
from tests.conftest import TestDatabase

FEATURES, ENTITIES, ROWS = 20_000, 40, 100
T = datetime(2024, 1, 1, tzinfo=UTC)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::fsdb.LateValues")
def test_twenty_thousand_features(database: TestDatabase) -> None:
    sets = FeatureSet.split("wide", {"id": "bigint"}, [Feature(f"f{n}", "double precision") for n in range(FEATURES)])
    every = [reference for one in sets for reference in one.references]
    chance = np.random.default_rng(0)
    values = chance.random((FEATURES, ENTITIES))
    missing = chance.random((FEATURES, ENTITIES)) < 0.01
    moments = pa.array([T] * ENTITIES, pa.timestamp("us", "UTC"))
    columns = {f"f{n}": pa.array(values[n], mask=missing[n]) for n in range(FEATURES)}
    with fsdb.connect(database.url) as store:
        assert len(store.apply(sets).changes) == len(sets)
        assert not store.plan(sets)
        taken = store.ingest(sets, pa.table({"id": np.arange(ENTITIES), "event_time": moments, **columns}))
        assert taken.inserted == ENTITIES * len(sets)
        entities = chance.integers(0, ENTITIES + 1, ROWS)  # one of them is unknown
        spine = pa.table({"id": entities, "at": pa.array([T + timedelta(days=1)] * ROWS, pa.timestamp("us", "UTC"))})
        built = store.training_set(spine=spine, features=every, timestamp="at", engine="postgres")
        table = built.to_arrow()
        assert table.column_names == ["id", "at", *columns]
        absent = np.concatenate([missing, np.ones((FEATURES, 1), bool)], axis=1)
        padded = np.concatenate([values, np.zeros((FEATURES, 1))], axis=1)
        for n, column in enumerate(table.columns[2:]):
            assert column.equals(pa.chunked_array([pa.array(padded[n, entities], mask=absent[n, entities])]))
        saved = built.save("wide")
        assert saved.verify(engine="postgres") == built.content_hash
        vector = store.feature_vector(every, {"id": 7})
        wanted = [None if absent[n, 7] else values[n, 7] for n in range(FEATURES)]
        assert vector == {**dict(zip(columns, wanted, strict=True)), "found": True}
        assert len(store.search("f19999")) == 1
