"""Each operation takes all its locks on tables that others use in one step, and none that it does not need (see docs/operations.md)."""

import psycopg
import pytest

import fsdb
from fsdb import locks
from tests.locking.operations import OPERATIONS, prepare

ORDER = {"ShareLock": 1, "ShareRowExclusiveLock": 2, "ExclusiveLock": 3, "AccessExclusiveLock": 4}
WRITES = 2  # holds up who writes
ALL = 4  # and who reads
HELD = """
    SELECT n.nspname || '.' || c.relname, l.mode
    FROM pg_locks l JOIN pg_class c ON c.oid = l.relation JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE l.pid = pg_backend_pid() AND l.granted AND c.relkind IN ('r', 'v') AND n.nspname IN ('public', 'fsdb_history')
"""
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


def held(connection: psycopg.Connection) -> dict[str, int]:
    """The strongest lock that this session has on each relation, of those that others notice."""
    found: dict[str, int] = {}
    for name, mode in connection.execute(HELD).fetchall():
        if mode in ORDER:
            short = name.removeprefix("public.")
            found[short] = max(found.get(short, 0), ORDER[mode])
    return found


@pytest.mark.parametrize("name", EXPECTED)
def test_all_at_once(store: fsdb.Store, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare(name, store)
    steps: list[dict[str, int]] = []
    take = locks.take

    def noted(connection: psycopg.Connection, wanted: locks.Locks) -> None:
        assert steps or not held(connection).keys() & existing
        take(connection, wanted)
        steps.append({name: mode for name, mode in held(connection).items() if name in existing})

    monkeypatch.setattr(locks, "take", noted)
    with store.transaction() as connection:
        rows = connection.execute("SELECT oid::regclass::text FROM pg_class WHERE relkind IN ('r', 'v')").fetchall()
        existing = {relation for (relation,) in rows}
        OPERATIONS[name](store)
        end = {name: mode for name, mode in held(connection).items() if name in existing}
    meant = {relation: WRITES if how == "w" else ALL for relation, how in EXPECTED[name].items()}
    assert end == meant
    assert not meant or next(step for step in steps if step) == end
