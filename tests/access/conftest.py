"""The database of tests/access/world.py, one for all of its tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.access.world import Ruled, ruled


@pytest.fixture(scope="session")
def world(server_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ruled]:
    """A database with something of everything, and a user in each role."""
    folder: Path = tmp_path_factory.mktemp("warehouse")
    with ruled(server_url, folder) as made:
        yield made
