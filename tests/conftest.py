"""The server that tests run on, and a fresh database for each test, cloned from one that has the catalog."""

import gc
import os
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import disk_usage
from typing import TYPE_CHECKING
from uuid import uuid4

import psycopg
import pytest
from hypothesis import settings
from psycopg import sql
from psycopg.conninfo import make_conninfo

from fsdb import db, embedded
from fsdb.access.roles import ALL as ROLES
from fsdb.migrate import catalog

if TYPE_CHECKING:
    from xdist.remote import Producer

    from tests.scheduling import Scheduling

TEMPLATE = "fsdb_test_template"
MEMORY = Path("/dev/shm")
ROOM = 4 << 30  # bytes that must be free in memory for servers to be kept there

# The same examples in every run, so that a failure is the change's own; `make hunt` looks for new ones.
settings.register_profile("same", derandomize=True, database=None)
settings.register_profile("hunt", print_blob=True)
settings.load_profile("hunt" if os.environ.get("FSDB_HUNT") else "same")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks the tests that Hypothesis makes examples for, and puts files of slow tests first, then those of many tests.

    Workers take files in this order (--no-loadscope-reorder): a long one that came last would be waited for.
    """
    for item in items:
        if getattr(getattr(item, "obj", None), "is_hypothesis_test", False):
            item.add_marker("property")
    tests = Counter(item.path for item in items)
    slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
    items.sort(key=lambda item: (-slow[item.path] / tests[item.path], -tests[item.path], str(item.path)))


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """One process more than there are cores: tests wait for locks, processes and servers a fifth of their time."""
    return (os.cpu_count() or 1) + 1


def pytest_xdist_make_scheduler(config: pytest.Config, log: "Producer") -> "Scheduling":
    """The scheduler of a run of several workers."""
    from tests.scheduling import Scheduling

    return Scheduling(config, log)


def pytest_collection_finish() -> None:
    """What is imported and collected stays to the end: the garbage collector need not look through it again and again."""
    gc.collect()
    gc.freeze()


@dataclass(frozen=True)
class TestDatabase:
    """A database of one test's own."""

    __test__ = False
    url: str
    name: str

    def connect(self, **options: object) -> psycopg.Connection:
        """A new autocommit connection, configured as fsdb's own are."""
        connection = psycopg.connect(self.url, autocommit=True, **options)
        db.configure(connection)
        return connection


def place_of_servers() -> Path:
    """Where the data of the tests' servers goes: into memory, where the system has room there.

    A database is some four hundred files; to make and remove one for each test costs many times as much on a disk.
    """
    in_memory = MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and disk_usage(MEMORY).free > ROOM
    return MEMORY if in_memory else Path(tempfile.gettempdir())


@contextmanager
def server_folder() -> Iterator[Path]:
    """A folder for an embedded server's data, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="fsdb-test-", dir=place_of_servers(), ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)  # run by root, the server is another user's, who must reach its data
        yield Path(folder)


@pytest.fixture
def server_place() -> Iterator[Path]:
    """A folder for the data of servers that a test starts."""
    with server_folder() as folder:
        yield folder


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """The server under test: $FSDB_TEST_URL, else an embedded one. None to be had is an error, not a skip."""
    given = os.environ.get("FSDB_TEST_URL")
    if given:
        yield given
        return
    with server_folder() as folder:
        url = embedded.start(folder / "data")
        with psycopg.connect(url, autocommit=True) as admin:
            admin.execute("ALTER SYSTEM SET fsync = off")  # no test outlives a crash of the machine
            admin.execute("ALTER SYSTEM SET max_wal_size = '256MB'")  # what is kept is kept in memory
            admin.execute("SELECT pg_reload_conf()")
        yield url
        embedded.stop(folder / "data")


@pytest.fixture
def other_server() -> Iterator[str]:
    """An embedded server of the test's own, freshly made, with the roles that a dump grants rights to: no dump makes them."""
    with server_folder() as folder:
        url = embedded.start(folder / "data")
        with psycopg.connect(url, autocommit=True) as admin:
            for role in ROLES:
                admin.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(f"fsdb_{role}")))
        yield url
        embedded.stop(folder / "data")


@pytest.fixture(scope="session")
def template(server_url: str) -> Iterator[str]:
    """A database that has the fsdb catalog and nothing else."""
    name = f"{TEMPLATE}_{uuid4().hex[:8]}"
    with psycopg.connect(server_url, autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    catalog.upgrade(make_conninfo(server_url, dbname=name))
    yield name
    with psycopg.connect(server_url, autocommit=True) as admin:
        drop_left(admin)
        drop(admin, name)


def drop(admin: psycopg.Connection, name: str) -> None:
    """Drops a database, whoever is connected to it."""
    admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


_left: list[str] = []  # databases whose tests are over


def drop_left(admin: psycopg.Connection) -> None:
    """Drops the databases of tests that are over. Their sessions have ended by now: PostgreSQL waits a tenth of a second for one that just has been closed."""
    while _left:
        drop(admin, _left.pop())


def cloned(server_url: str, template: str) -> Iterator[TestDatabase]:
    """A fresh database, cloned from another one that nobody is connected to; gone when the next one is made."""
    name = f"fsdb_test_{uuid4().hex[:12]}"
    with psycopg.connect(server_url, autocommit=True) as admin:
        create = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy")
        admin.execute(create.format(sql.Identifier(name), sql.Identifier(template)))
        drop_left(admin)
        try:
            yield TestDatabase(make_conninfo(server_url, dbname=name), name)
        finally:
            _left.append(name)


@pytest.fixture
def database(server_url: str, template: str) -> Iterator[TestDatabase]:
    """A fresh database with the catalog, for this test alone."""
    yield from cloned(server_url, template)


@pytest.fixture(scope="module")
def module_database(server_url: str, template: str) -> Iterator[TestDatabase]:
    """A fresh database with the catalog, shared by the tests of a module."""
    yield from cloned(server_url, template)


@pytest.fixture
def connection(database: TestDatabase) -> Iterator[psycopg.Connection]:
    """An autocommit connection to the test's database."""
    with database.connect() as connection:
        yield connection
