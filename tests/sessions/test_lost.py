"""A connection that is lost in the middle of a public call is told in one sentence of fsdb's, wherever it is lost."""

import os
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from threading import current_thread, main_thread
from typing import Any

import psycopg
import pytest

import fsdb
from fsdb.cli.app import main
from fsdb.session import Session
from tests.conftest import TestDatabase
from tests.hostile.calls import Call, make_world

pytestmark = pytest.mark.filterwarnings("ignore")  # of late values, which the world has

# What a call says besides, where it has found a connection in time, or a call before it has done what it is to do.
OTHERWISE = (fsdb.ChangeRefused, fsdb.InvalidData, fsdb.UnknownName)
LOSS = re.compile("terminat|server closed|connection|went away", re.IGNORECASE)
COMMANDS = ("status", "doctor", "list", "describe weather", "search temp", "audit", "roles", "costs scores", "sync")


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder for what to_parquet writes."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tmp_path_factory.mktemp("warehouse"))


@pytest.fixture(scope="module")
def store(module_database: TestDatabase, warehouse: str) -> Iterator[fsdb.Store]:
    with fsdb.connect(module_database.url, warehouse=warehouse) as store:
        yield store


@pytest.fixture(scope="module")
def calls(store: fsdb.Store) -> list[Call]:
    made = make_world(store)
    store.sync(["weather"])
    by_arguments = {call.name: call.arguments for call in made}
    of_copy = {**by_arguments["Store.training_set"], "engine": "duckdb"}
    return [Call("Store.training_set by DuckDB", store.training_set, of_copy), *made]


class Cut:
    """Cuts a connection before one of the messages that fsdb's sessions send in transactions: the server does, or it breaks on the way."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, admin: psycopg.Connection[Any]) -> None:
        self._left = 0
        self._by_server = False
        wait = Session.wait

        def waited(session: Session, *arguments: Any, **options: Any) -> Any:
            begun = session.pgconn.transaction_status == psycopg.pq.TransactionStatus.INTRANS
            if self._left and begun and current_thread() is main_thread():  # the pool's threads try again
                self._left -= 1
                if not self._left:
                    self._cut(session, admin)
            return wait(session, *arguments, **options)

        monkeypatch.setattr(Session, "wait", waited)

    def _cut(self, session: Session, admin: psycopg.Connection[Any]) -> None:
        if self._by_server:
            admin.execute("SELECT pg_terminate_backend(%s, 5000)", [session.info.backend_pid])
            return
        with socket.socket(fileno=os.dup(session.pgconn.socket)) as line:
            line.shutdown(socket.SHUT_RDWR)

    def before(self, message: int, by_server: bool, run: Callable[[], Any]) -> Any:
        """Runs something, and cuts before this message of it."""
        self._left, self._by_server = message, by_server
        try:
            return run()
        finally:
            self._left = 0


@pytest.mark.slow
@pytest.mark.parametrize(("message", "by_server"), [(2, False), (9, True)])
def test_a_call(
    store: fsdb.Store,
    calls: list[Call],
    module_database: TestDatabase,
    monkeypatch: pytest.MonkeyPatch,
    message: int,
    by_server: bool,
) -> None:
    wrong, lost = [], 0
    with module_database.connect() as admin:
        cut = Cut(monkeypatch, admin)
        for call in calls:
            try:
                cut.before(message, by_server, lambda call=call: call.run(**call.arguments))
            except Exception as error:  # whatever it is
                is_told = type(error) is fsdb.ConnectionFailed
                lost += is_told
                said = str(error)
                if "\n" in said or not (is_told or (type(error) in OTHERWISE and not LOSS.search(said))):
                    wrong.append(f"{call.name}: {type(error).__name__}: {said}")
    assert not wrong, "\n".join(wrong)
    assert lost > 20  # calls that send so many messages


@pytest.mark.parametrize("by_server", [True, False])
def test_inside_a_transaction_of_the_users(
    store: fsdb.Store,
    calls: list[Call],
    module_database: TestDatabase,
    monkeypatch: pytest.MonkeyPatch,
    by_server: bool,
) -> None:
    with module_database.connect() as admin:
        cut = Cut(monkeypatch, admin)
        for name in ("Store.plan", "Store.ingest", "Store.training_set", "Store.deployments", "Deployment.events"):
            call = next(call for call in calls if call.name == name)
            told = pytest.raises(fsdb.ConnectionFailed, match=r"went away: [^\n]*call again")
            with suppress(fsdb.ConnectionFailed), store.transaction(), told:
                cut.before(1, by_server, lambda call=call: call.run(**call.arguments))


@pytest.mark.parametrize("by_server", [True, False])
def test_a_command(
    store: fsdb.Store,
    calls: list[Call],
    module_database: TestDatabase,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    by_server: bool,
    warehouse: str,
) -> None:
    monkeypatch.setenv("FSDB_URL", module_database.url)
    monkeypatch.setenv("FSDB_WAREHOUSE", warehouse)
    wrong = []
    with module_database.connect() as admin:
        cut = Cut(monkeypatch, admin)
        for command in COMMANDS:
            for message in (1, 9):
                status = cut.before(message, by_server, lambda command=command: main(command.split()))
                said = capsys.readouterr().err
                if (
                    status != 1
                    or not said.startswith(("Refused: The server ", "Refused: No PostgreSQL answers "))
                    or said.count("\n") > 1
                ):
                    wrong.append(f"{command} {message}: status {status}, {said}")
    assert not wrong, "\n".join(wrong)


def test_a_copys_metadata(store: fsdb.Store, module_database: TestDatabase, calls: list[Call]) -> None:
    """A table whose catalog cannot be asked is not a broken copy."""
    from fsdb.catalog.feature_sets import list_sets
    from fsdb.columnar import catalog, table

    with store.transaction() as connection:
        registered = list_sets(connection)["weather"]
    with catalog.opened(module_database.url) as opened, module_database.connect() as admin:
        assert table.load(opened, table.identifier(registered), "weather") is not None
        admin.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'fsdb sync'"
        )
        with pytest.raises(fsdb.ConnectionFailed, match="went away during work on columnar copies"):
            table.load(opened, table.identifier(registered), "weather")
