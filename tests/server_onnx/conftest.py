"""These tests run on Debian's PostgreSQL 15 with PL/Python and onnxruntime, or on $FSDB_ONNX_SERVER: absent, they fail."""

import os
from collections.abc import Iterator
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from fsdb.migrate import catalog
from tests.deployments.world import World, make_world
from tests.server_onnx.server import running


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """$FSDB_ONNX_SERVER, a superuser's URL, else Debian's server: both instead of the embedded one."""
    given = os.environ.get("FSDB_ONNX_SERVER")
    if given:
        yield given
        return
    with running() as url:
        yield url


@pytest.fixture(scope="session")
def template(server_url: str) -> Iterator[str]:
    """A database that has the fsdb catalog and PL/Python."""
    name = f"fsdb_template_{uuid4().hex[:8]}"
    with psycopg.connect(server_url, autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    url = make_conninfo(server_url, dbname=name)
    catalog.upgrade(url)
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute("CREATE EXTENSION plpython3u")
    yield name
    with psycopg.connect(server_url, autocommit=True) as admin:
        admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def world(connection: psycopg.Connection) -> World:
    """Feature sets weather and plane, with versions."""
    return make_world(connection)
