"""Spark gives what PostgreSQL gives: every type, every state of the copy, every way in which the rows are handed out."""

import gc
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from psycopg.sql import SQL
from pyspark.sql import SparkSession
from pyspark.sql import functions as F  # noqa: N812

from fsdb import history
from fsdb.catalog.feature_sets import get_set
from fsdb.columnar import read_copy, sync
from fsdb.definitions import Feature, FeatureSet
from fsdb.engines.spark.session import settings
from fsdb.errors import CopyBroken, InvalidData
from fsdb.training import TrainingSet, build, load, save, verify
from fsdb.training.content import column_hash
from tests.conftest import TestDatabase
from tests.training.made import made_set
from tests.training.test_types import NAMES, REFERENCES, TYPES

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("spark")]
T = datetime(2020, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
UTC_TIMES = pa.timestamp("us", "UTC")


def both(connection: psycopg.Connection, **asked: Any) -> TrainingSet:
    """Spark's answer, which is PostgreSQL's to the last bit."""
    wanted = build(connection, engine="postgres", **asked)
    given = build(connection, engine="spark", **asked)
    assert given.to_arrow().schema.equals(wanted.to_arrow().schema, check_metadata=True)
    for position, column in enumerate(wanted.to_arrow().column_names):
        assert given.column_hashes[position] == wanted.column_hashes[position], column
    assert given.late_values == wanted.late_values
    assert [one.matched for one in given.coverage] == [one.matched for one in wanted.coverage]
    return given


def same(one: pa.Table, other: pa.Table) -> bool:
    """Whether two tables hold the same rows, NaN being NaN."""
    assert one.schema.equals(other.schema)
    return [column_hash(column) for column in one.columns] == [column_hash(column) for column in other.columns]


def readings(connection: psycopg.Connection, **options: Any) -> None:
    """A set of one key and one number."""
    with connection.transaction():
        history.create(
            connection, FeatureSet("readings", {"k": "bigint"}, [Feature("x", "double precision")], **options)
        )


def write(connection: psycopg.Connection, *rows: tuple[int, float, datetime]) -> None:
    """Readings as of their times."""
    for row in rows:
        connection.execute(
            "INSERT INTO readings (k, x, event_time) VALUES (%s, %s, %s)"
            " ON CONFLICT (k) DO UPDATE SET x = excluded.x, event_time = excluded.event_time",
            row,
        )


def spine(*rows: tuple[int | None, datetime]) -> pa.Table:
    """Keys and moments."""
    return pa.table(
        {"k": pa.array([k for k, _ in rows], pa.int32()), "at": pa.array([at for _, at in rows], UTC_TIMES)}
    )


def test_every_type_from_copy_and_tail_in_every_form(
    database: TestDatabase, connection: psycopg.Connection, tmp_path: Path, spark: SparkSession
) -> None:
    with connection.transaction():
        features = [Feature(name, kind) for kind, name in NAMES.items()]
        history.create(
            connection, FeatureSet("typed", {"n": "integer", "c": "text", "d": "date", "t": "timestamptz"}, features)
        )
    extremes = {"real": ["NaN", "-0"], "double precision": ["NaN", "-0", "1.7976931348623157e308"], "numeric": ["NaN", "-1e30"],
                "date": ["4713-01-01 BC", "1582-10-10"], "timestamp with time zone": ["4713-01-01 BC", "1582-10-10 01:02:03.000004+00", "290000-01-01"]}  # fmt: skip
    texts = {kind: [text for text, _, _ in entries] + extremes.get(kind, []) for kind, (_, entries) in TYPES.items()}
    for n in range(8):
        values = [of[n] if n < len(of) else None for of in texts.values()]
        statement = SQL("INSERT INTO typed VALUES ({})").format(SQL(", ").join([SQL("%s")] * (len(values) + 5)))
        connection.execute(statement, [n, "ü, 'x'", "1582-10-10", "0001-01-01 BC", *values, T])
        if n == 3:
            sync(database.url)
    asked = """SELECT n::smallint AS n, 'ü, ''x'''::char(12) AS c, '1582-10-10'::date AS d, '0001-01-01 BC'::timestamptz AS t, at,
                      1.50::numeric AS "A", 1.5::numeric(38, 10) AS a, at AT TIME ZONE 'UTC' AS "x; y,{}()=", '{1,NULL}'::float8[] AS list, '1 day'::interval AS "`"
               FROM generate_series(8, -1, -1) AS n, (VALUES ('2020-01-01 00:00+00'::timestamptz), ('250000-01-01 00:00+00'), ('1000-01-01 00:00+00')) AS f (at)"""
    given = both(connection, spine=asked, features=REFERENCES, timestamp="at")
    wanted = given.to_arrow()
    assert wanted.column(NAMES["bigint"]).null_count < wanted.num_rows
    assert same(given.to_batches().read_all(), wanted)
    given.to_parquet(tmp_path / "rows")
    written = pq.read_table(tmp_path / "rows")
    assert written.column_names == wanted.column_names
    assert same(written.cast(wanted.schema), wanted)
    with pytest.raises(InvalidData, match="exists already"):
        given.to_parquet(tmp_path / "rows")
    frame = given.to_spark()
    assert frame.columns == wanted.column_names
    assert same(frame.toArrow().cast(wanted.schema), wanted)
    assert not any(field.metadata for field in frame.schema.fields)
    other = build(connection, spine=asked, features=REFERENCES, timestamp="at", engine="postgres").to_spark()
    assert same(other.toArrow().cast(wanted.schema), wanted)
    assert [field.dataType for field in other.schema.fields] == [field.dataType for field in frame.schema.fields]


@pytest.mark.parametrize(
    ("kind", "text"), [("timestamptz", "infinity"), ("date", "-infinity"), ("numeric(10,2)", "NaN")]
)
def test_what_arrow_cannot_hold_is_refused_where_it_comes_out(
    database: TestDatabase, connection: psycopg.Connection, kind: str, text: str
) -> None:
    with connection.transaction():
        history.create(
            connection,
            FeatureSet("odd", {"k": "bigint"}, [Feature("y", "integer"), Feature("x", kind)], max_age="1 hour"),
        )
    connection.execute("INSERT INTO odd VALUES (1, 1, %s, %s)", [text, T])
    if kind == "date":
        sync(database.url)
    asked: dict[str, Any] = {"features": ["odd.y", "odd.x"], "timestamp": "at"}
    with pytest.raises(InvalidData, match="'x'"):
        build(connection, spine=spine((1, T)), engine="spark", **asked)
    both(connection, spine=spine((1, T + 2 * HOUR), (2, T)), **asked)


def test_columns_that_came_went_and_grew(database: TestDatabase, connection: psycopg.Connection) -> None:
    """A file holds a column under the name and type that it had when it was written."""
    with connection.transaction():
        history.create(
            connection,
            FeatureSet(
                "readings",
                {"k": "integer"},
                [Feature("x", "integer"), Feature("y", "real"), Feature("n", "numeric(5,1)")],
            ),
        )

    def change(how: Any, *arguments: Any) -> None:
        with connection.transaction():
            how(connection, get_set(connection, "readings"), *arguments)

    connection.execute("INSERT INTO readings VALUES (1, 1, 0.1, 1.5, %s)", [T])
    sync(database.url)
    old = get_set(connection, "readings").feature("x").feature_id
    change(history.drop_feature, "x")
    change(history.widen_feature, "y", "double precision")
    change(history.widen_feature, "n", "numeric(7,2)")
    connection.execute("INSERT INTO readings VALUES (2, 0.1, 2.25, %s)", [T])
    sync(database.url)
    change(history.add_feature, Feature("x", "text"))
    asked: dict[str, Any] = {"spine": spine((1, T), (2, T), (3, T)), "timestamp": "at"}
    connection.execute("INSERT INTO readings (k, y, n, x, event_time) VALUES (3, 0.3, 3, 'new', %s)", [T])
    before = both(
        connection, features=["readings.x", "readings.y", "readings.n"], **asked
    )  # the newest column is in the tail alone
    assert before.to_arrow()["x"].to_pylist() == [None, None, "new"]
    sync(database.url)
    both(connection, features=["readings.x", "readings.y", "readings.n"], **asked)
    change(history.drop_feature, "x")
    change(history.restore_feature, old)
    change(history.widen_feature, "x", "bigint")
    given = both(connection, features=["readings.x", "readings.y", "readings.n"], **asked)
    assert given.to_arrow()["x"].to_pylist() == [1, None, None]


def test_a_hot_key_among_others(database: TestDatabase, connection: psycopg.Connection) -> None:
    definition = FeatureSet("readings", {"k": "bigint"}, [Feature("x", "double precision")])
    made = made_set(connection, definition)
    many = SQL(
        "INSERT INTO {} (k, x, event_time, recorded_at) SELECT CASE WHEN i %% 10 < 8 THEN 0 ELSE i %% 500 END, i,"
        " %s + i * 7919 %% 20000 * interval '1 minute', %s + i * interval '1 minute' FROM generate_series(1, 20000) AS i"
    )
    connection.execute(many.format(made.history), [T, T])
    sync(database.url)
    rows = spine(*((0 if n % 2 else n % 600, T + n * timedelta(minutes=3)) for n in range(8000)))
    assert both(connection, spine=rows, features=["readings.x"], timestamp="at", known="now").late_values > 0
    both(connection, spine=rows, features=["readings.x"], timestamp="at", known="then")


def test_a_reader_sees_its_snapshot_and_its_own_rows(database: TestDatabase, connection: psycopg.Connection) -> None:
    readings(connection, max_age="3 hours")
    write(connection, (1, 1.0, T), (2, 2.0, T))
    sync(database.url)
    asked: dict[str, Any] = {
        "spine": spine(
            (1, T + HOUR),
            (2, T + HOUR),
            (None, T),
            (3, T + 2 * HOUR),
            (1, T + 3 * HOUR),
            (1, T + 3 * HOUR + timedelta(microseconds=1)),
        ),
        "features": ["readings.x"],
        "timestamp": "at",
    }
    with database.connect() as other, other.transaction():
        write(other, (1, 1.5, T + HOUR))
        write(connection, (3, 3.0, T + HOUR))
        before = both(connection, **asked)
        assert before.to_arrow()["x"].to_pylist() == [1.0, 2.0, None, 3.0, 1.0, None]
        save(connection, before, "kept")
        assert both(other, **asked).to_arrow()["x"].to_pylist() == [1.5, 2.0, None, 3.0, 1.5, 1.5]
        sync(database.url)
    connection.execute("DELETE FROM readings WHERE k = 2")
    sync(database.url)
    copy = read_copy(connection, "readings")
    assert copy is not None
    assert copy.rows == 5
    again = both(connection, known="kept", **asked)
    assert again.content_hash == before.content_hash
    assert verify(connection, load(connection, "kept").saved) == before.content_hash
    assert both(connection, known="then", **asked).to_arrow()["x"].to_pylist() == [None] * 6


def test_nothing_to_read(database: TestDatabase, connection: psycopg.Connection, tmp_path: Path) -> None:
    readings(connection)
    asked: dict[str, Any] = {"features": ["readings.x"], "timestamp": "at"}
    both(connection, spine=spine((1, T)), **asked)
    sync(database.url)
    both(connection, spine=spine((1, T)), **asked)
    write(connection, (1, 1.0, T))
    none = both(connection, spine=spine(), **asked)
    # Neither has a query that gives nothing, whatever is asked of it.
    of_query = both(connection, spine="SELECT 1::int AS k, now() AS at WHERE false", **asked)
    for number, one in enumerate((none, of_query)):
        one.to_parquet(tmp_path / f"none{number}")
        assert pq.read_table(tmp_path / f"none{number}").num_rows == 0
        assert one.to_spark().count() == 0
        assert one.to_batches().read_all().equals(one.to_arrow())
        assert len(one.to_pandas()) == len(one.to_polars()) == 0
        saved = save(connection, one, f"none{number}")
        assert verify(connection, saved.saved, "spark") == one.content_hash


def test_a_frame_outlives_its_training_set(connection: psycopg.Connection, spark: SparkSession) -> None:
    readings(connection)
    write(connection, (1, 1.0, T))
    made = build(connection, spine=spine((1, T), (2, T)), features=["readings.x"], timestamp="at", engine="spark")
    staged = Path(made.result._staging.url)
    assert staged.is_dir()
    assert "Physical Plan" in made.plan
    assert [(r.feature_set, r.copy_rows, r.tail_rows, r.files_read) for r in made.result.reports] == [
        ("readings", 0, 1, 0)
    ]
    del made
    gc.collect()
    assert not staged.exists()
    made = build(connection, spine=spine((1, T), (2, T)), features=["readings.x"], timestamp="at", engine="spark")
    result, staged = made.result, Path(made.result._staging.url)
    mine = spark.range(1, 3).withColumnRenamed("id", "k")
    joined = mine.join(made.to_spark(), "k").where(F.col("x") > 0)
    del made
    gc.collect()
    assert [row.x for row in joined.collect()] == [1.0]
    result.close()
    assert not staged.exists()


def test_many_parts_are_in_the_spines_order(
    connection: psycopg.Connection, tmp_path: Path, spark: SparkSession
) -> None:
    readings(connection)
    write(connection, *((k, float(k), T) for k in range(50)))
    rows = spine(*((n * 7919 % 60, T + n * HOUR) for n in range(2000)))
    with settings(
        spark,
        {
            "spark.sql.adaptive.enabled": "false",
            "spark.sql.shuffle.partitions": "5",
            "spark.sql.autoBroadcastJoinThreshold": "-1",
        },
    ):
        given = build(connection, spine=rows, features=["readings.x"], timestamp="at", engine="spark")
        given.to_parquet(tmp_path / "rows")
    parts = sorted((tmp_path / "rows").glob("part-*.parquet"))
    assert len(parts) > 1
    assert pa.concat_tables(map(pq.read_table, parts)).cast(given.to_arrow().schema).equals(given.to_arrow())
    assert given.to_arrow()["x"].to_pylist() == [float(k) if k < 50 else None for k in rows["k"].to_pylist()]


@pytest.mark.parametrize(("damage", "said"), [("gone", "not there"), ("short", "damaged")])
def test_a_damaged_file(database: TestDatabase, connection: psycopg.Connection, damage: str, said: str) -> None:
    readings(connection)
    write(connection, (1, 1.0, T))
    sync(database.url)
    copy = read_copy(connection, "readings")
    assert copy is not None
    file = Path(copy.files[0].path.removeprefix("file://"))
    file.unlink() if damage == "gone" else file.write_bytes(file.read_bytes()[:-9])
    with pytest.raises(
        CopyBroken, match=rf"copy of readings cannot be read: .*parquet is {said}. Run fsdb sync --rebuild readings"
    ):
        build(connection, spine=spine((1, T)), features=["readings.x"], timestamp="at", engine="spark")
