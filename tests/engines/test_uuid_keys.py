"""Keys of type uuid, which queries often give as text: in training sets on each engine, views and their vectors."""

from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import UUID

import psycopg
import pytest

from fsdb import history
from fsdb.columnar import sync
from fsdb.definitions import Feature, FeatureSet, TrainingView
from fsdb.errors import InvalidData
from fsdb.training import build, register_view, view_status
from tests.conftest import TestDatabase

T = datetime(2024, 1, 1, tzinfo=UTC)
KNOWN = [UUID(int=5), UUID("ABCDEFAB-0000-4000-8000-00000000000f")]
# As texts in which PostgreSQL reads a uuid: the first, the second otherwise, one that is not there, and none at all.
TEXTS = [str(KNOWN[0]), f"{{{str(KNOWN[1]).upper()}}}", str(UUID(int=6)), None]
OS = ["ios", "android", None, None]
TYPES = ("text", "varchar(40)", "char(38)", "uuid")


@pytest.fixture(scope="module")
def devices(module_database: TestDatabase, tmp_path_factory: pytest.TempPathFactory) -> Iterator[psycopg.Connection]:
    with module_database.connect() as connection, pytest.MonkeyPatch.context() as patch:
        patch.setenv("FSDB_WAREHOUSE", str(tmp_path_factory.mktemp("warehouse")))
        with connection.transaction():
            history.create(connection, FeatureSet("devices", {"id": "uuid"}, [Feature("os", "text")]))
        for key, system in zip(KNOWN, OS, strict=False):
            connection.execute("INSERT INTO devices (id, os, event_time) VALUES (%s, %s, %s)", [key, system, T])
        sync(module_database.url)
        for n, kind in enumerate(TYPES):
            connection.execute(f"CREATE TABLE seen_{n} (n int, id {kind}, at timestamptz)")
            for row, text in enumerate(TEXTS):
                connection.execute(f"INSERT INTO seen_{n} VALUES (%s, %s, '2024-01-02Z')", [row, text])  # noqa: S608
        yield connection


@pytest.mark.parametrize("engine", ["postgres", "duckdb", pytest.param("spark", marks=pytest.mark.slow)])
def test_a_query_may_give_texts(devices: psycopg.Connection, engine: str, request: pytest.FixtureRequest) -> None:
    if engine == "spark":
        request.getfixturevalue("spark")
    for n, kind in enumerate(TYPES):
        spine = f"SELECT * FROM seen_{n} ORDER BY n"  # noqa: S608
        built = build(devices, spine=spine, features=["devices.os"], timestamp="at", engine=engine)
        rows = built.to_arrow()
        assert rows["os"].to_pylist() == OS, kind
        assert rows["id"].to_pylist() == [str(KNOWN[0]), str(KNOWN[1]), TEXTS[2], None], kind
        assert next(column.type for column in built.columns if column.name == "id") == "uuid"


def test_what_is_no_uuid_is_named(devices: psycopg.Connection) -> None:
    with pytest.raises(InvalidData, match=r'invalid input syntax for type uuid: "no"'):
        build(devices, spine="SELECT 'no' AS id, now() AS at", features=["devices.os"], timestamp="at")


def test_views_and_their_vectors(devices: psycopg.Connection) -> None:
    for n, kind in enumerate(TYPES):
        with devices.transaction():
            view = TrainingView(f"systems_{n}", f"SELECT * FROM seen_{n}", timestamp="at", features=["devices.os"])  # noqa: S608
            register_view(devices, view)
        assert {one.state for one in view_status(devices, view.name)} == {"installed"}
        found = devices.execute(f"SELECT os FROM systems_{n}_training ORDER BY n").fetchall()  # noqa: S608
        assert [os for (os,) in found] == OS, kind
        one = devices.execute(f"SELECT os, found FROM systems_{n}_vector(%s)", [KNOWN[1]]).fetchone()  # noqa: S608
        assert one == ("android", True)
        built = build(devices, view.name)
        assert sorted(built.to_arrow()["os"].to_pylist(), key=str) == sorted(OS, key=str)
