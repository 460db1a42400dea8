"""Each operation takes all its locks on tables that others use in one step, and none that it does not need (see docs/operations.md)."""

import psycopg
import pytest

import fsdb
from fsdb import locks
from tests.locking.operations import OPERATIONS, prepare

ORDER = {"ShareLock": 1, "ShareRowExclusiveLock": 2, "ExclusiveLock": 3, "AccessExclusiveLock": 4}
WRITES = 2  # holds up who writes
ALL = 4  # and who reads
RELATIONS = """
    SELECT oid, oid::regclass::text FROM pg_class
    WHERE relkind IN ('r', 'v') AND relnamespace IN ('public'::regnamespace, 'fsdb_history'::regnamespace)
"""
HELD = "SELECT relation, mode FROM pg_locks WHERE pid = pg_backend_pid() AND granted AND locktype = 'relation'"
# What each operation locks, of what was there before: "w" against writers, "x" against everybody.
EXPECTED = {
    "deploy": {"m": "w"},
    "deploy_null": {"m": "x"},
    "deploy_worker": {"m": "x"},
    "deploy_attached": {"orders_predictions": "x"},
    "rollback": {"m": "w"},
    "canary": {"m": "w"},
    "shadow": {"m": "w"},
    "refresh": {"m": "w", "later": "w", "orders_predictions": "w", "orders": "w", "customer": "w"},
    "apply": {
        "customer": "x",
        "fsdb_history.customer": "x",
        "customer_history": "x",
        "m": "w",
        "later": "w",
        "orders_predictions": "w",
        "orders": "w",
    },
    "track": {"accounts": "w"},
    "repair": {"m": "w", "orders_predictions": "w", "orders": "w", "customer": "w"},
    "undeploy": {"m": "x"},
    "undeploy_attached": {"orders_predictions": "x", "orders": "x", "customer": "x", "orders_scored": "x"},
    "attach": {"baskets": "w", "customer": "w"},
    "attach_columns": {"baskets": "x", "customer": "w"},
    "score": {},
    "ingest": {},
}


def held(connection: psycopg.Connection, among: dict[int, str]) -> dict[str, int]:
    """The strongest lock that this session has on each of some relations, of those that others notice."""
    found: dict[str, int] = {}
    for oid, mode in connection.execute(HELD).fetchall():
        if oid in among and mode in ORDER:
            found[among[oid]] = max(found.get(among[oid], 0), ORDER[mode])
    return found


@pytest.mark.parametrize("name", EXPECTED)
def test_all_at_once(store: fsdb.Store, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare(name, store)
    steps: list[dict[str, int]] = []
    take = locks.take

    def noted(connection: psycopg.Connection, wanted: locks.Locks) -> None:
        assert steps or not held(connection, existing)
        take(connection, wanted)
        steps.append(held(connection, existing))

    monkeypatch.setattr(locks, "take", noted)
    with store.transaction() as connection:
        existing = dict(connection.execute(RELATIONS).fetchall())
        OPERATIONS[name](store)
        end = held(connection, existing)
    meant = {relation: WRITES if how == "w" else ALL for relation, how in EXPECTED[name].items()}
    assert end == meant
    assert not meant or next(step for step in steps if step) == end
