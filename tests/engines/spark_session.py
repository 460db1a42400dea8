"""One Spark session for all tests of a run: starting it takes longer than most of them."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from pyspark.sql import SparkSession

from fsdb.engines.spark import session

# Code that runs once is not worth much compiling.
QUICK = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
# For rows so few that planning, compiling and scheduling are all that they cost: nothing is compiled, and nothing planned twice.
SMALL = {
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.constraintPropagation.enabled": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.shuffle.partitions": "2",
}


@contextmanager
def small() -> Iterator[SparkSession]:
    """A session on this machine for a block, as fsdb starts it, for small data."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(session.VARIABLE, "local[2]")
        patch.setenv("SPARK_SUBMIT_OPTS", QUICK)
        started = session.session()
    for name, value in SMALL.items():
        started.conf.set(name, value)
    yield started
    started.stop()


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkSession]:
    """The session of the tests."""
    with small() as started:
        yield started
