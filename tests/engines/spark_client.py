"""A process of its own that builds training sets in the Spark of $FSDB_SPARK and compares them with brute force.

A process can have but one Spark: python -m tests.engines.spark_client DATABASE_URL FOLDER. The world is there already, in the state "partly".
"""

import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from fsdb.engines.spark.session import session
from tests.conftest import TestDatabase
from tests.engines.world import HOT, HOUR, PAIRS, WEATHER, T, World, check, instants, plain, versions


def main(url: str, folder: str) -> None:
    """Ends with an error where a row differs. Writes the session's class, and how many rows were compared."""
    world = World(TestDatabase(url, ""), versions())
    keys = ["JFK", "LGA", "EWR", "OLD", None, "nobody", "é🎈", "JFK"]
    spine = pa.table(
        {
            "n": range(64),
            "origin": pa.array(keys * 8, pa.string()),
            "a": pa.array([1, 11, 111, None] * 16, pa.int16()),
            "b": pa.array([11, 1, 7, 2**53] * 16, pa.int64()),
            "at": instants(*(T + (n * 37 % 64 - 20) * HOUR for n in range(64))),
        }
    )
    histories = [
        world.history(WEATHER, "temp", "gusts"),
        world.history(PAIRS, "sum", "word"),
        world.history(HOT, "level"),
    ]
    wanted = ["weather.temp", "weather.gusts", "pairs.sum", "pairs.word", "hot.level"]
    with world.database.connect() as connection:
        made = check(connection, "spark", spine, histories, wanted)
        rows = plain(made.to_arrow().to_pylist())
        assert plain(made.to_batches().read_all().to_pylist()) == rows
        assert plain(made.to_spark().toArrow().cast(made.to_arrow().schema).to_pylist()) == rows
        made.to_parquet(Path(folder) / "rows")
        assert plain(pq.read_table(Path(folder) / "rows").cast(made.to_arrow().schema).to_pylist()) == rows
        assert "Physical Plan" in made.plan
        other = check(connection, "postgres", spine, histories, wanted)
        assert plain(other.to_spark().toArrow().cast(made.to_arrow().schema).to_pylist()) == rows
    sys.stdout.write(f"{type(session()).__module__}: {len(rows)} rows\n")
    session().stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
