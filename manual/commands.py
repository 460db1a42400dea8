"""The reference of the command line, from the program's own help."""

import inspect
import re
from typing import Any

import typer

from fsdb.cli.app import app
from fsdb.cli.commands import COMMANDS

HEAD = """# Commands

Every command, argument and option, from the program's own help. [Commands by example](../cli.md) shows each command with its output.

All commands take `--url URL`: the database to work on. Without it, a command takes `$FSDB_URL`, and without that the embedded PostgreSQL.
`fsdb --version` prints the version, and `-h` or `--help` the help of a command.
"""
GROUPS = {
    "Start": "demo init url psql serve",
    "Definitions and migrations": "plan apply track revision merge upgrade downgrade",
    "Data": "ingest training-set sync retain run pause resume erase repair",
    "Models": "register deploy stage attach canary shadow rollback undeploy score replay worker costs",
    "Look": "status list search describe audit doctor calibrate",
    "Rights": "grant revoke roles",
}
EVERYWHERE = {"url", "help"}


def _plain(text: str) -> str:
    """A sentence of the help in a cell of a table."""
    return re.sub(r"\s+", " ", text).strip().replace("\\[", "[").replace("|", "\\|")


def _default(value: object) -> str:
    return "" if value in (None, False, "", (), []) or callable(value) else f" Default: `{value}`."


def _argument(parameter: Any) -> str:
    label = (parameter.metavar or parameter.name).upper() + ("..." if parameter.nargs != 1 else "")
    return label if parameter.required else f"[{label}]"


def _section(name: str) -> str:
    group = typer.main.get_command(app)
    command = group.commands[name]  # type: ignore[attr-defined]
    arguments, options = [], []
    for parameter in command.params:
        if parameter.name in EVERYWHERE or getattr(parameter, "hidden", False):
            continue
        told = _plain(getattr(parameter, "help", None) or "")
        if parameter.param_type_name == "argument":
            label = _argument(parameter)
            arguments.append(f"| `{label}` | {told} |")
            continue
        names = ", ".join(
            f"`{one}`" for one in sorted([*parameter.opts, *parameter.secondary_opts], key=lambda one: one[:2] != "--")
        )
        needed = " Required." if parameter.required else ""
        several = " Repeat it for several." if parameter.multiple and not re.search("repeat|often|again", told) else ""
        options.append(f"| {names} | {told}{_default(parameter.default)}{needed}{several} |")
    usage = " ".join(["fsdb", name, *(["[OPTIONS]"] if options else []), *(row.split("`")[1] for row in arguments)])
    parts = [f"### fsdb {name}", inspect.cleandoc(COMMANDS[name].__doc__ or ""), f"```text\n{usage}\n```"]
    if arguments:
        parts.append("\n".join(["| argument | |", "|---|---|", *arguments]))
    if options:
        parts.append("\n".join(["| option | |", "|---|---|", *options]))
    return "\n\n".join(parts)


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    placed = {name for names in GROUPS.values() for name in names.split()}
    groups = {**GROUPS, "More": " ".join(name for name in COMMANDS if name not in placed)}
    for title, names in groups.items():
        there = [name for name in names.split() if name in COMMANDS]
        if there:
            parts += [f"## {title}", *map(_section, there)]
    return "\n\n".join(part.strip() for part in parts) + "\n"
