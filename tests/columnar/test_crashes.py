"""Whatever dies when: the copy equals history in the end, each version once."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from fsdb import columnar
from fsdb.columnar import read_copy, sync, table
from fsdb.columnar.catalog import DatabaseCatalog
from fsdb.columnar.files import FileWriter
from fsdb.columnar.work import Work
from fsdb.errors import ConnectionFailed
from tests.columnar.made import history_ids, ids, simple_set, tail_ids, write
from tests.conftest import TestDatabase

# Where a process ends: before or after the call of a method.
STEPS: dict[str, tuple[type, str, bool]] = {
    "before files": (FileWriter, "write", False),
    "in the files": (FileWriter, "flush", True),
    "files written": (FileWriter, "close", True),
    "before commit": (table.Change, "commit", False),
    "after commit": (table.Change, "commit", True),
    "compaction noted": (Work, "leave", True),
    "compaction written": (table.Change, "replace", True),
}
SCRIPT = """
import sys
from tests.columnar.test_crashes import end_at
end_at(*sys.argv[1:])
"""


class Died(Exception):
    """Stands for the end of a process, where that is the same."""


def at(owner: type, method: str, after: bool, end: Callable[[], None]) -> Callable[..., Any]:
    """The method, with an end before or after it."""
    whole = getattr(owner, method)

    def ending(*arguments: Any, **options: Any) -> Any:
        if not after:
            end()
        result = whole(*arguments, **options)
        if after:
            end()
        return result

    return ending


def end_at(step: str, url: str, job: str) -> None:
    """Runs a sync, compaction or rebuild in this process and ends it at a step, without any clean-up."""
    owner, method, after = STEPS[step]
    setattr(owner, method, at(owner, method, after, lambda: os._exit(9)))
    {"sync": columnar.sync, "compact": columnar.compact, "rebuild": lambda where: columnar.rebuild(where, "readings")}[
        job
    ](url)


def killed(step: str, url: str, job: str) -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT, step, url, job], cwd=Path(__file__).parents[2], check=False)
    assert done.returncode == 9


def assert_whole(connection: psycopg.Connection) -> None:
    assert ids(read_copy(connection, "readings")) == history_ids(connection)
    assert tail_ids(connection) == []


@pytest.mark.slow
@pytest.mark.parametrize("step", ["before files", "files written", "before commit", "after commit"])
def test_a_killed_sync_is_carried_on(database: TestDatabase, connection: psycopg.Connection, step: str) -> None:
    simple_set(connection)
    write(connection, 100)
    killed(step, database.url, "sync")
    assert sorted(ids(read_copy(connection, "readings")) + tail_ids(connection)) == history_ids(connection)
    sync(database.url)
    assert_whole(connection)


@pytest.mark.parametrize("step", [step for step in STEPS if not step.startswith("compaction")])
def test_a_failed_sync_is_carried_on(
    database: TestDatabase, connection: psycopg.Connection, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second sync fails, between the first and a third."""
    simple_set(connection)
    write(connection, 100)
    sync(database.url)
    write(connection, 50, first=51)
    owner, method, after = STEPS[step]

    def end() -> None:
        raise Died

    with monkeypatch.context() as patched:
        patched.setattr(owner, method, at(owner, method, after, end))
        with pytest.raises(Died):
            sync(database.url)
    assert sorted(ids(read_copy(connection, "readings")) + tail_ids(connection)) == history_ids(connection)
    write(connection, 10, first=101)
    sync(database.url)
    assert_whole(connection)


@pytest.mark.parametrize("step", ["files written", "compaction noted", "compaction written", "after commit"])
def test_a_failed_compaction_changes_nothing_or_all(
    database: TestDatabase, connection: psycopg.Connection, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    simple_set(connection)
    for first in range(3):
        write(connection, 10, first=10 * first)
        sync(database.url)
    owner, method, after = STEPS[step]

    def end() -> None:
        raise Died

    with monkeypatch.context() as patched:
        patched.setattr(owner, method, at(owner, method, after, end))
        with pytest.raises(Died):
            columnar.compact(database.url)
    assert_whole(connection)
    columnar.compact(database.url)
    assert_whole(connection)
    copy = read_copy(connection, "readings")
    assert copy is not None
    assert len(copy.files) == 1


@pytest.mark.slow
@pytest.mark.parametrize("step", ["files written", "after commit"])
def test_a_killed_rebuild_leaves_the_old_copy(
    database: TestDatabase, connection: psycopg.Connection, step: str
) -> None:
    simple_set(connection)
    write(connection, 100)
    sync(database.url)
    before = read_copy(connection, "readings")
    killed(step, database.url, "rebuild")
    assert read_copy(connection, "readings") == before
    columnar.rebuild(database.url, "readings")
    assert read_copy(connection, "readings") != before
    assert_whole(connection)


def test_a_connection_that_is_lost_while_a_table_is_loaded_is_no_broken_copy(
    database: TestDatabase, connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    simple_set(connection)
    write(connection, 10)
    sync(database.url)
    write(connection, 5)
    whole = DatabaseCatalog.load_table

    def cut(self: DatabaseCatalog, name: Any) -> Any:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        return whole(self, name)

    with monkeypatch.context() as patched:
        patched.setattr(DatabaseCatalog, "load_table", cut)
        with pytest.raises(ConnectionFailed, match="went away during work on columnar copies"):
            sync(database.url)
    sync(database.url)
    assert_whole(connection)
