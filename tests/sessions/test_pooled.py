"""Behind a pooler in transaction mode every call gives the right answer or an error in words, whatever others do there."""

import threading
from collections import Counter
from collections.abc import Iterator

import psycopg
import pytest

import fsdb
from fsdb.session import Session
from tests.conftest import TestDatabase
from tests.sessions.pooler import Pooler, pooling
from tests.sessions.world import calls

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


@pytest.fixture(params=[True, False], ids=["says a process of its own", "says the first session's"])
def pooler(built: TestDatabase, request: pytest.FixtureRequest) -> Iterator[Pooler]:
    with pooling(built.url, says_own=request.param) as running:
        yield running


def poisoned(pooler: Pooler) -> None:
    """Leaves statements under psycopg's own names in every session, as another application would."""
    for _ in range(pooler.sessions):
        with psycopg.connect(pooler.url, autocommit=True) as other:
            other.execute("PREPARE _pg3_0 AS SELECT 99, true, 1, 1")
            other.execute("SELECT 1")


def test_six_threads_read_vectors_of_two_sets(pooler: Pooler) -> None:
    poisoned(pooler)
    seen: Counter[str] = Counter()

    def read(name: str, feature: str, values: dict[int, float]) -> None:
        with fsdb.connect(pooler.url) as store:
            for turn in range(40):
                key = turn % 2 + 1
                try:
                    value = store.feature_vector([f"{name}.{feature}"], {"id": key})[feature]
                    if turn % 4 == 3:
                        with store.transaction():
                            value = store.feature_vector([f"{name}.{feature}"], {"id": key})[feature]
                    seen["right" if value == values[key] else "WRONG"] += 1
                except fsdb.ConnectionFailed as error:
                    seen["told" if "gave this call another client's session" in str(error) else str(error)] += 1
                except BaseException as error:
                    seen[repr(error)] += 1

    account, city = ("account", "balance", {1: 10, 2: 20}), ("city", "size", {1: 1.5, 2: 2.5})
    threads = [threading.Thread(target=read, args=given) for given in (account, city) * 3]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(seen) <= {"right", "told"}
    assert seen["right"] + seen["told"] == 240
    assert seen["told"] <= (0 if pooler.says_own else 6)  # once a store at most: from then on it prepares nothing


@pytest.mark.slow
def test_every_call_that_reads(pooler: Pooler, built: TestDatabase) -> None:
    poisoned(pooler)
    told = 0
    with fsdb.connect(built.url) as direct, fsdb.connect(pooler.url) as pooled:
        for (name, call), whole in zip(calls(pooled).items(), calls(direct).values(), strict=True):
            expected = whole()
            for _ in range(2):
                try:
                    answer = call()
                except fsdb.ConnectionFailed:
                    told += 1
                else:
                    assert answer == expected, name
    assert told <= (0 if pooler.says_own else 1)


def test_what_is_written_is_there(pooler: Pooler, built: TestDatabase) -> None:
    poisoned(pooler)
    with fsdb.connect(pooler.url) as store:
        for turn in range(8):
            with store.transaction() as connection:
                row = connection.execute("UPDATE labels SET truth = NOT truth WHERE id = 1 RETURNING truth").fetchone()
            with built.connect() as direct:
                assert direct.execute("SELECT truth FROM labels WHERE id = 1").fetchone() == row, turn


def test_a_pooler_that_says_so_is_seen_at_once(built: TestDatabase) -> None:
    with pooling(built.url, says_own=True) as pooler, Session.connect(pooler.url) as connection:
        assert connection.shared
        assert connection.prepare_threshold is None
    with Session.connect(built.url) as connection:
        assert not connection.shared


def test_a_name_of_a_statement_is_nobody_elses(built: TestDatabase) -> None:
    names = set()
    for _ in range(2):
        with Session.connect(built.url) as connection:
            connection.execute("SELECT 1", prepare=True)
            names |= {name for (name,) in connection.execute("SELECT name FROM pg_prepared_statements").fetchall()}
    assert len(names) == 2


LEFT = {
    "temporary tables": "SELECT relname::text FROM pg_class WHERE relnamespace = pg_my_temp_schema()",
    "temporary functions": "SELECT proname::text FROM pg_proc WHERE pronamespace = pg_my_temp_schema()",
    "locks": "SELECT locktype FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'advisory'",
    "channels": "SELECT pg_listening_channels()",
    "settings": "SELECT name FROM pg_settings WHERE source = 'session'",
    "cursors": "SELECT name FROM pg_cursors WHERE statement NOT LIKE '%pg_cursors%'",
    "statements": r"SELECT name FROM pg_prepared_statements WHERE name NOT LIKE 'fsdb\_%'",
}


def test_nothing_of_a_call_stays_in_its_session(built: TestDatabase) -> None:
    """A pooler would hand it to the next one."""
    with fsdb.connect(built.url) as store:
        for name, call in calls(store).items():
            call()
            with store.transaction() as connection:
                found = {what: connection.execute(text).fetchall() for what, text in LEFT.items()}
            assert {what: rows for what, rows in found.items() if rows} == {}, name
