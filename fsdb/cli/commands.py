"""The commands by name. Each one's module is loaded when the command is asked for: what one command imports, the others do not wait for."""

import ast
import importlib
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from functools import cache
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

# Each command with its module in fsdb.cli and its function there.
_PLACES = {
    "demo": "demo.demo",
    "init": "catalog.init",
    "upgrade": "catalog.upgrade",
    "downgrade": "catalog.downgrade",
    "status": "status.status",
    "plan": "definitions.plan",
    "apply": "definitions.apply",
    "revision": "revisions.revision",
    "merge": "revisions.merge",
    "track": "definitions.track",
    "ingest": "data.ingest",
    "training-set": "data.training_set",
    "sync": "sync.sync",
    "retain": "retain.retain",
    "run": "schedules.run",
    "pause": "schedules.pause",
    "resume": "schedules.resume",
    "calibrate": "calibrate.calibrate",
    "register": "models.register",
    "deploy": "models.deploy",
    "stage": "lifecycle.stage",
    "attach": "feeds.attach",
    "canary": "lifecycle.canary",
    "shadow": "feeds.shadow",
    "rollback": "lifecycle.rollback",
    "undeploy": "lifecycle.undeploy",
    "costs": "lifecycle.costs",
    "score": "models.score",
    "replay": "models.replay",
    "worker": "worker.worker",
    "grant": "roles.grant",
    "revoke": "roles.revoke",
    "roles": "roles.roles",
    "list": "finding.list_",
    "search": "finding.search",
    "describe": "finding.describe",
    "audit": "audit.audit",
    "erase": "erase.erase",
    "url": "serving.url",
    "psql": "serving.psql",
    "serve": "serving.serve",
    "doctor": "health.doctor",
    "repair": "health.repair",
}


class _Commands(Mapping[str, Callable[..., Any]]):
    """The function of each command, by the command's name."""

    def __getitem__(self, name: str) -> Callable[..., Any]:
        module, _, function = _PLACES[name].partition(".")
        command: Callable[..., Any] = getattr(importlib.import_module(f"fsdb.cli.{module}"), function)
        return command

    def __iter__(self) -> Iterator[str]:
        return iter(_PLACES)

    def __len__(self) -> int:
        return len(_PLACES)


COMMANDS = _Commands()


class _Built(MutableMapping[str, Any]):
    """What Typer makes of each command, made when it is asked for."""

    def __init__(self) -> None:
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._made:
            # A revision such as -1 is no option.
            settings = {"ignore_unknown_options": name == "downgrade", "help_option_names": ["-h", "--help"]}
            alone = typer.Typer(add_completion=False, rich_markup_mode="rich", pretty_exceptions_enable=False)
            alone.command(name, context_settings=settings)(COMMANDS[name])
            self._made[name] = get_command(alone)
        return self._made[name]

    def __setitem__(self, name: str, command: Any) -> None:
        self._made[name] = command

    def __delitem__(self, name: str) -> None:
        del self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter({**_PLACES, **self._made})

    def __len__(self) -> int:
        return len({**_PLACES, **self._made})


class CommandGroup(TyperGroup):
    """fsdb with its commands. The list of them, in its help and in a shell's completion, loads none."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = _Built()
        self._asked: str | None = None

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - Typer's own asks for the commands themselves
        """The names, in their order."""
        return list(self.commands)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that the arguments begin with, to run or to tell its own help."""
        self._asked = args[0]
        return super().resolve_command(ctx, args)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command that is asked for; of another one, its name and what it does."""
        if cmd_name == self._asked or cmd_name not in _PLACES:
            return super().get_command(ctx, cmd_name)
        return TyperCommand(cmd_name, help=_told(cmd_name), rich_markup_mode="rich")


def _told(name: str) -> str:
    """What a command does: its docstring, read without loading its module."""
    module, _, function = _PLACES[name].partition(".")
    return _docstrings(module)[function]


@cache
def _docstrings(module: str) -> dict[str, str]:
    text = (Path(__file__).parent / f"{module}.py").read_text(encoding="utf-8")
    found = [one for one in ast.parse(text).body if isinstance(one, ast.FunctionDef)]
    return {one.name: ast.get_docstring(one) or "" for one in found}
