"""What is missing for Spark is said in a sentence, at once, and another engine answers."""

from datetime import UTC, datetime

import psycopg
import pyarrow as pa
import pytest

from fsdb import history
from fsdb.definitions import Feature, FeatureSet
from fsdb.engines import router
from fsdb.engines.spark import session
from fsdb.engines.spark.failures import sentence
from fsdb.engines.spark.staging import literally
from fsdb.errors import EnginePassedOver, EngineUnavailable
from fsdb.training import build
from tests.training.made import made_set

T = datetime(2020, 1, 1, tzinfo=UTC)
SPINE = pa.table({"k": pa.array([1], pa.int64()), "at": pa.array([T], pa.timestamp("us", "UTC"))})


@pytest.fixture(autouse=True)
def no_session(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if no test had started one."""
    monkeypatch.setattr(session, "_running", lambda: None)
    monkeypatch.delenv(session.VARIABLE, raising=False)


@pytest.fixture
def readings(connection: psycopg.Connection) -> psycopg.Connection:
    """A set with one value."""
    with connection.transaction():
        history.create(connection, FeatureSet("readings", {"k": "bigint"}, [Feature("x", "integer")]))
    connection.execute("INSERT INTO readings VALUES (1, 7, %s)", [T])
    return connection


@pytest.mark.parametrize(
    "target", ["spark://localhost:1", "spark://localhost:1,localhost:2", "sc://localhost:1/;token=x"]
)
def test_nothing_listens(readings: psycopg.Connection, monkeypatch: pytest.MonkeyPatch, target: str) -> None:
    monkeypatch.setenv(session.VARIABLE, target)
    with pytest.raises(EngineUnavailable, match=f"Nothing answers at '{target}', where .FSDB_SPARK says"):
        build(readings, spine=SPINE, features=["readings.x"], timestamp="at", engine="spark")


@pytest.mark.parametrize("target", ["here", "spark:/localhost", "spark://localhost:port"])
def test_no_address(monkeypatch: pytest.MonkeyPatch, target: str) -> None:
    monkeypatch.setenv(session.VARIABLE, target)
    with pytest.raises(EngineUnavailable, match=f"FSDB_SPARK is '{target}', which"):
        session.session()


def test_without_pyspark_or_java_another_engine_answers(
    readings: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(router.costs, "estimate", lambda name, *_: 0.0 if name == "spark" else 1.0)
    monkeypatch.setattr(session.java, "home", lambda: None)
    with pytest.warns(EnginePassedOver, match="Spark needs Java 17"):
        given = build(readings, spine=SPINE, features=["readings.x"], timestamp="at")
    assert given.to_arrow()["x"].to_pylist() == [7]
    monkeypatch.setattr(session.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(EngineUnavailable, match=r"pyspark is not installed: pip install 'fsdb-postgres\[spark\]'"):
        given.to_spark()


def test_a_copy_that_is_gone_while_versions_have_left(readings: psycopg.Connection) -> None:
    readings.execute("UPDATE fsdb.feature_sets SET reach = %s", [T])
    with pytest.raises(
        EngineUnavailable, match=r"Versions of readings before .* have left PostgreSQL, and there is no columnar copy"
    ):
        build(readings, spine=SPINE, features=["readings.x"], timestamp="at", engine="spark")


def test_a_key_that_spark_would_compare_otherwise(connection: psycopg.Connection) -> None:
    made_set(connection, FeatureSet("readings", {"k": "text"}, [Feature("x", "integer")]))
    connection.execute('CREATE COLLATION loose FROM "C"')
    connection.execute("ALTER TABLE fsdb_history.readings ALTER k TYPE text COLLATE loose")
    # Not every server is built with ICU, which alone has such collations.
    connection.execute("UPDATE pg_catalog.pg_collation SET collisdeterministic = false WHERE collname = 'loose'")
    spine = SPINE.set_column(0, "k", pa.array(["a"]))
    with pytest.raises(EngineUnavailable, match="Key 'k' of readings has a nondeterministic collation"):
        build(connection, spine=spine, features=["readings.x"], timestamp="at", engine="spark")


def test_what_java_says_in_one_line() -> None:
    report = """An error occurred while calling o157.getResult.
: org.apache.spark.SparkException: Exception thrown in awaitResult:
\tat org.apache.spark.util.SparkThreadUtils$.awaitResult(SparkThreadUtils.scala:70)
Caused by: org.apache.spark.SparkException: [FAILED_READ_FILE.NO_HINT] Encountered an error.  SQLSTATE: KD001
\t... 27 more
Caused by: java.lang.RuntimeException: file:/x.parquet is not a Parquet file.
\tat org.apache.parquet.hadoop.ParquetFileReader.readFooter(ParquetFileReader.java:622)"""
    assert sentence(report) == "file:/x.parquet is not a Parquet file"
    assert sentence("[PATH_NOT_FOUND] Path does not exist: file:/x.") == "[PATH_NOT_FOUND] Path does not exist: file:/x"


def test_paths_are_taken_literally() -> None:
    assert literally("/a b/[x]{y}*?.parquet") == r"file:///a b/\[x\]\{y\}\*\?.parquet"
    assert literally("s3://bucket/x.parquet") == "s3a://bucket/x.parquet"
