"""Batch sets with a clock that tests set."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa

import fsdb
from fsdb import clock
from tests.conftest import TestDatabase

QUERY = "SELECT m, sum(amount) AS total, count(*) AS n FROM pay WHERE at > :since AND at <= :until GROUP BY m"
FEATURES = [fsdb.Feature("total", sa.Numeric), fsdb.Feature("n", sa.BigInteger)]


class Clock:
    """The moment that it is for schedules."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 10, 12, tzinfo=UTC)

    def at(self, text: str) -> None:
        """Sets it, in UTC."""
        self.now = datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.fixture
def hands(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of schedules, at noon of 10 March 2026."""
    found = Clock()
    monkeypatch.setattr(clock, "now", lambda _connection: found.now)
    return found


@pytest.fixture
def shop(database: TestDatabase) -> Iterator[fsdb.Store]:
    """A store with payments: of merchants 1 and 2, at each hour of 5 to 15 March 2026, of as many cents as hours have passed."""
    with fsdb.connect(database.url) as store:
        with store.transaction() as connection:
            connection.execute("CREATE TABLE pay (m bigint, amount numeric, at timestamptz)")
            connection.execute(
                "INSERT INTO pay SELECT 1 + h % 2, h, timestamptz '2026-03-05 00:00+00' + h * interval '1 hour' FROM generate_series(0, 263) h"
            )
        yield store


@pytest.fixture
def batch() -> Callable[..., fsdb.BatchSet]:
    """A batch set of payments a merchant, each night at three."""

    def made(name: str = "daily", **changed: Any) -> fsdb.BatchSet:
        given: dict[str, Any] = {
            "keys": {"m": sa.BigInteger},
            "features": FEATURES,
            "query": QUERY,
            "schedule": "0 3 * * *",
        }
        return fsdb.BatchSet(name, **{**given, **changed})

    return made


@pytest.fixture(scope="module")
def module_shop(module_database: TestDatabase) -> Iterator[fsdb.Store]:
    """A store with a table of payments, shared by the tests of a module, which leave nothing."""
    with fsdb.connect(module_database.url) as store:
        with store.transaction() as connection:
            connection.execute("CREATE TABLE pay (m bigint, amount numeric, at timestamptz); CREATE SEQUENCE s")
            connection.execute("CREATE VIEW late AS SELECT * FROM pay WHERE at > now()")
        yield store
