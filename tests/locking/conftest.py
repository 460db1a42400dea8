"""A database for each test, cloned from one in which every operation has something to do."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import fsdb
from tests.conftest import TestDatabase, cloned
from tests.locking.operations import make


@pytest.fixture(scope="package")
def made(server_url: str, template: str) -> Iterator[str]:
    """The database that the others are cloned from."""
    for database in cloned(server_url, template):
        make(database.url)
        yield database.name


@pytest.fixture
def own(server_url: str, made: str) -> Iterator[TestDatabase]:
    """A database of the test's own."""
    yield from cloned(server_url, made)


@pytest.fixture
def store(own: TestDatabase, tmp_path: Path) -> Iterator[fsdb.Store]:
    """A store on it."""
    with fsdb.connect(own.url, warehouse=str(tmp_path)) as opened:
        yield opened
