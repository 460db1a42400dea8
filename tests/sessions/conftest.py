"""A store with something of everything, built once a module."""

from pathlib import Path

import pytest

from tests.conftest import TestDatabase
from tests.sessions import world


@pytest.fixture(scope="module")
def built(module_database: TestDatabase, tmp_path_factory: pytest.TempPathFactory) -> TestDatabase:
    """The database of `world.build`."""
    warehouse: Path = tmp_path_factory.mktemp("warehouse")
    world.build(module_database.url, warehouse)
    return module_database
