"""Ends the server of a process that was killed: a process beside it, which waits for its end on a pipe and otherwise does nothing.

A program of its own, without fsdb: `python -I -S guard.py DATA LOCK PID`. What comes on its standard input says that the owner has let go of the
server in order. The end of the pipe alone says that the owner is gone without a word.
"""

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

PROC = Path("/proc")


def state(number: int) -> str:
    """The state of a process as ps tells it, such as S or Z; empty where there is none."""
    if (PROC / "self").exists():
        try:
            return (
                (PROC / str(number) / "stat")
                .read_text(encoding="utf-8", errors="replace")
                .rpartition(")")[2]
                .split()[0]
            )
        except (OSError, IndexError):
            return ""
    told = subprocess.run(["ps", "-o", "stat=", "-p", str(number)], capture_output=True, text=True, check=False)
    return told.stdout.strip()


def is_alive(number: int) -> bool:
    """Whether a process runs; one that only waits to be noticed by its parent does not."""
    return state(number)[:1] not in ("", "Z", "X")


def living(file: Path) -> list[int]:
    """Those of the processes in the server's list that still run."""
    try:
        return [number for number in json.loads(file.read_text(encoding="utf-8")) if is_alive(number)]
    except (OSError, ValueError):
        return []


def end_server(data: Path, lock: Path) -> None:
    """Stops the server where no process of its list runs any more."""
    with lock.open("a+b") as held:
        fcntl.lockf(held, fcntl.LOCK_EX)  # who starts or joins the server holds it, too
        if living(data / ".handle_pids.json"):
            return
        try:
            server = int((data / "postmaster.pid").read_text(encoding="utf-8").splitlines()[0])
            os.kill(server, signal.SIGINT)  # a fast shutdown
        except (OSError, ValueError, IndexError):
            return
        for _ in range(600):
            if not is_alive(server):
                return
            time.sleep(0.05)


def main(data: str, lock: str, owner: str) -> None:
    """Waits for the owner."""
    if sys.stdin.buffer.read(1):
        return
    while is_alive(int(owner)):  # it has become another program, by exec
        time.sleep(0.5)
    end_server(Path(data), Path(lock))


if __name__ == "__main__":
    main(*sys.argv[1:])
