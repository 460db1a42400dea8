"""The Spark engine: stages what only this process can read, finds the versions that hold, leaves the values to whoever asks."""

from typing import Any

from psycopg import Connection

from fsdb.asof import AsOf
from fsdb.engines.protocol import Absence, Result
from fsdb.engines.spark import session


class SparkEngine:
    """Runs point-in-time joins in Spark over the columnar copy's files and the tail."""

    name = "spark"

    def refusal(self, connection: Connection[Any], description: AsOf) -> str | None:
        """None where Spark and Java are there and every set's versions can be had; else what is missing."""
        missing = session.absence()
        if missing is not None:
            return Absence(missing)
        from fsdb.engines.spark import reach

        return reach.refusal(connection, description)

    def run(self, connection: Connection[Any], description: AsOf) -> Result:
        """The description's rows; starts a session where there is none.

        Raises InvalidData for infinite times and NaN in numeric(p, s), CopyBroken for damaged files, EngineUnavailable where Spark fails.
        """
        from fsdb.engines.spark.join import run

        return run(connection, description)

    def started(self) -> bool:
        """Whether a session is running, which else takes seconds to start."""
        return session.started()
