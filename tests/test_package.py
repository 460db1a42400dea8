"""What an installed fsdb brings: its version, its licence, help under both names, colours that can be switched off."""

import os
import subprocess
import sys
from importlib.metadata import metadata, version
from pathlib import Path

import pytest

import fsdb
from fsdb.cli.app import main

ROOT = Path(__file__).parents[1]


def test_version_and_licence() -> None:
    told = metadata("fsdb-postgres")
    assert fsdb.__version__ == version("fsdb-postgres")
    assert told["License-Expression"] == "Apache-2.0"
    assert "Apache License" in (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert fsdb.__file__ is not None
    assert (Path(fsdb.__file__).parent / "py.typed").exists()


@pytest.mark.parametrize("arguments", [[], ["plan"]])
def test_help_has_a_short_name(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*arguments, "-h"]) == 0
    short = capsys.readouterr().out
    assert main([*arguments, "--help"]) == 0
    assert short == capsys.readouterr().out
    assert "Usage: fsdb" in short


def test_completion_names_the_commands() -> None:
    asked = {**os.environ, "_FSDB_COMPLETE": "complete_bash", "COMP_WORDS": "fsdb trai", "COMP_CWORD": "1"}
    command = [sys.executable, "-m", "fsdb"]
    told = subprocess.run(command, env=asked, capture_output=True, text=True, timeout=60, check=False).stdout
    assert told.split() == ["training-set"]


@pytest.mark.parametrize(("variable", "coloured"), [("FORCE_COLOR", True), ("NO_COLOR", False)])
def test_colours_can_be_switched_off(
    variable: str, coloured: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv(variable, "1")
    assert main(["plan", "nowhere.py", "--url", "nonsense"]) == 1
    assert capsys.readouterr().err.startswith("\x1b[1;31mRefused" if coloured else "Refused")
