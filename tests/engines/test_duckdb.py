"""What is DuckDB's own: files that break, memory, what is left behind, wide sets, files that need not be read."""

import gc
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from fsdb import history
from fsdb.columnar import Copy, read_copy, sync
from fsdb.definitions import Feature, FeatureSet
from fsdb.errors import CopyBroken, EngineUnavailable, InvalidData
from fsdb.training import TrainingSet, build, load, save, verify
from tests.conftest import TestDatabase
from tests.engines.world import FAR, HOUR, OLD, TICK, T, instants
from tests.oracle import Version
from tests.training.made import made_set, put
from tests.training.test_types import NAMES, REFERENCES, TYPES


def readings(database: TestDatabase, connection: psycopg.Connection, days: int = 3, **options: Any) -> None:
    """A set with a file for each of some days: key k has the value 100 * day + k at noon of each."""
    registered = made_set(connection, FeatureSet("readings", {"k": "bigint"}, [Feature("x", "integer")], **options))
    number = 0
    for day in range(days):
        versions = []
        for k in range(3):
            number += 1
            versions.append(Version(number, (k,), {"x": 100 * day + k}, T + day * 24 * HOUR, T))
        put(connection, registered, versions)
        sync(database.url)


def spine(*rows: tuple[int, Any]) -> pa.Table:
    """Keys and moments."""
    return pa.table({"k": [k for k, _ in rows], "at": instants(*(at for _, at in rows))})


def asked(connection: psycopg.Connection, rows: pa.Table, engine: str = "duckdb", **options: Any) -> TrainingSet:
    return build(connection, spine=rows, features=["readings.x"], timestamp="at", engine=engine, **options)


def current(connection: psycopg.Connection) -> Copy:
    copy = read_copy(connection, "readings")
    assert copy is not None
    return copy


def test_files_that_cannot_hold_the_answer_are_not_read(database: TestDatabase, connection: psycopg.Connection) -> None:
    readings(database, connection, max_age="30 hours")
    built = asked(connection, spine((1, T), (2, T + HOUR)))
    (report,) = built.result.reports
    assert (report.files_read, report.files_pruned, report.tail_rows) == (1, 2, 0)
    assert built.to_arrow()["x"].to_pylist() == [1, 2]
    built = asked(connection, spine((1, T + 49 * HOUR)))
    (report,) = built.result.reports
    assert (report.files_read, report.files_pruned) == (2, 1)
    assert built.to_arrow()["x"].to_pylist() == [201]
    assert asked(connection, spine((99, T + 49 * HOUR))).result.reports[0].files_read == 0
    put_late = "INSERT INTO fsdb_history.readings (k, x, event_time) VALUES (1, 7, %s)"
    connection.execute(put_late, [T + 48 * HOUR + TICK])
    built = asked(connection, spine((1, T + 49 * HOUR)))
    assert built.result.reports[0].tail_rows == 1
    assert built.to_arrow()["x"].to_pylist() == [7]
    assert "readings" in str(built.explain())
    assert "rows in tail" in built.plan


@pytest.mark.parametrize(
    ("kind", "stored", "keys"),
    [
        ("bigint", pa.int64(), (-5, 0, 7)),
        ("text", pa.string(), ("a", "b", "é" * 40)),
        ("date", pa.date32(), (OLD.date(), T.date(), FAR.date())),
    ],
)
def test_row_groups_that_no_key_can_be_in_are_not_read(
    database: TestDatabase,
    connection: psycopg.Connection,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    stored: pa.DataType,
    keys: tuple[Any, ...],
) -> None:
    monkeypatch.setattr("fsdb.columnar.files.GROUP_ROWS", 2)
    registered = made_set(connection, FeatureSet("readings", {"k": kind}, [Feature("x", "integer")]))
    versions = [(key, day) for key in keys for day in range(4)]
    put(connection, registered, [Version(n, (key,), {"x": n}, T + day * HOUR, T) for n, (key, day) in enumerate(versions, 1)])  # fmt: skip
    sync(database.url)
    for number, key in enumerate(keys):
        # A key has two groups, of which the second is later than the spine's last moment.
        for at, groups, x in ((T + 5 * HOUR, 2, 4 * number + 4), (T + HOUR, 1, 4 * number + 2), (T - HOUR, 0, None)):
            rows = pa.table({"k": pa.array([key, None], stored), "at": instants(at, at)})
            built = asked(connection, rows)
            (report,) = built.result.reports
            # A file of which no version is early enough is not even opened.
            assert (report.groups_read, report.groups_pruned) == (
                (groups, 2 * len(keys) - groups) if groups else (0, 0)
            )
            assert built.to_arrow()["x"].to_pylist() == [x, None]


@pytest.mark.parametrize("damage", ["gone", "cut short", "overwritten"])
def test_a_file_that_breaks(database: TestDatabase, connection: psycopg.Connection, damage: str) -> None:
    readings(database, connection, days=1)
    path = Path(current(connection).files[0].path.removeprefix("file://"))
    data = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(
            data[: len(data) // 2] if damage == "cut short" else b"PAR1" + b"\0" * (len(data) - 8) + b"PAR1"
        )
    with (
        connection.transaction(),
        pytest.raises(CopyBroken, match=r"copy of readings cannot be read: .*parquet is (gone|damaged)"),
    ):
        asked(connection, spine((1, T)))
    assert asked(connection, spine((1, T)), engine="postgres").to_arrow()["x"].to_pylist() == [1]


def test_nothing_is_left_behind(database: TestDatabase, connection: psycopg.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    readings(database, connection, days=1)
    built = asked(connection, spine((1, T)))
    reader = built.to_batches()
    assert list(tmp_path.glob("fsdb-duckdb-*"))
    del built
    assert reader.read_all()["x"].to_pylist() == [1]
    del reader
    gc.collect()
    assert not list(tmp_path.glob("fsdb-duckdb-*"))


def test_a_size_of_memory_that_is_none(database: TestDatabase, connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    readings(database, connection, days=1)
    monkeypatch.setenv("FSDB_MEMORY", "plenty")
    with pytest.raises(EngineUnavailable, match="FSDB_MEMORY"):
        asked(connection, spine((1, T)))
    monkeypatch.setenv("FSDB_MEMORY", "64MB")
    assert asked(connection, spine((1, T))).to_arrow()["x"].to_pylist() == [1]


@pytest.mark.slow
def test_an_answer_larger_than_memory_goes_to_disk(database: TestDatabase, connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    registered = made_set(connection, FeatureSet("notes", {"k": "bigint"}, [Feature("note", "text")]))
    put(connection, registered, [Version(k + 1, (k,), {"note": f"{k}" * 500}, T, T) for k in range(3)])
    sync(database.url)
    monkeypatch.setenv("FSDB_MEMORY", "100MB")
    large = pa.table({"k": pa.array(range(600_000)), "at": instants(*[T] * 600_000)})
    large = large.set_column(0, "k", pc.bit_wise_and(large["k"], 3))
    built = build(connection, spine=large, features=["notes.note"], timestamp="at", engine="duckdb")
    lengths = []
    with built.to_batches() as reader:
        for batch in reader:
            assert batch.num_rows < 100_000
            lengths += pc.binary_length(batch["note"]).to_pylist()
    assert lengths == [500, 500, 500, None] * 150_000


def test_a_collation_that_duckdb_lacks(database: TestDatabase, connection: psycopg.Connection) -> None:
    connection.execute('CREATE COLLATION loose FROM "C"')
    # Servers without ICU have no other way to such a collation.
    connection.execute("SET allow_system_table_mods = on")
    connection.execute("UPDATE pg_collation SET collisdeterministic = false WHERE collname = 'loose'")
    made_set(connection, FeatureSet("words", {"w": "text"}, [Feature("x", "integer")]))
    connection.execute("ALTER TABLE fsdb_history.words ALTER w TYPE text COLLATE loose")
    with pytest.raises(EngineUnavailable, match="nondeterministic collation"):
        build(connection, spine=pa.table({"w": ["A"], "at": instants(T)}), features=["words.x"], timestamp="at", engine="duckdb")  # fmt: skip


@pytest.mark.parametrize("state", ["never", "synced", "partly"])
def test_every_type(database: TestDatabase, connection: psycopg.Connection, state: str, tmp_path: Path) -> None:
    with connection.transaction():
        features = [Feature(name, kind) for kind, name in NAMES.items()]
        history.create(connection, FeatureSet("typed", {"n": "integer"}, features))
    extremes = {"real": ["NaN", "-0"], "double precision": ["NaN", "-0", "1.7976931348623157e308"], "numeric": ["NaN", "-1e30"],
                "numeric(40,2)": ["NaN", "-0.5"], "date": ["4713-01-01 BC", "1582-10-10"], "text": ["é" * 5000],
                "timestamp with time zone": ["4713-01-01 BC", "1582-10-10 01:02:03.000004+00", "290000-01-01"]}  # fmt: skip
    texts = {kind: [text for text, _, _ in entries] + extremes.get(kind, []) for kind, (_, entries) in TYPES.items()}
    for n in range(8):
        values = [of[n] if n < len(of) else None for of in texts.values()]
        connection.execute(f"INSERT INTO typed VALUES ({', '.join(['%s'] * (len(values) + 2))})", [n, *values, T])  # noqa: S608
        if state == "partly" and n == 3:
            sync(database.url)
    if state == "synced":
        sync(database.url)
    rows = pa.table({"n": pa.array([*range(8, -1, -1), None], pa.int16()), "at": instants(*[T] * 10)})
    wanted = build(connection, spine=rows, features=REFERENCES, timestamp="at", engine="postgres")
    built = build(connection, spine=rows, features=REFERENCES, timestamp="at", engine="duckdb")
    assert built.to_arrow().schema.equals(wanted.to_arrow().schema, check_metadata=True)
    for name, ours, theirs in zip(
        wanted.to_arrow().column_names, built.column_hashes, wanted.column_hashes, strict=True
    ):
        assert ours == theirs, name
    built.to_parquet(tmp_path / "typed.parquet")
    assert pq.read_table(tmp_path / "typed.parquet").num_rows == 10
    save(connection, built, "kept")
    assert verify(connection, load(connection, "kept").saved, "postgres") == built.content_hash


@pytest.mark.parametrize(
    ("kind", "text"), [("timestamp with time zone", "infinity"), ("date", "-infinity"), ("numeric(10,2)", "NaN")]
)
@pytest.mark.parametrize("synced", [False, True])
def test_what_arrow_cannot_hold_is_refused_where_it_comes_out(
    database: TestDatabase, connection: psycopg.Connection, kind: str, text: str, synced: bool
) -> None:
    with connection.transaction():
        history.create(connection, FeatureSet("odd", {"k": "bigint"}, [Feature("x", kind)], max_age="1 hour"))
    connection.execute("INSERT INTO odd VALUES (1, %s, %s)", [text, T])
    if synced:
        sync(database.url)
    for engine in ("postgres", "duckdb"):
        with connection.transaction(force_rollback=True):
            with pytest.raises(InvalidData, match="'x'"):
                build(connection, spine=spine((1, T)), features=["odd.x"], timestamp="at", engine=engine)
            aged = build(connection, spine=spine((1, T + 2 * HOUR)), features=["odd.x"], timestamp="at", engine=engine)
            assert aged.to_arrow()["x"].to_pylist() == [None]


def test_features_that_come_go_and_widen(database: TestDatabase, connection: psycopg.Connection) -> None:
    """Files keep the columns of their time; a join reads them by field id, under the names of now."""
    with connection.transaction():
        registered = history.create(
            connection, FeatureSet("wide", {"k": "integer"}, [Feature("x", "integer"), Feature("gone", "text")])
        )
    connection.execute("INSERT INTO wide (k, x, gone, event_time) VALUES (1, 5, 'a', %s)", [T])
    sync(database.url)
    with connection.transaction():
        history.add_feature(connection, registered, Feature("y", "real", default=2.5))
    before = build(connection, spine=spine((1, T)), features=["wide.x", "wide.y", "wide.gone"], timestamp="at", engine="duckdb")  # fmt: skip
    assert before.to_arrow()["y"].to_pylist() == [2.5]
    connection.execute("UPDATE wide SET y = 1.5, event_time = %s", [T + timedelta(days=1)])
    sync(database.url)
    rows = spine((1, T), (1, T + timedelta(days=2)))
    for engine in ("postgres", "duckdb"):
        built = build(connection, spine=rows, features=["wide.x", "wide.y", "wide.gone"], timestamp="at", engine=engine)
        assert built.to_arrow()["y"].to_pylist() == [2.5, 1.5]
        assert built.to_arrow()["gone"].to_pylist() == ["a", "a"]


@pytest.mark.slow
def test_more_columns_than_postgresql_has(database: TestDatabase, connection: psycopg.Connection) -> None:
    sets = [f"set_{n}" for n in range(3)]
    with connection.transaction():
        for name in sets:
            features = [Feature(f"{name}_f{n}", "integer") for n in range(800)]
            history.create(connection, FeatureSet(name, {"k": "bigint"}, features))
    for name in sets:
        connection.execute(f"INSERT INTO {name} (k, {name}_f5, event_time) SELECT g, g, %s FROM generate_series(1, 50) g", [T])  # noqa: S608  # fmt: skip
    sync(database.url)
    references = [f"{name}.{name}_f{n}" for n in range(800) for name in sets]
    built = build(connection, spine=spine((7, T), (99, T)), features=references, timestamp="at", engine="duckdb")
    table = built.to_arrow()
    assert table.num_columns == 2402
    assert table.column_names[2:] == [reference.partition(".")[2] for reference in references]
    assert [table[f"{name}_f5"].to_pylist() for name in sets] == [[7, None]] * 3
