"""Which engine runs a point-in-time join."""

from dataclasses import dataclass
from typing import Any

from psycopg import Connection

from fsdb.asof import AsOf
from fsdb.engines.postgres import PostgresEngine
from fsdb.engines.protocol import Engine, Result
from fsdb.errors import UnknownName

ENGINES: dict[str, Engine] = {"postgres": PostgresEngine()}


@dataclass(frozen=True)
class Answer:
    """A result, and the engine that gave it."""

    engine: str
    result: Result


def check(name: str) -> None:
    """Raises UnknownName where there is no such engine."""
    if name != "auto" and name not in ENGINES:
        raise UnknownName(f"There is no engine {name!r}: use 'auto' or {' or '.join(map(repr, ENGINES))}.")


def run(connection: Connection[Any], description: AsOf, name: str = "auto") -> Answer:
    """Runs a point-in-time join on the engine of that name; "auto" is the cheapest that gives the exact answer."""
    check(name)
    engine = ENGINES["postgres" if name == "auto" else name]
    return Answer(engine.name, engine.run(connection, description))
