"""The warehouse in hostile hands: what its files and the catalog's rows name is followed within the copy's own folder alone."""

import json
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pyiceberg.manifest import DataFileContent, write_manifest, write_manifest_list
from pyiceberg.serializers import FromInputFile

from fsdb import columnar, history
from fsdb.columnar import read_copy
from fsdb.columnar.iceberg import file_io
from fsdb.columnar.places import is_table_of, is_within, table_folder
from fsdb.columnar.reading import forget
from fsdb.definitions import Feature, FeatureSet
from fsdb.errors import CopyBroken
from tests.conftest import TestDatabase

NOW = timedelta(0)


@pytest.fixture
def warehouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "warehouse"
    monkeypatch.setenv("FSDB_WAREHOUSE", str(folder))
    return folder


@pytest.fixture
def synced(connection: psycopg.Connection, database: TestDatabase, warehouse: Path) -> Iterator[psycopg.Connection]:
    """A set with a copy of two versions."""
    assert warehouse.name == "warehouse"
    made = FeatureSet("readings", keys={"k": "bigint"}, features=[Feature("x", "double precision")])
    history.create(connection, made)
    connection.execute("INSERT INTO readings (k, x) VALUES (1, 1), (2, 2)")
    columnar.sync(database.url)
    yield connection
    forget()


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """A folder that is nobody's copy."""
    folder = tmp_path / "victim"
    (folder / "docs").mkdir(parents=True)
    (folder / "docs" / "thesis.txt").write_text("precious")
    return folder


def metadata_of(connection: psycopg.Connection) -> Path:
    row = connection.execute("SELECT metadata_location FROM fsdb_iceberg.iceberg_tables").fetchone()
    assert row is not None
    return Path(row[0])


def changed(connection: psycopg.Connection, **content: Any) -> None:
    """Whoever may write the warehouse writes the metadata file."""
    path = metadata_of(connection)
    path.write_text(json.dumps({**json.loads(path.read_text()), **content}))
    forget()


def owner_of(connection: psycopg.Connection) -> str:
    row = connection.execute("SELECT warehouse_id FROM fsdb.warehouses").fetchone()
    assert row is not None
    return str(row[0])


def refused(connection: psycopg.Connection, database: TestDatabase, match: str) -> None:
    """Neither a reader nor any work on the copy goes on with it."""
    forget()
    with pytest.raises(CopyBroken, match=match):
        read_copy(connection, "readings")
    connection.execute("INSERT INTO readings (k, x) VALUES (3, 3) ON CONFLICT (k) DO UPDATE SET x = readings.x + 1")
    for work in (columnar.sync, columnar.compact, lambda url: columnar.expire(url, NOW)):
        with pytest.raises(CopyBroken, match=match):
            work(database.url)


def test_properties_that_name_code_places_and_servers(
    synced: psycopg.Connection, database: TestDatabase, victim: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[str] = []
    monkeypatch.setattr("importlib.import_module", lambda name, *_: loaded.append(name))
    mark = victim / "mark"
    former = json.loads(metadata_of(synced).read_text())
    hostile = {
        "/bin/sh": "",
        "-c": "",
        f"touch {mark}": "",
        "py-io-impl": "subprocess.Popen",
        "py-catalog-impl": "subprocess.Popen",
        "write.py-location-provider.impl": "subprocess.Popen",
        "write.metadata.path": str(victim),
        "write.data.path": str(victim),
        "write.metadata.delete-after-commit.enabled": "true",
        "write.metadata.previous-versions-max": "1",
        "s3.endpoint": "http://127.0.0.1:9",
        "s3.signer": "subprocess.Popen",
        "s3.signer.uri": "http://127.0.0.1:9",
    }
    log = [
        {"metadata-file": str(victim / "docs" / "thesis.txt"), "timestamp-ms": former["last-updated-ms"] - 1000 + n}
        for n in range(5)
    ]
    changed(synced, properties={**former["properties"], **hostile}, **{"metadata-log": log})
    assert read_copy(synced, "readings") is not None
    synced.execute("INSERT INTO readings (k, x) VALUES (3, 3)")
    columnar.sync(database.url)
    columnar.compact(database.url)
    columnar.expire(database.url, NOW)
    assert not {"subprocess"} & set(loaded)
    assert sorted(path.name for path in victim.rglob("*")) == ["docs", "thesis.txt"]
    assert not hostile.keys() & json.loads(metadata_of(synced).read_text())["properties"].keys()
    copy = read_copy(synced, "readings")
    assert copy is not None
    assert copy.rows == 3


@pytest.mark.parametrize("place", ["victim", "victim/docs", "warehouse/{owner}/../../victim", "warehouse"])
def test_a_location_that_is_not_the_copys(
    synced: psycopg.Connection, database: TestDatabase, victim: Path, place: str
) -> None:
    changed(synced, location=str(victim.parent / place.format(owner=owner_of(synced))))
    for work in (columnar.sync, columnar.compact, lambda url: columnar.expire(url, NOW)):
        with pytest.raises(CopyBroken, match="is not in the copy's folder"):
            work(database.url)
    assert [path.name for path in (victim / "docs").iterdir()] == ["thesis.txt"]


def test_a_row_that_names_another_metadata_file(
    synced: psycopg.Connection, database: TestDatabase, victim: Path
) -> None:
    genuine = metadata_of(synced)
    owner = owner_of(synced)
    shutil.copytree(genuine.parent, victim / "metadata")
    (genuine.parent / "link").symlink_to(victim / "metadata")
    for place in (
        victim / "metadata" / genuine.name,
        f"file://{victim}/metadata/{genuine.name}",
        f"{victim}/{owner}/x/../../metadata/{genuine.name}",
        f"{genuine.parents[1]}/metadata/../../../../victim/metadata/{genuine.name}",
        f"{genuine.parent}/link/{genuine.name}",
        f"http://127.0.0.1:9/{genuine.name}",
        "/etc/passwd",
        "",
    ):
        synced.execute("UPDATE fsdb_iceberg.iceberg_tables SET metadata_location = %s", (str(place),))
        refused(synced, database, "cannot be read")


def snapshot_with(connection: psycopg.Connection, **changes: Any) -> None:
    """A metadata file whose manifests, lawfully in the copy's folder, have other entries."""
    location = str(metadata_of(connection))
    io = file_io(location)
    metadata = FromInputFile.table_metadata(io.new_input(location))
    snapshot = metadata.current_snapshot()
    assert snapshot is not None
    manifest = snapshot.manifests(io)[0]
    (entry,) = manifest.fetch_manifest_entry(io)
    for place, name in enumerate(("content", "file_path")):
        if name in changes:
            entry.data_file[place] = changes[name]
    folder = Path(location).parent
    with write_manifest(
        2, metadata.spec(), metadata.schema(), io.new_output(str(folder / "made.avro")), snapshot.snapshot_id, "null"
    ) as writer:
        writer.add_entry(entry)
    with write_manifest_list(
        2, io.new_output(str(folder / "list.avro")), snapshot.snapshot_id, None, 1, "null"
    ) as writing:
        writing.add_manifests([writer.to_manifest_file()])
    content = json.loads(Path(location).read_text())
    content["snapshots"][-1]["manifest-list"] = str(folder / "list.avro")
    Path(location).write_text(json.dumps(content))
    forget()


def test_manifests_that_name_other_files(synced: psycopg.Connection, database: TestDatabase, victim: Path) -> None:
    copy = read_copy(synced, "readings")
    assert copy is not None
    own = copy.files[0].path
    shutil.copy(own, victim / "stolen.parquet")
    (Path(own).parent / "link.parquet").symlink_to(victim / "stolen.parquet")
    (Path(own).parent / "folder").symlink_to(victim)
    for place in (
        victim / "stolen.parquet",
        f"{Path(own).parent}/../../../../victim/stolen.parquet",
        Path(own).parent / "link.parquet",
        Path(own).parent / "folder" / "stolen.parquet",
        f"{Path(own).parent}/*.parquet",
        f"file://{victim}/stolen.parquet",
        "http://127.0.0.1:9/x.parquet",
        "s3://bucket/x.parquet",
        "/dev/zero",
    ):
        snapshot_with(synced, file_path=str(place))
        with pytest.raises(CopyBroken, match="is not in the copy's folder"):
            read_copy(synced, "readings")
    snapshot_with(synced, file_path=own)
    assert read_copy(synced, "readings") == copy


def test_files_of_deletes_are_refused(synced: psycopg.Connection) -> None:
    snapshot_with(synced, content=DataFileContent.POSITION_DELETES)
    with pytest.raises(CopyBroken, match="is not a Parquet file of rows"):
        read_copy(synced, "readings")


def test_expire_removes_nothing_elsewhere(
    synced: psycopg.Connection, database: TestDatabase, warehouse: Path, victim: Path
) -> None:
    owner = owner_of(synced)
    live = metadata_of(synced).parents[1]
    (warehouse / owner / "linked").symlink_to(victim)
    (live / "data" / "linked").symlink_to(victim)
    (victim / owner / "inside").mkdir(parents=True)
    (victim / owner / "inside" / "thesis.txt").write_text("precious")
    before = sorted(victim.rglob("*"))
    kept = sorted(path for path in live.glob("data/*.parquet"))
    places = [
        f"{warehouse}/{owner}/../../victim/docs",
        f"{warehouse}/{owner}/../../victim",
        f"{warehouse}/{owner}/..",
        f"{warehouse}/{owner}/.",
        f"{warehouse}/{owner}/",
        f"{warehouse}/{owner}",
        f"{warehouse}/{owner}/linked",
        f"{warehouse}/{owner}/linked/docs",
        f"{warehouse}/{owner}//{live.name}",
        f"{warehouse}/{owner}/{live.name}/",
        f"{warehouse}/{owner}/{live.name}/data",
        f"file://{warehouse}/{owner}/{live.name}",
        f"{victim}/{owner}/inside",
        f"file://{victim}/{owner}/inside",
        f"s3://bucket/{owner}/table",
        str(victim),
        "/",
        "",
    ]
    synced.execute(
        "INSERT INTO fsdb.copy_leftovers (location, folder, left_at) SELECT unnest(%s::text[]), true, now() - interval '30 days'",
        (places,),
    )
    columnar.expire(database.url, NOW)
    assert sorted(victim.rglob("*")) == before
    assert sorted(path for path in live.glob("data/*.parquet")) == kept
    assert read_copy(synced, "readings") is not None
    assert not [path for path in warehouse.parent.rglob("claim-*") if path.parent.parent != warehouse]


def test_expire_removes_what_is_its_own(
    synced: psycopg.Connection, database: TestDatabase, warehouse: Path, victim: Path
) -> None:
    """A folder that a row names, whatever else is in it: links are removed, and not followed."""
    old = metadata_of(synced).parents[1]
    columnar.rebuild(database.url, "readings")
    (old / "linked").symlink_to(victim)
    synced.execute("UPDATE fsdb.copy_leftovers SET left_at = now() - interval '30 days'")
    columnar.expire(database.url, NOW)
    assert not old.exists()
    assert (victim / "docs" / "thesis.txt").read_text() == "precious"
    assert list((warehouse / owner_of(synced)).iterdir())


def test_a_metadata_file_that_is_deep_large_or_nonsense(synced: psycopg.Connection, database: TestDatabase) -> None:
    path = metadata_of(synced)
    genuine = json.loads(path.read_text())
    snapshots = genuine["snapshots"]
    for text in (
        "[" * 100_000,
        '{"a":' * 100_000,
        "null",
        "",
        "\0" * 100,
        json.dumps({**genuine, "snapshots": [{**snapshots[0], "summary": {"operation": "append"}}]}),
        json.dumps({**genuine, "snapshots": [{**snapshots[0], "manifest-list": "/dev/zero"}]}),
        json.dumps({**genuine, "schemas": []}),
        json.dumps({**genuine, "properties": {**genuine["properties"], "fsdb.layout": "x"}}),
    ):
        path.write_text(text)
        refused(synced, database, "cannot be read")


def test_places() -> None:
    assert is_within("/w/o/t/data/a-1.parquet", "/w/o/t")
    assert is_within("/w/o/t/data/bucket=3/a.parquet", "/w/o/t")
    assert is_within("s3://b/w/o/t/data/a.parquet", "s3://b/w/o/t")
    assert is_within("file:///w/o/t/data/a.parquet", "/w/o/t")
    for place in (
        "/w/o/t",
        "/w/o/t/",
        "/w/o/tt/a",
        "/w/o/t/../u/a",
        "/w/o/t/./a",
        "/w/o/t//a",
        "/w/o/t/.a",
        "/w/o/t/%2e%2e/a",
        "/w/o/t/a*",
        "/w/o/t/a?b",
        "/w/o/t/a\nb",
        "/w/o/t/a\0",
        "/w/o/t/a b",
        "s3://b/w/o/t/a",
        "file:/w/o/t/a",
        "FILE:///w/o/t/a",
        "w/o/t/a",
        "",
    ):
        assert not is_within(place, "/w/o/t"), place
    assert not is_within("s3://c/w/o/t/a", "s3://b/w/o/t")
    assert not is_within("s3a://b/w/o/t/a", "s3://b/w/o/t")
    assert is_table_of("/w/o/Größe 1", "/w/o")
    assert not any(
        is_table_of(place, "/w/o") for place in ("/w/o/", "/w/o/..", "/w/o/.", "/w/o", "/w/o/a/b", "/w/o/a\n")
    )
    assert table_folder("/w/o/t-1/metadata/00001-a.metadata.json", ["o"]) == "/w/o/t-1"
    for place in ("/w/x/t/metadata/1.metadata.json", "/w/o/t/metadata/1.gz.metadata.json", "/w/o/t/1.metadata.json"):
        with pytest.raises(OSError, match="is not in the copy's folder"):
            table_folder(place, ["o"])
