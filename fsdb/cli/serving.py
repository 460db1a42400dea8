"""fsdb url, psql, serve: the database for programs that are not fsdb."""

import os
import shutil
import signal
import subprocess
import threading
from typing import Annotated

import typer

from fsdb import embedded
from fsdb.cli.output import note, say
from fsdb.cli.session import UrlOption, reached
from fsdb.errors import FsdbError
from fsdb.urls import divided, shown


def url(url: UrlOption = None) -> None:
    """Print the database's URL, without its password. The embedded server runs while a program uses it: see serve."""
    say(divided(reached(url).url)[0])


def psql(
    arguments: Annotated[
        list[str] | None,
        typer.Argument(help="What psql takes, after --, such as -- -c 'SELECT 1'.", show_default=False),
    ] = None,
    url: UrlOption = None,
) -> None:
    """Open psql on the database: the installed psql, or else that of the embedded PostgreSQL."""
    program = shutil.which("psql") or embedded.program("psql")
    if program is None:
        raise FsdbError("There is no psql on this machine: install PostgreSQL's client, such as postgresql-client.")
    # The list of processes shows arguments to everybody, so a password goes by the environment.
    where, secrets = divided(reached(url).url)
    # psql takes Ctrl-C for the statement that runs, and so must not we for the whole.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        command = [program, where, *(arguments or [])]
        ended = subprocess.run(command, env=os.environ | secrets, check=False, preexec_fn=_interruptible)
    finally:
        signal.signal(signal.SIGINT, before)
    if ended.returncode:
        raise typer.Exit(1)


def serve(url: UrlOption = None) -> None:
    """Keep the embedded PostgreSQL running for other programs, and print its URL. Ends on Ctrl-C."""
    if not embedded.meant(url):
        raise FsdbError(
            f"fsdb serve keeps the embedded PostgreSQL up; {shown(reached(url).url)} is a server of its own: leave --url and FSDB_URL out."
        )
    place = reached(url).url
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):  # before the URL is told: who reads it may end this at once
        signal.signal(number, lambda *_: ended.set())
    say(place)
    note("Ctrl-C ends it, once no other process uses the server.")
    while not ended.wait(1):  # a signal that comes just before a wait does not end that wait
        pass
    note("Ended.")


def _interruptible() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
