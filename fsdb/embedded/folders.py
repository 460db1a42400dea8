"""Where the embedded server keeps its data and its socket: in folders that no other user can enter, nor made first.

PostgreSQL does not run as root. Run by root, the server belongs to a user of its own, who cannot enter root's private folders: these
stay as they are, and the data goes where that user can reach it, with a link in the place that was asked for.
"""

import hashlib
import os
import shutil
import stat
import tempfile
from pathlib import Path

from fsdb.errors import ConnectionFailed

ROOTS_DATA = Path("/var/lib/fsdb")  # of servers that root runs and whose place their user cannot reach
_NOT_LINKS = ("PG_VERSION", "postgresql.conf", "fsdb.conf", "log", "postmaster.pid", ".handle_pids.json")
_IN_SHELLS = frozenset('"$`\\\n')
_LONGEST = 100  # bytes of a socket's path: 103 on macOS, 107 on Linux
_SOCKET = ".s.PGSQL.5432"
_OTHERS = stat.S_IROTH | stat.S_IXOTH


def data(folder: Path, server_user: int | None) -> Path:
    """The data folder meant, made where there is none, for nobody but the user who runs the server. server_user: that user, where root starts it.

    Raises ConnectionFailed for one that another user made, or may have put something into.
    """
    folder = folder.expanduser().absolute()
    owners = {os.geteuid(), os.geteuid() if server_user is None else server_user}
    if folder.is_symlink() and folder.lstat().st_uid not in owners:
        raise _refused(folder, "is a link that another user made")
    folder.parent.mkdir(parents=True, exist_ok=True)
    if server_user is not None and not folder.exists() and not _is_reachable(folder.parent, server_user):
        _link(folder, server_user)
    real = folder.resolve()
    if not _IN_SHELLS.isdisjoint(str(real)):
        raise _refused(
            real, "has letters in its name that the shell, by which pg_ctl starts the server, reads as commands"
        )
    _make(real, owners)
    if server_user is not None:
        if not _is_reachable(real.parent, server_user):
            raise _refused(
                folder,
                f"is in a folder that the server's user cannot enter, and root's server runs as that user: move it to {ROOTS_DATA}",
            )
        os.chown(real, server_user, -1)
    for name in _NOT_LINKS:
        if (real / name).is_symlink():
            raise _refused(real, f"has a link in the place of its file {name}")
    return real


def socket(folder: Path, server_user: int | None) -> Path:
    """The folder of the server's socket: its data folder, or a private one where the path would be too long for a socket."""
    if len(os.fsencode(folder / _SOCKET)) <= _LONGEST:
        return folder
    hashed = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    owners = {os.geteuid(), os.geteuid() if server_user is None else server_user}
    for base in (os.environ.get("XDG_RUNTIME_DIR") if server_user is None else None, tempfile.gettempdir(), "/tmp"):
        if (
            base
            and Path(base).is_dir()
            and len(os.fsencode(short := Path(base) / f"fsdb-{hashed}")) + len(_SOCKET) < _LONGEST
        ):
            _make(short, owners)
            if server_user is not None:
                os.chown(short, server_user, -1)
            return short
    raise _refused(
        folder, "has a path too long for a socket, and there is no folder for temporary files with a short one"
    )


def programs(folder: Path, server_user: int) -> Path:
    """The server's programs where its user can run them: a copy, where they are installed in a folder that is private to root."""
    tree = folder.parent
    if _is_reachable(folder, server_user) and all(
        one.stat().st_mode & _OTHERS == _OTHERS
        for one in (folder / "postgres", folder / "initdb", tree / "lib", tree / "share")
    ):
        return folder
    package = tree.parent
    libraries = package.with_name(
        f"{package.name}.libs"
    )  # where a wheel puts them; programs look there from their own place
    made_of = f"{tree} {(folder / 'postgres').stat().st_mtime_ns} {libraries.name}"
    version = hashlib.sha256(made_of.encode()).hexdigest()[:16]
    copied = ROOTS_DATA / f"programs-{version}"
    if not copied.exists():
        ROOTS_DATA.mkdir(mode=0o711, exist_ok=True)
        made = Path(tempfile.mkdtemp(dir=ROOTS_DATA))
        shutil.copytree(tree, made / package.name / tree.name, symlinks=True)
        if libraries.is_dir():
            shutil.copytree(libraries, made / libraries.name, symlinks=True)
        for one in (made, *made.rglob("*")):
            if not one.is_symlink():
                one.chmod(
                    one.stat().st_mode
                    | stat.S_IRUSR
                    | stat.S_IRGRP
                    | stat.S_IROTH
                    | (0o111 if one.is_dir() or one.parent.name == "bin" else 0)
                )
        made.rename(copied)
    return copied / package.name / tree.name / folder.name


def write(path: Path, text: str) -> None:
    """Writes a file of the data folder: never through a link, which the server's user may have put there."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0), 0o644)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        path.chmod(0o644)  # the server may run as another user than the caller


def _make(folder: Path, owners: set[int]) -> None:
    """A folder that its owner alone enters: made so, or mended."""
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        if not folder.is_dir() or folder.is_symlink():
            raise
    found = folder.lstat()
    if found.st_uid not in owners:
        raise _refused(folder, "belongs to another user, who may have put anything into it")
    if stat.S_IMODE(found.st_mode) & 0o077:
        folder.chmod(0o700)


def _link(folder: Path, server_user: int) -> None:
    """Makes a data folder where the server's user can reach it, and a link to it in the place that was asked for."""
    base = Path(tempfile.gettempdir()).resolve()
    if not folder.parent.resolve().is_relative_to(base) or not _is_reachable(base, server_user):
        base = ROOTS_DATA
        base.mkdir(mode=0o711, parents=True, exist_ok=True)
    if folder.is_symlink():
        folder.unlink()  # what it led to is gone
    made = Path(tempfile.mkdtemp(prefix="fsdb-data-", dir=base))
    try:
        folder.symlink_to(made)
    except FileExistsError:  # another process was first
        made.rmdir()


def _is_reachable(folder: Path, server_user: int) -> bool:
    """Whether the server's user can go through a folder and all above it; one that is yet to be made is reachable where it would be."""
    for one in (folder.resolve(), *folder.resolve().parents):
        if one.exists():
            found = one.stat()
            if not found.st_mode & (stat.S_IXUSR if found.st_uid == server_user else stat.S_IXOTH):
                return False
    return True


def _refused(folder: Path, reason: str) -> ConnectionFailed:
    return ConnectionFailed(
        f"The embedded PostgreSQL does not start: {folder} {reason}. Set FSDB_DATA to another folder, or FSDB_URL to a server of your own."
    )
