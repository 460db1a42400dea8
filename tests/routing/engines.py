"""Engines that do as a test says."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from fsdb.asof import AsOf
from fsdb.engines import costs
from fsdb.engines.costs import Unit
from fsdb.engines.postgres import PostgresEngine
from fsdb.engines.protocol import Result
from fsdb.engines.router import ENGINES

Act = Callable[[psycopg.Connection[Any]], None]


class Fake:
    """Gives PostgreSQL's answer, unless it refuses or `act` raises first. It notes what it was asked."""

    def __init__(self, name: str, refusal: str | Exception | None = None, act: Act | None = None) -> None:
        self.name = name
        self.asked: list[str] = []
        self._refusal = refusal
        self._act = act

    def refusal(self, connection: psycopg.Connection[Any], description: AsOf) -> str | None:  # noqa: ARG002
        self.asked.append("refusal")
        if isinstance(self._refusal, Exception):
            raise self._refusal
        return self._refusal

    def run(self, connection: psycopg.Connection[Any], description: AsOf) -> Result:
        self.asked.append("run")
        if self._act is not None:
            self._act(connection)
        return PostgresEngine().run(connection, description)


@pytest.fixture
def only(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Replaces all engines by these, each with the seconds that the router is to expect of it (None: unknown)."""

    def replace(*engines: tuple[Fake, float | None]) -> None:
        for name in list(ENGINES):
            monkeypatch.delitem(ENGINES, name)
        for engine, seconds in engines:
            monkeypatch.setitem(ENGINES, engine.name, engine)
            if seconds is not None:
                monkeypatch.setitem(costs.UNITS, engine.name, (Unit("run", seconds, "a run"),))
                monkeypatch.setitem(costs.AMOUNTS, engine.name, lambda _work, _started: {"run": 1})

    return replace


def raising(error: Exception) -> Act:
    """An act that fails."""

    def act(connection: psycopg.Connection[Any]) -> None:
        raise error

    return act
