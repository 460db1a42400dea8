"""Training views of more columns than a view of PostgreSQL has: registered, read from Python, without SQL objects."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

import fsdb
from fsdb.definitions import Feature, FeatureSet, TrainingView
from fsdb.store import Store
from tests.conftest import TestDatabase

T = datetime(2024, 1, 1, tzinfo=UTC)
SETS = FeatureSet.split("wide", {"id": "bigint"}, [Feature(f"f{n}", "smallint") for n in range(1700)])
EVERY = [reference for one in SETS for reference in one.references]
SPINE = "SELECT 1::bigint AS id, '2024-01-02 00:00+00'::timestamptz AS at"


@pytest.fixture(scope="module")
def store(module_database: TestDatabase) -> Iterator[Store]:
    with fsdb.connect(module_database.url) as store:
        store.apply(SETS)
        with store.transaction() as connection:
            connection.execute("INSERT INTO wide_1 (id, f7, event_time) VALUES (1, 7, %s)", [T])
            connection.execute("INSERT INTO wide_2 (id, f1699, event_time) VALUES (1, 9, %s)", [T])
        yield store


def objects(store: Store) -> tuple[bool, bool]:
    """Whether the SQL view and the vector function are there."""
    with store.transaction() as connection:
        row = connection.execute(
            "SELECT to_regclass('v_training') IS NOT NULL, EXISTS (SELECT FROM pg_proc WHERE proname = 'v_vector')"
        ).fetchone()
    assert row is not None
    view, function = row
    return view, function


@pytest.mark.filterwarnings("ignore::fsdb.LateValues")
def test_a_view_becomes_too_wide_for_sql_and_narrow_again(store: Store) -> None:
    store.apply([TrainingView("v", SPINE, "at", EVERY[:1598])])
    assert objects(store) == (True, True)
    store.apply([TrainingView("v", SPINE, "at", EVERY[:1599])])
    assert objects(store) == (False, False)
    store.apply([TrainingView("v", SPINE, "at", EVERY)])
    table = store.training_set("v").to_arrow()
    assert (table.num_columns, table["f7"].to_pylist(), table["f1699"].to_pylist()) == (1702, [7], [9])
    (part,) = [part for part in store.status().parts if part.kind == "training view"]
    assert (part.name, part.note, part.installed) == ("v", "too wide for SQL", "")
    assert not store.plan([TrainingView("v", SPINE, "at", EVERY)])
    store.apply([TrainingView("v", SPINE, "at", EVERY[:3])])
    assert objects(store) == (True, True)
