"""Seconds of the processor that a call takes, here and in the server: what other programs on the machine disturb least."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg

_TICKS = os.sysconf("SC_CLK_TCK")
_PARENT, _OWN, _ENDED = 1, slice(11, 13), slice(13, 15)  # of /proc/N/stat, behind the name


class Server:
    """The server of a URL on this machine: all of its processes, those that have ended included, as Linux counts them."""

    def __init__(self, url: str) -> None:
        with psycopg.connect(url) as connection:
            row = connection.execute("SELECT pg_backend_pid()").fetchone()
            assert row is not None
            self._postmaster = int(_stat(row[0])[_PARENT])

    def timed(self, call: Callable[[], Any]) -> tuple[float, float]:
        """What a call takes by the clock, and of the processor in this process and the server's."""
        clock, cpu = time.perf_counter(), self._seconds()
        call()
        return time.perf_counter() - clock, self._seconds() - cpu

    def _seconds(self) -> float:
        ticks = sum(map(int, _stat(self._postmaster)[_ENDED]))
        for folder in Path("/proc").iterdir():
            if folder.name.isdecimal():
                try:
                    found = _stat(folder.name)
                except OSError:
                    continue  # it has ended meanwhile
                if int(found[_PARENT]) == self._postmaster:
                    ticks += sum(map(int, found[_OWN]))
        return ticks / _TICKS + time.process_time()


def _stat(process: int | str) -> list[str]:
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
