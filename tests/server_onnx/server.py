"""A PostgreSQL 15 of Debian's, with PL/Python, in a folder of its own."""

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from tests.conftest import place_of_servers

INSTALLED = Path("/usr/lib/postgresql/15")
PACKAGES = Path(__file__).parents[2] / ".server" / "site-packages"
_SETTINGS = """
unix_socket_directories = '{folder}'
listen_addresses = ''
shared_buffers = 256MB
fsync = off
jit = off
timezone = 'UTC'
"""


@contextmanager
def running(packages: Path = PACKAGES) -> Iterator[str]:
    """The URL of a fresh server, whose Python finds what is in the folder `packages`; it is stopped and removed afterwards.

    RuntimeError says what to do where PostgreSQL, PL/Python or onnxruntime is not installed.
    """
    for path in (INSTALLED / "bin" / "initdb", INSTALLED / "lib" / "plpython3.so", PACKAGES / "onnxruntime"):
        if not path.exists():
            raise RuntimeError(f"There is no {path}: run make server-onnx.")
    # Not in pytest's folders, which another user cannot enter; the path of a socket must be short.
    folder = Path(tempfile.mkdtemp(prefix="fsdb-test-", dir=place_of_servers()))
    data = folder / "data"
    try:
        user = _unprivileged()
        if user is not None:
            os.chown(folder, user.pw_uid, user.pw_gid)
        _run(
            user,
            "initdb",
            "--pgdata",
            data,
            "--username",
            "postgres",
            "--auth",
            "trust",
            "--no-sync",
            packages=packages,
        )
        with (data / "postgresql.conf").open("a", encoding="utf-8") as settings:
            settings.write(_SETTINGS.format(folder=folder))
        control = ("pg_ctl", "--pgdata", data, "--silent")
        _run(user, *control, "--log", folder / "log", "--wait", "start", packages=packages)
        try:
            yield make_conninfo("", host=str(folder), user="postgres", dbname="postgres")
        finally:
            _run(user, *control, "--mode", "immediate", "stop", packages=packages)
    finally:
        shutil.rmtree(folder)


def _run(user: pwd.struct_passwd | None, program: str, *arguments: str | Path, packages: Path) -> None:
    done = subprocess.run(
        [INSTALLED / "bin" / program, *arguments],
        env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "PYTHONPATH": str(packages)},
        cwd="/tmp",
        # A server inherits what it is started with: through a pipe, the end of the command would never be seen.
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL if program == "pg_ctl" else subprocess.PIPE,
        check=False,
        **({} if user is None else {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}),
    )
    if done.returncode != 0:
        raise RuntimeError(f"{program} failed: {(done.stderr or b'').decode()}")


def _unprivileged() -> pwd.struct_passwd | None:
    """Whose the server is: PostgreSQL refuses to run as root. None: the user's own."""
    return pwd.getpwnam("postgres") if os.getuid() == 0 else None


if (
    __name__ == "__main__"
):  # a command on that server: python -m tests.server_onnx.server python -m bench score --runtime onnx
    with running() as started:
        with psycopg.connect(make_conninfo(started, dbname="template1"), autocommit=True) as template:
            template.execute("CREATE EXTENSION plpython3u")
        raise SystemExit(
            subprocess.run(sys.argv[1:], check=False, env={**os.environ, "FSDB_TEST_URL": started}).returncode
        )
