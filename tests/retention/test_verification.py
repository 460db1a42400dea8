"""Nothing leaves before the files of the copy were read back and found to hold it, value for value."""

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from fsdb import columnar, history
from fsdb.catalog.feature_sets import get_set
from fsdb.columnar import sync
from fsdb.definitions import Feature, FeatureSet
from fsdb.errors import CopyBroken, FsdbError
from fsdb.retention import copied, retain, verification
from tests.conftest import TestDatabase
from tests.history.kept import made
from tests.retention.past import Past, ago

TYPES = [
    "smallint", "integer", "bigint", "real", "double precision", "numeric", "numeric(10,2)", "boolean", "text",
    "character varying(20)", "date", "timestamp with time zone", "uuid", "real[]", "double precision[]", "integer[]", "bigint[]",
    "text[]", "boolean[]", "bytea", "jsonb",
]  # fmt: skip
VALUES: dict[str, list[Any]] = {
    "smallint": [-32768, 32767],
    "integer": [-(2**31), 2**31 - 1],
    "bigint": [-(2**63), 2**63 - 1],
    "real": ["-0", "NaN", "Infinity", "3.4e38", "1e-45"],
    "double precision": ["-0", "NaN", "-Infinity", 0.1, 5e-324],
    "numeric": ["NaN", "Infinity", "1.50", "1e100", "-0.000001"],
    "numeric(10,2)": ["NaN", "1.50", "-99999999.99"],
    "boolean": [True, False],
    "text": ["", "a,b\n\"c\"", "ü𝄞", "NULL", "\\N"],
    "character varying(20)": ["", "x"],
    "date": ["infinity", "-infinity", "4713-01-01 BC", "5874897-12-31", "1969-12-31"],
    "timestamp with time zone": ["infinity", "-infinity", "1582-10-10 00:00+00", "9999-12-31 23:59:59.999999+00", "1969-12-31 23:59:59.999999+00"],
    "uuid": [str(uuid.UUID(int=0)), str(uuid.UUID(int=2**128 - 1))],
    "real[]": ["{}", "{NULL}", "{1,NaN,-0,NULL}", "{Infinity}"],
    "double precision[]": ["{}", "{NaN,-0,0.1}"],
    "integer[]": ["{}", "{1,NULL}"],
    "bigint[]": ["{NULL}", "{9223372036854775807}"],
    "text[]": ["{}", '{"",NULL,"NULL","a,b"}'],
    "boolean[]": ["{t,NULL}", "{}"],
    "bytea": ["\\x", "\\x00ff"],
    "jsonb": ['{"b": 1, "a": [null, "x"]}', "null", '""', "1.50"],
}  # fmt: skip


def files(warehouse: Path) -> list[Path]:
    """The copy's Parquet files."""
    return sorted(warehouse.rglob("*.parquet"))


@pytest.fixture
def past(database: TestDatabase, connection: psycopg.Connection) -> Past:
    """A set, synced in two files."""
    found = Past(database, connection)
    found.put((1, n, "x", ago(30 - n)) for n in range(10))
    sync(database.url)
    found.put((k, n, None, ago(20 - n)) for n in range(10) for k in (1, 2))
    sync(database.url)
    found.remember()
    return found


def test_every_type_is_found_the_same(database: TestDatabase, connection: psycopg.Connection) -> None:
    features = [Feature(f"f{n}", kind) for n, kind in enumerate(TYPES)]
    made(connection, FeatureSet("types", {"k": "text", "d": "date"}, features, retention="1 day"))
    count = max(map(len, VALUES.values())) + 1
    for n in range(count):
        given = [VALUES[kind][n] if n < len(VALUES[kind]) else None for kind in TYPES]
        connection.execute(
            f"INSERT INTO types VALUES ('', '1969-12-31', {', '.join(['%s'] * len(TYPES))}, %s) ON CONFLICT (k, d) DO UPDATE SET "  # noqa: S608
            + ", ".join(f"f{m} = excluded.f{m}" for m in range(len(TYPES)))
            + ", event_time = excluded.event_time",
            [*given, ago(100 - n)],
        )
    sync(database.url)
    assert retain(connection).removed == count - 1


def test_changed_columns_are_found_the_same(database: TestDatabase, connection: psycopg.Connection) -> None:
    """Widened, added, dropped and restored after the sync: what the files have is what history says."""
    features = [
        Feature("i", "integer"),
        Feature("f", "real"),
        Feature("v", "varchar(5)"),
        Feature("gone", "text"),
        Feature("n", "numeric(6,2)"),
    ]
    past = Past(database, connection, FeatureSet("weather", {"k": "bigint"}, features, retention="5 days"))
    for n in range(5):
        connection.execute(
            "INSERT INTO weather VALUES (%s, 1, 0.1, 'x', 'y', 1.50, %s) ON CONFLICT (k) DO UPDATE SET i = excluded.i + 1, event_time = excluded.event_time",
            [1, ago(20 - n)],
        )
    sync(database.url)
    for name, kind in (("i", "bigint"), ("f", "double precision"), ("v", "text"), ("n", "numeric(8,2)")):
        with connection.transaction():
            history.widen_feature(connection, past.registered, name, kind)
    with connection.transaction():
        history.drop_feature(connection, past.registered, "gone")
        history.add_feature(connection, past.registered, Feature("new", "text"))
    assert retain(connection).removed == 4
    sync(database.url)
    with connection.transaction():
        history.restore_feature(connection, past.registered, past.registered.dropped_features[0].feature_id)
    for n in range(3):
        connection.execute("UPDATE weather SET new = 'z', event_time = %s", [ago(10 - n)])
    sync(database.url)
    assert retain(connection).removed == 3


def test_passes_and_batches(past: Past, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verification, "PASS_VERSIONS", 3)
    monkeypatch.setattr(copied, "MOST_ROWS", 2)
    assert retain(past.connection).removed == len(past.every) - 2
    assert len(past.left) == 2


def _altered(change: Callable[[pa.Table], pa.Table]) -> Callable[[Path], None]:
    def alter(path: Path) -> None:
        table = pq.read_table(path, partitioning=None)
        pq.write_table(change(table), path, store_schema=False)

    return alter


def _other(column: str, value: Any) -> Callable[[pa.Table], pa.Table]:
    def change(table: pa.Table) -> pa.Table:
        at = table.schema.get_field_index(column)
        values = table.column(at).to_pylist()
        values[0] = value
        return table.set_column(at, table.schema.field(at), pa.array(values, table.schema.types[at]))

    return change


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 0xFF
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_altered(_other("a", -0.0)), "another 'a'"),
        (_altered(_other("a", None)), "another 'a'"),
        (_altered(_other("b", "")), "another 'b'"),
        (_altered(_other("k", 7)), "another 'k'"),
        (_altered(_other("event_time", ago(50))), "another 'event_time'"),
        (_altered(_other("recorded_at", ago(50))), "another 'recorded_at'"),
        (_altered(_other("xid", 5)), "another 'xid'"),
        (_altered(_other("deleted", True)), "another 'deleted'"),
        (_altered(_other("version_id", 10**6)), "does not hold version"),
        (_altered(lambda table: table.slice(1)), "does not hold version"),
        (_altered(lambda table: pa.concat_tables([table, table])), "twice|2 times"),
        (_truncate, "cannot be read"),
        (lambda path: path.unlink(), "is gone"),
        (lambda path: path.write_bytes(b""), "cannot be read"),
        (lambda path: path.write_bytes(b"PAR1 no Parquet file at all PAR1"), "cannot be read"),
    ],
)
def test_a_damaged_copy_lets_nothing_leave(
    past: Past, warehouse: Path, damage: Callable[[Path], None], message: str
) -> None:
    path = files(warehouse)[len(message) % 2]
    sound = path.read_bytes()
    damage(path)
    with pytest.raises(CopyBroken, match=message) as refused:
        retain(past.connection)
    assert "fsdb sync --rebuild weather" in str(refused.value)
    assert past.left == past.every
    assert past.registered.reach is None
    assert past.removals() == []
    path.write_bytes(sound)
    assert retain(past.connection).removed == len(past.every) - 2


def test_a_flipped_byte_lets_nothing_wrong_leave(past: Past, warehouse: Path) -> None:
    """Wherever it is: either it is noticed, or the values are what they were."""
    for path in files(warehouse):
        _flip(path)
    try:
        retain(past.connection)
    except FsdbError:
        assert past.left == past.every


def test_a_copy_of_another_set_is_no_copy(past: Past, warehouse: Path) -> None:
    one, other = files(warehouse)
    one.write_bytes(other.read_bytes())
    with pytest.raises(CopyBroken, match="weather"):
        retain(past.connection)
    assert past.left == past.every


def test_a_value_that_the_copy_has_no_column_for_stays(past: Past) -> None:
    """History was changed past fsdb: a value in a column that came after the sync."""
    with past.connection.transaction():
        history.add_feature(past.connection, past.registered, Feature("new", "text"))
    past.connection.execute("SET session_replication_role = replica")
    past.connection.execute("UPDATE fsdb_history.weather SET new = 'x' WHERE version_id = 3")
    past.connection.execute("RESET session_replication_role")
    with pytest.raises(CopyBroken, match="Version 3 of weather has another 'new'"):
        retain(past.connection)
    copy = columnar.read_copy(past.connection, "weather")
    assert copy is not None
    assert copy.rows == len(past.left)
    assert get_set(past.connection, "weather").reach is None


def test_the_whole_folder_gone(past: Past, warehouse: Path) -> None:
    warehouse.rename(warehouse.with_name("elsewhere"))
    with pytest.raises(CopyBroken):
        retain(past.connection)
    assert past.left == past.every
    warehouse.with_name("elsewhere").rename(warehouse)
    assert retain(past.connection).removed == len(past.every) - 2
    assert pc.sum(pa.array([file.rows for file in columnar.read_copy(past.connection, "weather").files])).as_py() == 30  # type: ignore[union-attr]
