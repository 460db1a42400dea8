"""Keys, features and spine columns of any name: each engine takes them for what they are, and gives them back under their names."""

from collections.abc import Iterator, Sequence
from datetime import timedelta

import psycopg
import pyarrow as pa
import pytest
from psycopg.sql import SQL, Identifier, Literal

from fsdb.columnar import sync
from fsdb.definitions import Feature, FeatureSet
from fsdb.errors import InvalidDefinition
from fsdb.training import build, load, save, verify
from fsdb.vectors import feature_vector, feature_vectors
from tests.conftest import TestDatabase, cloned
from tests.engines.world import T, instants
from tests.names import FSDB, NAMES, SYSTEM
from tests.oracle import Version
from tests.training.made import made_set, put

pytestmark = pytest.mark.slow
USABLE = [name for name in NAMES if name not in (*FSDB, *SYSTEM)]
PART = 25  # keys of a set; an index has at most 32
PARTS = [USABLE[begin : begin + PART] for begin in range(0, len(USABLE), PART)]
# What Spark, Parquet's readers or fsdb's own frames would take for others; all names as keys are read by `python -m bench hostile --spark`.
FOR_SPARK = ["Version_Id", "EVENT_TIME", "Deleted", "k0", "f0", "K1"]
FEATURES_FOR_SPARK = ["_metadata", "Recorded_At", "k1", "F0", "ordinal", "a.b", "`tick`", "%s", "🎈"]
ROWS = (0, 1, 2)
ASKED = (2, 0, 1, 2)  # of these, by the rows of the spine
KEYED, WIDE, SPARK = [f"keys_{n}" for n in range(len(PARTS))], "wide", "for_spark"


def value(row: int, column: int) -> int:
    """What a row holds in a column: no other row or column has it."""
    return 1000 * row + column


def rows(keys: Sequence[str], features: Sequence[str], first_id: int, off: int, age: timedelta) -> list[Version]:
    return [
        Version(
            first_id + row,
            tuple(value(row, n) for n in range(len(keys))),
            {name: value(row, n) + off for n, name in enumerate(features)},
            T - age,
            T,
        )
        for row in ROWS
    ]


@pytest.fixture(scope="module")
def named(server_url: str, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestDatabase]:
    """Sets with all names as keys, and one with all of them as features. Some versions are in the copy, the newest of row 2 is not."""
    given = {name: (part, ["own value"]) for name, part in zip(KEYED, PARTS, strict=True)}
    given |= {WIDE: (["id#"], USABLE), SPARK: (FOR_SPARK, FEATURES_FOR_SPARK)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FSDB_WAREHOUSE", str(tmp_path_factory.mktemp("warehouse")))
        for database in cloned(server_url, template):
            with database.connect() as connection:
                made = {}
                for name, (keys, features) in given.items():
                    columns = [Feature(feature, "integer") for feature in features]
                    definition = FeatureSet(name, dict.fromkeys(keys, "integer"), columns, tracks=name)
                    made[name] = made_set(connection, definition)
                    put(connection, made[name], rows(keys, features, 1, -7, timedelta(hours=2))[2:])
                    put(connection, made[name], rows(keys, features, 4, 0, timedelta(hours=1))[:2])
                sync(database.url)
                for name, (keys, features) in given.items():
                    put(connection, made[name], rows(keys, features, 7, 0, timedelta(hours=1))[2:])
            yield database


@pytest.fixture
def session(named: TestDatabase) -> Iterator[psycopg.Connection]:
    with named.connect() as connection, connection.transaction(force_rollback=True):
        yield connection


def spine(parts: Sequence[Sequence[str]], timestamp: str) -> pa.Table:
    """Columns of all these names with the keys' values, and the moment."""
    columns = {
        name: pa.array([value(row, n) for row in ASKED], pa.int32()) for part in parts for n, name in enumerate(part)
    }
    return pa.table({**columns, timestamp: instants(*[T] * len(ASKED))})


def as_query(table: pa.Table, connection: psycopg.Connection) -> str:
    """The same spine as an SQL query."""
    columns = [
        SQL("({})[n] AS {}").format(Literal(column.to_pylist()), Identifier(name))
        for name, column in zip(table.column_names, table.columns, strict=True)
    ]
    return (
        SQL("SELECT {} FROM generate_series(1, {}) AS n ORDER BY n")
        .format(SQL(", ").join(columns), table.num_rows)
        .as_string(connection)
    )


@pytest.mark.parametrize("engine", ["postgres", "duckdb"])
@pytest.mark.parametrize("form", ["frame", "query"])
def test_keys_and_spine_columns(session: psycopg.Connection, engine: str, form: str) -> None:
    table = spine(PARTS, "Timestamp")
    given = table if form == "frame" else as_query(table, session)
    sets = [f"{name}.*" for name in KEYED]
    built = build(session, spine=given, features=sets, timestamp="Timestamp", label="%s", engine=engine)
    out = built.to_arrow()
    assert out.select(range(table.num_columns)).to_pylist() == table.to_pylist()
    for column in out.columns[table.num_columns :]:
        assert column.to_pylist() == [value(row, 0) for row in ASKED]
    save(session, built, "kept")
    for one in ("postgres", "duckdb"):
        assert verify(session, load(session, "kept").saved, one) == built.content_hash


@pytest.mark.parametrize("engine", ["postgres", "duckdb"])
def test_features(session: psycopg.Connection, engine: str) -> None:
    built = build(session, spine=spine([["id#"]], "@"), features="wide.*", timestamp="@", engine=engine)
    assert built.to_arrow().column_names == ["id#", "@", *USABLE]
    for number, column in enumerate(built.to_arrow().columns[2:]):
        assert column.to_pylist() == [value(row, number) for row in ASKED]
    assert len(built.explain().features) == len(USABLE)
    assert built.to_pandas().columns.tolist() == built.to_polars().columns == built.to_arrow().column_names


@pytest.mark.parametrize("timestamp", [*FSDB, "at", "Event_Time", "ordinal", "rows", "f1", "%", "moment"])
def test_the_timestamp(session: psycopg.Connection, timestamp: str) -> None:
    given = spine([["id#"]], timestamp)
    for form in (given, as_query(given, session)):
        hashes = {
            build(session, spine=form, features="wide.a", timestamp=timestamp, engine=engine).content_hash
            for engine in ("postgres", "duckdb")
        }
        assert len(hashes) == 1


def test_vectors(session: psycopg.Connection) -> None:
    wanted = [value(row, 0) for row in ASKED]
    for name, part in zip(KEYED, PARTS, strict=True):
        entities = [{key: value(row, n) for n, key in enumerate(part)} for row in ASKED]
        assert [feature_vector(session, name, entity)["own value"] for entity in entities] == wanted
        assert feature_vectors(session, name, entities)["own value"].to_pylist() == wanted
    vector = feature_vector(session, WIDE, {"id#": value(1, 0)})
    assert vector == {name: value(1, number) for number, name in enumerate(USABLE)} | {"found": True}
    several = feature_vectors(session, [f"{WIDE}.{name}" for name in USABLE[::-1]], [{"id#": value(2, 0)}])
    assert several.to_pylist() == [{name: value(2, USABLE.index(name)) for name in USABLE[::-1]} | {"found": True}]


def test_spark(spark: object, session: psycopg.Connection) -> None:
    taken = {*FOR_SPARK, *FEATURES_FOR_SPARK}
    table = spine([FOR_SPARK, [name for name in NAMES if name not in taken]], "EVENT_time")
    built = build(session, spine=table, features=SPARK, timestamp="EVENT_time", engine="spark")
    again = build(session, spine=table, features=SPARK, timestamp="EVENT_time", engine="postgres")
    assert built.to_arrow().to_pylist() == again.to_arrow().to_pylist()
    assert built.to_arrow()["🎈"].to_pylist() == [value(row, 8) for row in ASKED]
    assert built.content_hash == again.content_hash
    assert built.to_spark().columns == built.to_arrow().column_names


def test_features_on_spark(spark: object, session: psycopg.Connection) -> None:
    built = build(session, spine=spine([["id#"]], "@"), features="wide.*", timestamp="@", engine="spark").to_arrow()
    assert built.column_names == ["id#", "@", *USABLE]
    for number, column in enumerate(built.columns[2:]):
        assert column.to_pylist() == [value(row, number) for row in ASKED]


@pytest.mark.parametrize("name", [*FSDB, *SYSTEM, "*"])
def test_names_that_history_uses_itself_are_refused(name: str) -> None:
    for keys, features in (({name: "integer"}, ["x"]), ({"x": "integer"}, [name])):
        for tracks in (None, "table"):
            with pytest.raises(InvalidDefinition, match=r"choose another|cannot name"):
                FeatureSet("refused", keys, [Feature(f, "integer") for f in features], tracks=tracks)


@pytest.mark.parametrize("form", ["frame", "query"])
def test_columns_that_no_table_takes(session: psycopg.Connection, form: str) -> None:
    names = [*SYSTEM, "c1", "ordinal"] + (["y" * 64, "y" * 65, ""] if form == "frame" else [])
    table = spine([["id#"]], "ctid" if form == "frame" else "@")
    for number, name in enumerate(names):
        if name not in table.column_names:
            table = table.append_column(name, pa.array([number, 1, 2, 3], pa.int32()))
    given = table if form == "frame" else as_query(table, session)
    for engine in ("postgres", "duckdb"):
        built = build(
            session, spine=given, features="wide.a", timestamp=table.column_names[1], label="xmin", engine=engine
        )
        assert built.to_arrow().select(range(table.num_columns)).to_pylist() == table.to_pylist()
        assert built.to_arrow()["a"].to_pylist() == [value(row, USABLE.index("a")) for row in ASKED]
        save(session, built, f"kept_{engine}")
        assert verify(session, load(session, f"kept_{engine}").saved) == built.content_hash
