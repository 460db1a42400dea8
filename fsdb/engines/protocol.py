"""What an engine is: something that runs the description of a point-in-time join."""

from dataclasses import dataclass
from typing import Any, Protocol

import pyarrow as pa
from psycopg import Connection

from fsdb.asof import AsOf


@dataclass(frozen=True)
class Result:
    """An engine's answer.

    table: the spine's columns and then the outputs, in the spine's order. late_values: how many feature values came
    from versions that were recorded after their row's own timestamp. plan: how it was computed, for people.
    """

    table: pa.Table
    late_values: int
    plan: str


class Engine(Protocol):
    """Runs a point-in-time join; reads what `connection` sees, the caller's uncommitted changes included."""

    name: str

    def run(self, connection: Connection[Any], description: AsOf) -> Result:
        """The description's rows. Raises InvalidData for what the engine cannot hold."""
