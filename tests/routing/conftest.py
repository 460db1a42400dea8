"""A small feature set, and engines that do as they are told."""

from collections.abc import Iterator

import psycopg
import pyarrow as pa
import pytest

from fsdb import history
from fsdb.definitions import Feature, FeatureSet
from tests.conftest import TestDatabase
from tests.routing.engines import only

__all__ = ["only"]

WEATHER = FeatureSet("weather", {"origin": "text"}, [Feature("temp", "double precision"), Feature("sky", "text")])


@pytest.fixture
def weather(database: TestDatabase) -> Iterator[psycopg.Connection]:
    """A set with three versions of two keys."""
    with database.connect() as connection:
        with connection.transaction():
            history.create(connection, WEATHER)
        connection.execute(
            "INSERT INTO weather VALUES ('JFK', 39.0, 'clear', '2013-01-01 10:00+00'), ('LGA', 40.0, 'rain', '2013-01-01 10:00+00')"
        )
        connection.execute("UPDATE weather SET temp = 41, event_time = '2013-01-01 12:00+00' WHERE origin = 'JFK'")
        yield connection


@pytest.fixture
def asked() -> dict[str, object]:
    """Arguments of a training set over it, of two rows: 39.0 and 41.0."""
    moments = pa.array([1357038000000000, 1357045200000000], pa.timestamp("us", "UTC"))  # 11:00 and 13:00
    spine = pa.table({"origin": ["JFK", "JFK"], "at": moments})
    return {"spine": spine, "features": ["weather.temp"], "timestamp": "at"}
