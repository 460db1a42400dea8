"""The feature sets as the migrations make them, in a database of the tests' own."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

import fsdb

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
from features import customer  # noqa: E402


@pytest.fixture(scope="module")
def store() -> Iterator[fsdb.Store]:
    """A store on a database that the migrations made, gone afterwards."""
    name = f"test_{uuid4().hex[:8]}"
    with fsdb.connect(f"embedded:///{name}", create=True) as store:
        subprocess.run([sys.executable, "-m", "fsdb", "upgrade", "--url", store.url], cwd=ROOT, check=True)
        yield store
    with psycopg.connect(make_conninfo(store.url, dbname="postgres"), autocommit=True) as admin:
        admin.execute(psycopg.sql.SQL("DROP DATABASE {} WITH (FORCE)").format(psycopg.sql.Identifier(name)))


def test_the_migrations_lead_to_the_definitions(store: fsdb.Store) -> None:
    assert not store.plan([customer])


def test_a_training_set_has_the_values_of_each_moment(store: fsdb.Store) -> None:
    for day, orders in ((1, 3), (3, 4)):
        row = f"SELECT 7 AS customer_id, {orders} AS orders, timestamptz '2026-01-0{day}Z' AS event_time"
        store.ingest("customer", row)
    spine = "SELECT 7::bigint AS customer_id, timestamptz '2026-01-02Z' AS at UNION ALL SELECT 7, '2026-01-04Z'"
    rows = store.training_set(spine=spine, features="customer.orders", timestamp="at", known="now").to_arrow()
    found = {row["at"].astimezone(UTC): row["orders"] for row in rows.to_pylist()}
    assert found == {datetime(2026, 1, 2, tzinfo=UTC): 3, datetime(2026, 1, 4, tzinfo=UTC): 4}
