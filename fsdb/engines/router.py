"""Which engine runs a point-in-time join."""

from fsdb.engines.postgres import PostgresEngine
from fsdb.engines.protocol import Engine
from fsdb.errors import UnknownName

ENGINES: dict[str, Engine] = {"postgres": PostgresEngine()}


def choose(name: str) -> Engine:
    """The engine of that name; "auto" is the cheapest one that can. Raises UnknownName."""
    if name == "auto":
        return ENGINES["postgres"]
    if name not in ENGINES:
        raise UnknownName(f"There is no engine {name!r}: use 'auto' or {' or '.join(map(repr, ENGINES))}.")
    return ENGINES[name]
