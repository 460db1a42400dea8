"""The copy follows the columns of history; older files are read as what they hold means now."""

from collections.abc import Callable
from typing import Any

import psycopg
import pyarrow as pa
import pytest
from psycopg.sql import SQL, Identifier

from fsdb import columnar, history
from fsdb.catalog.feature_sets import get_set
from fsdb.columnar import read_copy, sync
from fsdb.definitions import Feature, FeatureSet
from fsdb.errors import CopyBroken, InvalidDefinition
from fsdb.training import build
from tests.columnar.made import copied
from tests.conftest import TestDatabase


def made(connection: psycopg.Connection, **kinds: str) -> None:
    features = [Feature(name, kind) for name, kind in kinds.items()]
    history.create(connection, FeatureSet("readings", keys={"k": "bigint"}, features=features))


def altered(connection: psycopg.Connection, act: Callable[..., Any], *what: Any) -> None:
    """Changes the set in a transaction."""
    with connection.transaction():
        act(connection, get_set(connection, "readings"), *what)


def assert_same(connection: psycopg.Connection) -> None:
    """The copy has history's columns, rows and values."""
    copy = read_copy(connection, "readings")
    assert copy is not None
    registered = get_set(connection, "readings")
    names = [
        "version_id",
        *registered.keys,
        *(f.history_column for f in registered.features + registered.dropped_features),
    ]
    select = SQL(", ").join(map(Identifier, names))
    rows = connection.execute(
        SQL("SELECT {} FROM {} ORDER BY version_id").format(select, registered.history)
    ).fetchall()
    assert {column.name for column in copy.columns} >= set(names)
    assert [tuple(row[name] for name in names) for row in copied(copy)] == rows


def kinds(connection: psycopg.Connection) -> dict[str, pa.DataType]:
    copy = read_copy(connection, "readings")
    assert copy is not None
    return {column.name: column.type for column in copy.columns}


def test_features_come_go_and_come_back(database: TestDatabase, connection: psycopg.Connection) -> None:
    made(connection, x="double precision", y="text")
    connection.execute("INSERT INTO readings VALUES (1, 1.5, 'a')")
    sync(database.url)
    altered(connection, history.add_feature, Feature("z", "real[]"))
    connection.execute("INSERT INTO readings (k, x, y, z) VALUES (2, 2.5, 'b', '{1,2}')")
    sync(database.url)
    assert_same(connection)
    dropped = get_set(connection, "readings").feature("y").feature_id
    altered(connection, history.drop_feature, "y")
    assert_same(connection)  # also before the next sync: readers see names of now
    connection.execute("INSERT INTO readings (k, x) VALUES (3, 3.5)")
    altered(connection, history.add_feature, Feature("y", "integer"))
    connection.execute("INSERT INTO readings (k, x, y) VALUES (4, 4.5, 4)")
    sync(database.url)
    assert_same(connection)
    assert kinds(connection)["y"] == pa.int32()
    altered(connection, history.drop_feature, "y")
    altered(connection, history.restore_feature, dropped)
    connection.execute("INSERT INTO readings (k, x, y) VALUES (5, 5.5, 'e')")
    sync(database.url)
    assert_same(connection)
    columnar.compact(database.url)
    assert_same(connection)
    copy = read_copy(connection, "readings")
    assert copy is not None
    assert len(copy.files) == 1


def test_wider_features_and_the_way_back(database: TestDatabase, connection: psycopg.Connection) -> None:
    made(connection, i="smallint", j="integer", f="real", t="character varying(3)", n="numeric(6,2)")
    connection.execute("INSERT INTO readings VALUES (1, 1, 1, 0.1, 'abc', 1.25)")
    sync(database.url)
    wider = {"i": "integer", "j": "bigint", "f": "double precision", "t": "text", "n": "numeric(8,3)"}
    for name, kind in wider.items():
        altered(connection, history.widen_feature, name, kind)
    connection.execute("INSERT INTO readings VALUES (2, 100000, 5000000000, 0.1, 'abcdef', 12345.125)")
    sync(database.url)
    held = kinds(connection)
    assert (held["i"], held["j"], held["f"]) == (pa.int32(), pa.int64(), pa.float64())
    copy = read_copy(connection, "readings")
    assert copy is not None
    wanted = connection.execute("SELECT i, j, f, t FROM fsdb_history.readings ORDER BY version_id").fetchall()
    assert [(r["i"], r["j"], r["f"], r["t"]) for r in copied(copy)] == wanted
    assert [r["n"] for r in copied(copy)] == ["1.25", "12345.125"]


def test_a_narrower_feature_stays_wide_in_the_copy(database: TestDatabase, connection: psycopg.Connection) -> None:
    made(connection, j="bigint", f="double precision")
    connection.execute("INSERT INTO readings VALUES (1, 1, 0.5)")
    sync(database.url)
    altered(connection, history.widen_feature, "j", "integer")
    altered(connection, history.widen_feature, "f", "real")
    connection.execute("INSERT INTO readings VALUES (2, 2, 0.25)")
    sync(database.url)
    assert_same(connection)
    assert kinds(connection)["j"] == pa.int64()


def test_digits_that_a_copy_lacks_need_a_new_one(database: TestDatabase, connection: psycopg.Connection) -> None:
    """Numerics beyond Arrow's decimals come out as PostgreSQL prints them, with all digits of their scale."""
    made(connection, n="numeric(40,2)")
    connection.execute("INSERT INTO readings VALUES (1, 1.5)")
    sync(database.url)
    altered(connection, history.widen_feature, "n", "numeric(44,4)")
    with pytest.raises(CopyBroken, match="--rebuild readings"):
        read_copy(connection, "readings")
    with pytest.raises(CopyBroken, match="--rebuild readings"):
        sync(database.url)
    columnar.rebuild(database.url, "readings")
    copy = read_copy(connection, "readings")
    assert copy is not None
    assert [row["n"] for row in copied(copy)] == ["1.5000"]


def test_a_tracked_table_s_names_are_kept(database: TestDatabase, connection: psycopg.Connection) -> None:
    connection.execute('CREATE TABLE "My Table" (id int PRIMARY KEY, "a.b" int, "Ä %%s" text, "element" real[])')
    with connection.transaction():
        history.create(connection, history.tracked_definition(connection, "My Table", name="mine"))
    connection.execute("""INSERT INTO "My Table" VALUES (1, 2, 'x', '{1}')""")
    sync(database.url)
    copy = read_copy(connection, "mine")
    assert copy is not None
    (row,) = copied(copy)
    assert (row["id"], row["a.b"], row["Ä %%s"], row["element"]) == (1, 2, "x", [1.0])


def test_names_that_iceberg_takes_for_one_are_refused(database: TestDatabase, connection: psycopg.Connection) -> None:
    connection.execute('CREATE TABLE spans (id int PRIMARY KEY, x int[], "x.element" int)')
    with connection.transaction():
        history.create(connection, history.tracked_definition(connection, "spans"))
    connection.execute("INSERT INTO spans VALUES (1, '{1,2}', 3)")
    for _ in range(2):
        with pytest.raises(
            InvalidDefinition, match=r"items of its array 'x' 'x\.element', as another column is called"
        ):
            sync(database.url)
    spine = "SELECT 1 AS id, timestamptz '2100-01-01Z' AS at"
    for engine in ("postgres", "duckdb"):
        built = build(connection, spine=spine, features=["spans.*"], timestamp="at", engine=engine)
        (row,) = built.to_arrow().to_pylist()
        assert (row["x"], row["x.element"]) == ([1, 2], 3)


def test_a_set_that_was_dropped_and_made_again(database: TestDatabase, connection: psycopg.Connection) -> None:
    made(connection, x="integer")
    connection.execute("INSERT INTO readings VALUES (1, 1)")
    sync(database.url)
    old = read_copy(connection, "readings")
    altered(connection, history.drop)
    assert read_copy(connection, "readings") is None
    made(connection, x="integer")
    connection.execute("INSERT INTO readings VALUES (2, 2)")
    assert read_copy(connection, "readings") is None
    sync(database.url)
    assert_same(connection)
    altered(connection, history.drop)
    sync(database.url)
    assert connection.execute("SELECT count(*) FROM fsdb_iceberg.iceberg_tables").fetchone() == (0,)
    assert old is not None
    assert connection.execute("SELECT count(*) FROM fsdb.copy_leftovers WHERE folder").fetchone() == (2,)
