"""Printing: results on standard output, as tables for people or JSON for machines; everything else on standard error."""

import json
import sys
from typing import Annotated, Any

import typer
from rich.console import Console

from fsdb.errors import ChangeRefused
from fsdb.table import Table

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before anything destructive.")]
PIPE_WIDTH = 160  # where no terminal says how wide it is


def out() -> Console:
    """Standard output; made anew each time, so that it follows redirections."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else PIPE_WIDTH)


def err() -> Console:
    """Standard error."""
    return Console(stderr=True, highlight=False)


def say(text: str) -> None:
    """A line of the result. Brackets in it are no markup."""
    out().print(text, markup=False, soft_wrap=True)


def note(text: str) -> None:
    """A line beside the result."""
    err().print(text, markup=False, style="dim", soft_wrap=True)


def show(table: Table, as_json: bool, empty: str = "Nothing is registered yet.") -> None:
    """A table: as JSON a list with one object a row."""
    if as_json:
        show_json(table.to_dicts())
    elif len(table):
        out().print(table)
    else:
        say(empty)


def show_json(value: Any) -> None:
    """One JSON value on standard output, and nothing else there."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2))


def confirmed(question: str, yes: bool) -> None:
    """Returns where the user agrees, by `--yes` or by an answer. Raises ChangeRefused otherwise, also where nobody can be asked."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise ChangeRefused(f"{question} Nobody can be asked here: confirm with --yes. Nothing was changed.")
    try:
        agreed = typer.confirm(question, err=True)
    except typer.Abort as abort:
        raise KeyboardInterrupt from abort
    if not agreed:
        raise ChangeRefused("Nothing was changed.")


def counted(number: int, noun: str) -> str:
    """A number of things."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
