"""Random histories in every state of the copy: DuckDB gives what PostgreSQL and brute force give. Spark is too slow for so many."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import psycopg
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from fsdb.training import build
from tests.conftest import TestDatabase
from tests.engines.states import STATES, written
from tests.training.oracle import expected, late_values, matched_rows
from tests.training.strategies import MOMENTS, RandomSet, random_sets, spines
from tests.training.test_property import SCHEMA, rounded

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def session(module_database: TestDatabase) -> Iterator[psycopg.Connection]:
    """One connection for all examples."""
    with module_database.connect() as connection:
        yield connection


# Each example writes, syncs and reads on every engine: to shrink a failing one would take minutes.
@settings(
    max_examples=40,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    sets=random_sets(),
    spine=spines(),
    known=st.one_of(st.sampled_from(["now", "then"]), MOMENTS),
    state=st.sampled_from(STATES),
)
def test_engines_give_what_brute_force_finds(
    module_database: TestDatabase,
    session: psycopg.Connection,
    sets: list[RandomSet],
    spine: list[dict[str, Any]],
    known: str | datetime,
    state: str,
) -> None:
    histories = [one.history for one in sets]
    rows = [{name: row[name] for name in SCHEMA.names} for row in spine]
    wanted = rounded(expected(rows, "at", histories, known))
    with written(module_database, session, sets, state) as features:
        table = pa.Table.from_pylist(spine, SCHEMA)
        built = [
            build(session, spine=table, features=features, timestamp="at", known=known, engine=engine)
            for engine in ("postgres", "duckdb")
        ]
    for one in built:
        assert one.to_arrow().to_pylist() == wanted, one.engine
        assert one.to_arrow().schema.equals(built[0].to_arrow().schema, check_metadata=True)
        assert one.content_hash == built[0].content_hash
        assert [found.matched for found in one.coverage] == matched_rows(rows, "at", histories, known)
        if not isinstance(known, datetime):
            assert one.late_values == (late_values(rows, "at", histories) if known == "now" else 0)
