"""Copies in an S3 bucket: written, read, kept in order and repaired as those in a folder are."""

import re
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from psycopg.sql import SQL, Identifier
from pyspark.sql import SparkSession

import fsdb
from fsdb import columnar, history
from fsdb.catalog.feature_sets import get_set
from fsdb.columnar import check_files, read_copy, sync
from fsdb.columnar.health import copy_problems
from fsdb.columnar.reading import forget
from fsdb.errors import CopyBroken, EngineUnavailable, FsdbError
from fsdb.retention import retain
from tests.columnar.made import simple_set, write
from tests.columnar.s3 import ACCESS_KEY, S3, serving
from tests.conftest import TestDatabase
from tests.engines.spark_session import spark  # noqa: F401 - a fixture
from tests.retention.past import Past, ago

BUCKET = "s3://lake/some where"
NOW = timedelta(0)
SPINE = "SELECT k, now() AS at FROM generate_series(0::bigint, 40) k"


@pytest.fixture(scope="session")
def server() -> Iterator[S3]:
    """An S3 server on this machine."""
    with serving() as found:
        yield found


@pytest.fixture
def s3(server: S3, monkeypatch: pytest.MonkeyPatch) -> S3:
    """The server, empty, as the environment's endpoint, and the warehouse on it."""
    server.objects.clear()
    for name in ("AWS_ENDPOINT_URL_S3", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("FSDB_WAREHOUSE", BUCKET)
    forget()
    return server


def parquet_files(s3: S3) -> set[str]:
    return s3.keys(BUCKET, ".parquet")


def current(connection: psycopg.Connection) -> columnar.Copy:
    copy = read_copy(connection, "readings")
    assert copy is not None
    return copy


def joined(database: TestDatabase, engine: str) -> list[dict[str, Any]]:
    with fsdb.connect(database.url) as store:
        made = store.training_set(spine=SPINE, features=["readings.x"], timestamp="at", engine=engine)
        rows: list[dict[str, Any]] = made.to_arrow().select(["k", "x"]).to_pylist()
        return rows


def test_written_read_and_kept_in_order(database: TestDatabase, connection: psycopg.Connection, s3: S3) -> None:
    simple_set(connection)
    for number in range(3):
        write(connection, 20, first=10 * number)
        sync(database.url)
    assert parquet_files(s3) == {file.path for file in current(connection).files}
    write(connection, 5)  # the tail
    expected = joined(database, "postgres")
    assert joined(database, "duckdb") == expected
    assert {row["x"] is None for row in expected} == {True, False}

    columnar.compact(database.url)
    (compacted,) = current(connection).files
    assert len(parquet_files(s3)) == 4
    check_files(current(connection))
    assert copy_problems(connection) == []
    assert columnar.expire(database.url) == 0
    s3.objects["lake/mine.parquet"] = s3.objects[compacted.path.removeprefix("s3://")]
    s3.objects[compacted.path.removeprefix("s3://").replace(".parquet", "-stray.parquet")] = replace(
        s3.objects["lake/mine.parquet"], data=b"of a sync that died"
    )
    assert columnar.expire(database.url, NOW) > 4
    assert parquet_files(s3) == {compacted.path}
    assert "lake/mine.parquet" in s3.objects
    assert joined(database, "duckdb") == expected

    columnar.rebuild(database.url, "readings")
    assert compacted.path not in {file.path for file in current(connection).files}
    assert joined(database, "duckdb") == expected
    history.drop(connection, get_set(connection, "readings"))
    columnar.expire(database.url, NOW)
    assert [key.rpartition("/")[2].partition("-")[0] for key in s3.keys(BUCKET)] == ["claim"]


def test_large_files_go_in_parts(database: TestDatabase, connection: psycopg.Connection, s3: S3) -> None:
    names = [f"x{n}" for n in range(30)]
    simple_set(connection, features=names)
    columns = SQL(", ").join(map(Identifier, names))
    numbers = SQL(", ").join(SQL("random()") for _ in names)
    connection.execute(
        SQL("INSERT INTO readings (k, {}) SELECT i, {} FROM generate_series(1::bigint, 50000) i").format(
            columns, numbers
        )
    )
    before = s3.multipart
    sync(database.url)
    assert s3.multipart > before
    check_files(current(connection))
    assert copy_problems(connection) == []
    assert max(file.bytes for file in current(connection).files) > 10 << 20


def test_versions_leave_postgresql(database: TestDatabase, connection: psycopg.Connection, s3: S3) -> None:
    past = Past(database, connection)
    past.put((1, n, "x", ago(30 - n)) for n in range(10))
    sync(database.url)
    past.remember()
    (path,) = parquet_files(s3)
    name = path.removeprefix("s3://")
    whole = s3.objects[name]
    s3.objects[name] = replace(whole, data=whole.data[:-40] + b"\0" * 40)
    with pytest.raises(CopyBroken, match="is not readable"):
        retain(connection)
    s3.objects[name] = whole
    assert retain(connection).removed == 9


@pytest.mark.parametrize(("how", "said"), [("gone", "is gone"), ("cut short", "instead of"), ("flipped", "damaged")])
def test_damaged_objects_are_told_and_made_anew(
    database: TestDatabase, connection: psycopg.Connection, s3: S3, how: str, said: str
) -> None:
    simple_set(connection)
    write(connection, 20)
    sync(database.url)
    expected = joined(database, "postgres")
    (file,) = current(connection).files
    name = file.path.removeprefix("s3://")
    whole = s3.objects.pop(name)
    if how == "cut short":
        s3.objects[name] = replace(whole, data=whole.data[:-100])
    if how == "flipped":
        s3.objects[name] = replace(whole, data=b"\xff" * len(whole.data))
    with pytest.raises(CopyBroken, match=r"s3://lake/some where/.*--rebuild readings"):
        joined(database, "duckdb")
    (problem,) = copy_problems(connection)
    assert problem.wrong
    assert file.path in problem.sentence
    if how != "flipped":
        with pytest.raises(CopyBroken, match=said):
            check_files(current(connection))
    columnar.rebuild(database.url, "readings")
    assert copy_problems(connection) == []
    assert joined(database, "duckdb") == expected


@pytest.mark.slow
def test_s3_that_cannot_be_reached(
    database: TestDatabase, connection: psycopg.Connection, s3: S3, monkeypatch: pytest.MonkeyPatch
) -> None:
    simple_set(connection)
    simple_set(connection, "others")
    write(connection, 20)
    sync(database.url, ["readings"])
    expected = joined(database, "postgres")
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://127.0.0.1:{port}")  # counts before the one of all services
    away = r"readings cannot be reached \(.*NETWORK_CONNECTION.*AWS_ENDPOINT_URL, and try again\.$"
    with pytest.raises(CopyBroken, match=away):
        joined(database, "duckdb")
    (problem,) = copy_problems(connection)
    assert re.search(away, problem.sentence)
    forget()
    assert joined(database, "auto") == expected
    with pytest.raises(FsdbError, match=r"of others could not be written.*AWS_ENDPOINT_URL, and try again\.$"):
        sync(database.url, ["others"])
    history.drop(connection, get_set(connection, "readings"))
    with pytest.raises(FsdbError, match="could not be removed from s3://lake/"):
        columnar.expire(database.url, NOW)
    monkeypatch.delenv("AWS_ENDPOINT_URL_S3")
    assert columnar.expire(database.url, NOW) > 0


@pytest.mark.slow
def test_s3_that_never_answers(
    database: TestDatabase, connection: psycopg.Connection, s3: S3, monkeypatch: pytest.MonkeyPatch
) -> None:
    simple_set(connection)
    write(connection, 20)
    sync(database.url)
    forget()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        begun = time.monotonic()
        with pytest.raises(CopyBroken, match="cannot be reached"):
            read_copy(connection, "readings")
        assert time.monotonic() - begun < 20


def test_strangers_are_refused(
    database: TestDatabase, connection: psycopg.Connection, s3: S3, monkeypatch: pytest.MonkeyPatch
) -> None:
    simple_set(connection)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "stranger")
    # Clients are kept by endpoint and region; another region is another client, which has not seen the other key.
    monkeypatch.setenv("AWS_REGION", "eu-north-1")
    with pytest.raises(FsdbError, match=r"could not be written.*ACCESS_DENIED.*the credentials"):
        sync(database.url)
    assert s3.objects == {}


@pytest.mark.slow
def test_spark_without_a_connector_says_so(
    database: TestDatabase,
    connection: psycopg.Connection,
    s3: S3,
    spark: SparkSession,  # noqa: F811
) -> None:
    simple_set(connection)
    write(connection, 20)
    sync(database.url)
    with pytest.raises(EngineUnavailable, match=r"Spark has no connector for .*spark\.jars\.packages\.$"):
        joined(database, "spark")
