"""PgBouncer in transaction mode before the tests' server: Debian's, and a newer one with and without its own prepared statements."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.conftest import TestDatabase
from tests.sessions import world

DEBIANS = Path("/usr/sbin/pgbouncer")
NEWER = Path(__file__).parents[2] / ".server" / "pgbouncer" / "pgbouncer"
KINDS = {"debian": (DEBIANS, 0)}
if NEWER.exists():
    KINDS |= {"newer": (NEWER, 200), "newer, none prepared": (NEWER, 0)}
# Few sessions, so that they change hands; a sync takes four at once.
SETTINGS = """
[databases]
* = host={host} port={port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {listen}
unix_socket_dir =
auth_type = trust
auth_file = {folder}/users
pool_mode = transaction
default_pool_size = 4
max_client_conn = 100
query_wait_timeout = 20
logfile = {folder}/log
{more}
"""


@dataclass(frozen=True)
class Bouncer:
    """url: of the database through the pooler. prepares: whether it keeps prepared statements of clients apart."""

    url: str
    prepares: bool


@pytest.fixture(scope="module")
def built(module_database: TestDatabase, tmp_path_factory: pytest.TempPathFactory) -> TestDatabase:
    """The database of `world.build`."""
    world.build(module_database.url, tmp_path_factory.mktemp("warehouse"))
    return module_database


@pytest.fixture(scope="module", params=KINDS)
def bouncer(built: TestDatabase, request: pytest.FixtureRequest) -> Iterator[Bouncer]:
    program, prepared = KINDS[request.param]
    assert program.exists(), f"There is no {program}: run make test-pgbouncer."
    to = conninfo_to_dict(built.url)
    host, port = str(to["host"]), int(to.get("port") or 5432)
    # It refuses to run as root, and must reach the server's socket.
    owner = Path(host).stat().st_uid if host.startswith("/") and os.getuid() == 0 else os.getuid()
    folder = Path(tempfile.mkdtemp(prefix="fsdb-pgbouncer-", dir="/tmp"))
    with socket.create_server(("127.0.0.1", 0)) as free:
        listen = free.getsockname()[1]
    more = f"max_prepared_statements = {prepared}" if program == NEWER else ""
    given = {"host": host, "port": port, "listen": listen, "folder": folder, "more": more}
    (folder / "users").write_text(f'"{to.get("user") or "postgres"}" ""\n', encoding="utf-8")
    (folder / "settings").write_text(SETTINGS.format(**given), encoding="utf-8")
    for path in (folder, *folder.iterdir()):
        os.chown(path, owner, -1)
    running = subprocess.Popen([program, "--quiet", folder / "settings"], user=owner, cwd="/")
    url = make_conninfo(built.url, host="127.0.0.1", port=listen)
    try:
        _wait(url)
        yield Bouncer(url, bool(prepared))
    finally:
        running.terminate()
        running.wait()
        shutil.rmtree(folder)


def _wait(url: str) -> None:
    for attempt in range(100):
        try:
            psycopg.connect(url).close()
        except psycopg.OperationalError:
            if attempt == 99:
                raise
            time.sleep(0.05)
        else:
            return
