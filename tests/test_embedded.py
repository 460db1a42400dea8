"""The embedded server: started on demand, shared by processes, settings applied, errors that say what to do."""

import os
import shutil
import stat
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

import fsdb
from fsdb import embedded
from fsdb.embedded import folders, guard
from fsdb.errors import ConnectionFailed
from tests.programs import Program

CHILD = """
import sys, psycopg
from pathlib import Path
import fsdb
from fsdb import embedded
url = embedded.start(Path(sys.argv[1]))
with psycopg.connect(url, autocommit=True) as connection:
    connection.execute("CREATE TABLE IF NOT EXISTS seen (process integer)")
    connection.execute("INSERT INTO seen VALUES (pg_backend_pid())")
    print(connection.execute("SELECT count(*) FROM seen").fetchone()[0])
    if len(sys.argv) > 2:
        print("ready", flush=True)
        sys.stdin.readline()
        print(connection.execute("SELECT count(*) FROM seen").fetchone()[0], flush=True)
"""


def run_child(folder: Path) -> str:
    return subprocess.run(
        [sys.executable, "-c", CHILD, str(folder)], capture_output=True, text=True, check=True, timeout=60
    ).stdout.strip()


@pytest.mark.slow
def test_two_processes_share_one_server_and_the_first_may_leave(server_place: Path) -> None:
    folder = server_place / "data"
    with Program(
        [sys.executable, "-c", CHILD, str(folder), "stay"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as first:
        assert first.stdout is not None
        assert first.stdin is not None
        assert first.stdout.readline().strip() == "1"
        assert first.stdout.readline().strip() == "ready"
        assert run_child(folder) == "2"  # joins the running server, and its end does not stop it
        first.stdin.write("\n")
        first.stdin.flush()
        assert first.stdout.readline().strip() == "2"
    assert run_child(folder) == "3"  # started again: the data is still there


def ended(number: int, within: float = 60.0) -> bool:
    """Whether a process ends in that time."""
    until = time.monotonic() + within
    while guard.is_alive(number) and time.monotonic() < until:
        time.sleep(0.02)
    return not guard.is_alive(number)


@pytest.mark.slow
def test_no_server_is_left_by_processes_that_are_killed(server_place: Path) -> None:
    folder = server_place / "data"
    command = [sys.executable, "-c", CHILD, str(folder), "stay"]
    with ExitStack() as stack:
        both = [
            stack.enter_context(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
            for _ in range(2)
        ]
        for child in both:
            assert child.stdout is not None
            assert [child.stdout.readline() for _ in range(2)][-1] == "ready\n"
        server = int((folder / "postmaster.pid").read_text().splitlines()[0])
        first, second = both
        first.kill()
        first.wait()
        assert run_child(folder) == "3"  # the other one still uses it
        assert guard.is_alive(server)
        second.kill()
        assert ended(server)  # also where nobody has noticed the death of its owner
    assert run_child(folder) == "4"  # and the data is there
    assert not (folder / "postmaster.pid").exists()  # a list with the dead in it keeps nothing up


@pytest.mark.slow
def test_stores_find_the_embedded_server_and_its_other_databases(
    server_place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FSDB_DATA", str(server_place / "data"))
    monkeypatch.delenv("FSDB_URL", raising=False)
    with fsdb.connect() as store:
        with psycopg.connect(store.url, autocommit=True) as connection:
            connection.execute("CREATE DATABASE other")
        with fsdb.connect("embedded:///other") as other:
            assert other.status().database == "other"
    monkeypatch.setenv("FSDB_URL", "embedded:///other")
    with fsdb.connect() as store:
        assert store.status().database == "other"
    embedded.stop(server_place / "data")
    assert not (server_place / "data" / "postmaster.pid").exists()


def test_settings_reach_the_server(other_server: str) -> None:
    with psycopg.connect(other_server) as connection:
        shown = {
            name: connection.execute("SELECT current_setting(%s)", (name,)).fetchone()[0]  # type: ignore[index]
            for name in ("jit", "shared_buffers", "max_wal_size", "fsync", "synchronous_commit", "TimeZone")
        }
    assert shown == {
        "jit": "off",
        "shared_buffers": "512MB",
        "max_wal_size": "4GB",
        "fsync": "on",
        "synchronous_commit": "on",
        "TimeZone": "UTC",
    }


def test_a_folder_that_cannot_be_used_is_an_error_with_advice(tmp_path: Path) -> None:
    blocked = tmp_path / "a-file"
    blocked.write_text("not a folder")
    with pytest.raises(ConnectionFailed, match="set FSDB_DATA to another folder or FSDB_URL"):
        embedded.start(blocked)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_nobody_else_can_open_the_socket_however_long_the_path_and_whatever_the_umask(server_place: Path) -> None:
    folder = server_place / ("x" * 90) / "a folder's data"
    before = os.umask(0)
    try:
        url = embedded.start(folder)
    finally:
        os.umask(before)
    with psycopg.connect(url) as connection:
        place = Path(str(connection.info.host))
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
    assert place != folder
    assert mode(place) == mode(folder) == mode(place / ".s.PGSQL.5432") == 0o700
    assert place.stat().st_uid in (os.geteuid(), folder.stat().st_uid)
    embedded.stop(folder)
    place.rmdir()


def test_folders_that_another_user_made_are_refused(server_place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What stands there may be anything: a configuration that runs commands, a socket that listens to what is asked."""
    foreign = server_place / "foreign"
    foreign.mkdir(mode=0o777)
    if os.geteuid() == 0:
        os.chown(foreign, 12345, 12345)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: 12345)
    with pytest.raises(ConnectionFailed, match="belongs to another user"):
        folders.data(foreign, None)
    link = server_place / "link"
    link.symlink_to(server_place)
    if os.geteuid() == 0:
        os.chown(link, 12345, 12345, follow_symlinks=False)
    with pytest.raises(ConnectionFailed, match="is a link that another user made"):
        folders.data(link, None)


def test_a_socket_folder_that_stands_there_already(server_place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(server_place))
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    long = server_place / ("x" * 100)
    made = folders.socket(long, None)
    made.chmod(0o777)
    assert mode(folders.socket(long, None)) == 0o700
    made.rmdir()
    made.symlink_to(server_place)
    with pytest.raises(OSError, match="File exists"):
        folders.socket(long, None)


def test_open_folders_are_mended_and_links_in_place_of_files_refused(server_place: Path) -> None:
    folder = server_place / "data"
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)
    assert mode(folders.data(folder, None)) == 0o700
    (folder / "fsdb.conf").symlink_to(server_place / "precious")
    with pytest.raises(ConnectionFailed, match="a link in the place of its file"):
        folders.data(folder, None)
    with pytest.raises(OSError, match="symbolic links"):
        folders.write(folder / "fsdb.conf", "text")
    assert not (server_place / "precious").exists()
    for name in ("$(touch precious)", "`touch precious`", 'a"b', "a\nb", "a\\b"):
        with pytest.raises(ConnectionFailed, match="reads as commands"):
            embedded.start(server_place / name)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="of servers that root starts")
def test_the_server_of_root_opens_no_folder(server_place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(server_place))
    private = server_place / "private"
    private.mkdir(mode=0o700)
    asked = private / "home" / "data"
    with psycopg.connect(embedded.start(asked)) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert mode(private) == 0o700
    assert asked.is_symlink()
    assert mode(asked.resolve()) == 0o700
    embedded.stop(asked)
    shutil.rmtree(asked.resolve())
    from fsdb.embedded.server import server_user  # which loads the package

    again = folders.data(asked, server_user())
    assert again.is_dir()
    assert asked.resolve() == again


def test_programs_that_are_private_to_root_are_copied_with_their_libraries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wheel's programs look for its libraries from where they are: three folders up."""
    monkeypatch.setattr(folders, "ROOTS_DATA", tmp_path / "reachable")
    installed = tmp_path / "private" / "server" / "pginstall" / "bin"
    for part in (installed, installed.parent / "lib", installed.parent / "share", tmp_path / "private" / "server.libs"):
        part.mkdir(parents=True)
    for program in ("postgres", "initdb"):
        (installed / program).touch(mode=0o700)
    (tmp_path / "private" / "server.libs" / "libpq.so").touch(mode=0o600)
    (tmp_path / "private").chmod(0o700)
    nobody = 65534
    copied = folders.programs(installed, nobody)
    assert copied.is_relative_to(tmp_path / "reachable")
    assert stat.S_IMODE((copied / "initdb").stat().st_mode) == 0o755
    library = copied / ".." / ".." / ".." / "server.libs" / "libpq.so"
    assert stat.S_IMODE(library.resolve().stat().st_mode) == 0o644
    assert folders.programs(installed, nobody) == copied
