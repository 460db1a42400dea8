"""A database with two feature sets, fresh for each test."""

import psycopg
import pytest

from tests.deployments.world import World, make_world


@pytest.fixture
def world(connection: psycopg.Connection) -> World:
    """Feature sets weather and plane, with versions."""
    return make_world(connection)
