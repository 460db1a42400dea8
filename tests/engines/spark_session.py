"""One Spark session for all tests of a run: starting it takes longer than most of them."""

from collections.abc import Iterator

import pytest
from pyspark.sql import SparkSession

from fsdb.engines.spark import session


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkSession]:
    """A session on this machine, as fsdb starts it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(session.VARIABLE, "local[2]")
        # Code that runs once is not worth much compiling.
        patch.setenv("SPARK_SUBMIT_OPTS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")
        started = session.session()
    started.conf.set("spark.sql.shuffle.partitions", "2")
    yield started
    started.stop()
