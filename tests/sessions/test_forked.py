"""A store that was opened before a fork: children have connections of their own, and the parent's go on."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import fsdb
from tests.conftest import TestDatabase

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this platform"),
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]


@pytest.fixture
def store(built: TestDatabase) -> Iterator[fsdb.Store]:
    with fsdb.connect(built.url) as opened:
        yield opened


def forked(call: Callable[[], Any]) -> str:
    """What a child that is forked now says of the call."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        said = "nothing"
        try:
            said = str(call())
        except BaseException as error:
            said = f"{type(error).__name__}: {error}"
        finally:
            os.write(write, said.encode())
            os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    return said


def balance(store: fsdb.Store, key: int) -> Any:
    return store.feature_vector(["account.balance"], {"id": key})["balance"]


def backend(store: fsdb.Store) -> int:
    with store.transaction() as connection:
        row = connection.execute("SELECT pg_backend_pid()").fetchone()
    assert row is not None
    return int(row[0])


def test_children_and_parent_read_beside_each_other(store: fsdb.Store) -> None:
    own = backend(store)

    def many() -> list[int]:
        return [balance(store, 2) for _ in range(50)]

    said: list[str] = []
    threads = [threading.Thread(target=lambda: said.append(forked(many))) for _ in range(3)]
    for thread in threads:
        thread.start()
    assert {balance(store, 1) for _ in range(200)} == {10}
    for thread in threads:
        thread.join()
    assert said == [str([20] * 50)] * 3
    assert backend(store) == own  # nobody closed it


def test_a_child_has_sessions_of_its_own(store: fsdb.Store) -> None:
    own = backend(store)
    assert int(forked(lambda: backend(store))) != own
    assert forked(store.close) == "None"
    assert backend(store) == own


def test_a_child_of_a_transaction_is_told_so_and_the_parents_goes_on(store: fsdb.Store, built: TestDatabase) -> None:
    with store.transaction() as connection:
        connection.execute("UPDATE labels SET truth = NOT truth")
        words = "ConnectionFailed: This process was forked inside a transaction of its parent"
        assert forked(lambda: balance(store, 1)).startswith(words)
        assert forked(lambda: connection.execute("SELECT 1")).startswith(words)
        assert forked(connection.close) == "None"
        assert connection.execute("SELECT count(*) FROM labels").fetchone() == (2,)
    assert forked(lambda: balance(store, 1)) == "10"
    with built.connect() as other:
        assert other.execute("SELECT count(*) FROM labels").fetchone() == (2,)


def test_a_child_that_leaves_the_block_ends_nothing(store: fsdb.Store) -> None:
    read, write = os.pipe()
    child = None
    try:
        with store.transaction() as connection:
            connection.execute("CREATE TABLE made_by_the_parent ()")
            child = os.fork()
            if child:
                os.close(write)
                with os.fdopen(read) as pipe:
                    said = pipe.read()
                os.waitpid(child, 0)
                assert connection.execute("SELECT count(*) FROM made_by_the_parent").fetchone() == (0,)
                connection.execute("DROP TABLE made_by_the_parent")
    except fsdb.ConnectionFailed as error:
        os.write(write, str(error).encode())
    finally:
        if child == 0:
            os._exit(0)
    assert said.startswith("This process was forked inside a transaction of its parent")


SCRIPT = """
import os, sys, threading
import fsdb
store = fsdb.connect(sys.argv[1])
print(store.feature_vector(["account.balance"], {"id": 1})["balance"], flush=True)
if "block" in sys.argv:
    with store.transaction():
        if os.fork() == 0:
            sys.exit(3)
        print(os.waitstatus_to_exitcode(os.wait()[1]), flush=True)
elif os.fork() == 0:
    print(store.feature_vector(["account.balance"], {"id": 2})["balance"], flush=True)
    sys.exit(0)  # with all that Python does at its end
else:
    os.wait()
print(store.feature_vector(["account.balance"], {"id": 1})["balance"], flush=True)
"""


@pytest.mark.parametrize(("how", "said"), [("plain", "10\n20\n10\n"), ("block", "10\n3\n10\n")])
def test_scripts_that_leave_the_store_open_end_at_once(built: TestDatabase, how: str, said: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SCRIPT, built.url, how],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ran.stdout, ran.stderr, ran.returncode) == (said, "", 0)
