"""docs/cli.md is complete and true: it names every command with its options, and what it shows is what happens."""

import inspect
import re
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

import pytest
import typer

from fsdb.calibration import samples
from fsdb.cli.app import app, main
from fsdb.cli.commands import COMMANDS
from tests.conftest import TestDatabase

DOCUMENT = Path(__file__).parents[2] / "docs" / "cli.md"
TEXT = DOCUMENT.read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## fsdb (\S+)\n(.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL))
BLOCK = re.compile(r"(?:^`([\w.]+)`\n\n)?^```(python|sql|console)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
EVERYWHERE = {"--url", "--json", "--help"}  # said once, at the top


def options(command: str) -> set[str]:
    """The long names of a command's options, as its help shows them."""
    group = typer.main.get_command(app)
    return {
        name
        for parameter in group.commands[command].params  # type: ignore[attr-defined]
        for name in [*parameter.opts, *parameter.secondary_opts]
        if name.startswith("--") and not name.startswith("--no-")
    }


def test_every_command_has_a_section_and_no_other_is_there() -> None:
    assert set(SECTIONS) == set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_is_named_in_its_section(command: str) -> None:
    assert {option for option in options(command) - EVERYWHERE if option not in SECTIONS[command]} == set()
    assert set(re.findall(r"`(--[a-z-]+)", SECTIONS[command])) <= options(command) | EVERYWHERE


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_and_parameter_says_what_it_is(command: str) -> None:
    function = COMMANDS[command]
    assert (function.__doc__ or "").strip()
    assert "--url" in options(command)
    for name, parameter in inspect.signature(function).parameters.items():
        assert get_origin(parameter.annotation) is Annotated, name
        described: Any = get_args(parameter.annotation)[1]
        assert described.help, name


def test_the_design_s_commands_are_there() -> None:
    wanted = "demo init upgrade downgrade status plan apply revision merge track ingest training-set sync retain run pause resume calibrate register deploy score replay worker stage attach canary shadow rollback undeploy costs list search describe audit erase url psql serve doctor repair grant revoke roles"
    assert set(COMMANDS) == set(wanted.split())


def folded(text: str) -> str:
    return "\n".join(re.sub(r"[\s─━═]+", " ", line).strip() for line in text.strip().splitlines() if line.strip())


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::fsdb.LateValues")  # 2013, recorded today
def test_what_the_document_shows_is_what_happens(
    database: TestDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FSDB_URL", database.url)
    monkeypatch.setenv("FSDB_WAREHOUSE", str(tmp_path / "warehouse"))
    small = [replace(one, versions=one.versions // 100) for one in samples.SETS]
    for name, value in {"SETS": small, "LARGEST_CACHE": 0, "LEAST_SECONDS": 0.0}.items():
        monkeypatch.setattr(samples, name, value)  # calibrates in a second
    shown = set()
    with database.connect() as connection:
        for file, kind, text in BLOCK.findall(TEXT):
            if kind == "python":
                (tmp_path / file).write_text(text, encoding="utf-8")
                continue
            if kind == "sql":
                connection.execute(text)
                continue
            line, _, output = text.partition("\n")
            assert line.startswith("$ fsdb ")
            status = main(shlex.split(line.removeprefix("$ fsdb ")))
            printed = capsys.readouterr()
            assert status == 0, f"{line}\n{printed.out}{printed.err}"
            pattern = ".*?".join(re.escape(part) for part in folded(output).split("…"))
            assert re.fullmatch(pattern, folded(printed.out), re.DOTALL), f"{line} prints\n{printed.out}"
            shown.add(shlex.split(line)[2])
    assert shown == set(COMMANDS) - {"demo", "serve"}
