"""fsdb sync, and store.sync."""

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

import fsdb
from fsdb import columnar
from fsdb.cli import main
from fsdb.columnar import read_copy
from fsdb.errors import ChangeRefused, ConnectionFailed
from tests.columnar.made import history_ids, ids, simple_set, write
from tests.conftest import TestDatabase


@pytest.fixture(autouse=True)
def database_of_commands(database: TestDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FSDB_URL", database.url)


def test_the_store_syncs_where_it_was_told(
    database: TestDatabase, connection: psycopg.Connection, tmp_path: Path
) -> None:
    simple_set(connection)
    write(connection, 10)
    told: list[tuple[str, int]] = []
    with fsdb.connect(database.url, warehouse=str(tmp_path / "mine")) as store:
        result = store.sync(progress=lambda *step: told.append(step[:2]))
        assert "readings" in repr(result)
        assert "<table" in result._repr_html_()
        with store.transaction(), pytest.raises(ChangeRefused, match="outside"):
            store.sync()
    assert told[-1] == ("readings", 10)
    copy = read_copy(connection, "readings")
    assert copy is not None
    assert copy.files[0].path.startswith(str(tmp_path / "mine"))


def test_the_command_shows_what_it_did(connection: psycopg.Connection, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sync"]) == 0
    assert "There are no feature sets yet." in capsys.readouterr().out
    simple_set(connection)
    simple_set(connection, "others")
    write(connection, 10)
    assert main(["sync", "readings", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["feature_set"], row["versions"], row["rows_in_copy"]) == ("readings", 10, 10)
    copy = read_copy(connection, "readings")
    assert copy is not None
    assert (row["files"], row["bytes"]) == (len(copy.files), copy.bytes)
    assert {Path(file.path).parent.parent for file in copy.files} == {Path(row["location"])}
    assert read_copy(connection, "others") is None
    write(connection, 10)
    assert main(["sync", "--compact", "--expire", "1 minute"]) == 0
    printed = capsys.readouterr()
    assert "readings" in printed.out
    assert "others" in printed.out
    assert "20 versions merged into larger files" in printed.err
    assert "Removed 0 files." in printed.err
    assert main(["sync", "--rebuild", "readings"]) == 0
    assert ids(read_copy(connection, "readings")) == history_ids(connection)
    assert main(["sync", "--expire", "1 month"]) == 1
    assert main(["sync", "nothing"]) == 1


def test_a_sync_fails_where_the_copy_s_files_are_gone(
    connection: psycopg.Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    simple_set(connection)
    write(connection, 10)
    assert main(["sync"]) == 0
    assert re.search(r"readings: 1 files of [\d,]+ bytes in /\S+\.", capsys.readouterr().err)
    copy = read_copy(connection, "readings")
    assert copy is not None
    Path(copy.files[0].path).unlink()
    for more in (0, 10):  # whether there is anything to write or not
        if more:
            write(connection, more)
        assert main(["sync"]) == 1
        assert f"cannot be read: {copy.files[0].path} is gone" in capsys.readouterr().err
    assert main(["sync", "--rebuild", "readings"]) == 0
    assert main(["sync"]) == 0
    assert ids(read_copy(connection, "readings")) == history_ids(connection)


def test_watching_waits_for_a_server_that_is_away(
    connection: psycopg.Connection, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    simple_set(connection)
    write(connection, 10)
    whole = columnar.sync
    turns = iter([ConnectionFailed("The server went away."), None, KeyboardInterrupt()])

    def sync(*arguments: Any, **options: Any) -> Any:
        failure = next(turns)
        if failure is not None:
            raise failure
        return whole(*arguments, **options)

    monkeypatch.setattr(columnar, "sync", sync)
    assert main(["sync", "--watch", "0.1"]) == 130
    printed = capsys.readouterr()
    assert "The server went away. Trying again in 0.1 s." in printed.err
    assert "readings: 10 versions in" in printed.out
    assert ids(read_copy(connection, "readings")) == history_ids(connection)


def test_a_server_that_is_lost_is_said(
    database: TestDatabase, connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    simple_set(connection)
    write(connection, 10)
    end = sql.SQL("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'fsdb sync'")

    def cut(*_: Any) -> None:
        connection.execute(end)

    with pytest.raises(ConnectionFailed, match="went away"):
        columnar.sync(database.url, progress=cut)
    columnar.sync(database.url)
    assert ids(read_copy(connection, "readings")) == history_ids(connection)


def test_an_interrupted_sync_leaves_no_files(
    database: TestDatabase, connection: psycopg.Connection, warehouse: Path
) -> None:
    simple_set(connection)
    write(connection, 10)

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        columnar.sync(database.url, progress=interrupt)
    assert list(warehouse.rglob("*.parquet")) == []
    columnar.sync(database.url)
    assert ids(read_copy(connection, "readings")) == history_ids(connection)


def test_a_database_made_from_another_has_its_own_folder(
    database: TestDatabase, server_url: str, warehouse: Path
) -> None:
    with database.connect() as connection:
        simple_set(connection)
        write(connection, 10)
    columnar.sync(database.url)
    name = f"{database.name}_twin"
    with psycopg.connect(server_url, autocommit=True) as admin:
        admin.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(database.name))
        )
    twin = TestDatabase(make_conninfo(server_url, dbname=name), name)
    try:
        with twin.connect() as theirs, database.connect() as ours:
            assert ids(read_copy(theirs, "readings")) == history_ids(theirs)
            write(theirs, 5)
            columnar.sync(twin.url)
            write(ours, 7)
            columnar.sync(database.url)
            columnar.expire(twin.url, timedelta(0))
            for connection in (theirs, ours):
                assert ids(read_copy(connection, "readings")) == history_ids(connection)
            columnar.rebuild(twin.url, "readings")  # from here on it needs no file of the other
            columnar.compact(database.url)
            columnar.expire(database.url, timedelta(0))
            for connection in (theirs, ours):
                assert ids(read_copy(connection, "readings")) == history_ids(connection)
            assert len(list(warehouse.iterdir())) == 2
    finally:
        with psycopg.connect(server_url, autocommit=True) as admin:
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
